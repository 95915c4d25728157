"""Does confidence know who is right? AUROC for ranking, a calibration curve and its error for the level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from underdog.statistics.bounded import bounded_mean
from underdog.statistics.intervals import Interval, undefined, wilson
from underdog.statistics.quantiles import check_confidence, student_quantile
from underdog.statistics.vectors import (
    Floats,
    Groups,
    Ints,
    Mask,
    Scores,
    group_codes,
    group_sums,
    same_length,
    score_vector,
)

_DRAWS = 1_000
_SEED = 1988_44_837


@dataclass(frozen=True, slots=True)
class Bin:
    """Items of like confidence: its range, its mean, and how often they were right, with an interval."""

    low: float
    high: float
    confidence: float
    right: Interval


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far confidence is from the share right.

    `error` is the expected calibration error over equal-count bins; `by_chance` is the mean error that
    perfectly calibrated confidences would show at this n and `p` the share of such draws with at least this
    error, so that a small sample is not called miscalibrated for being small. `brier` is the mean squared
    error. All are None without items.
    """

    n: int
    error: float | None
    by_chance: float | None
    p: float | None
    brier: float | None
    bins: tuple[Bin, ...] = ()


def auroc(
    confidences: Scores,
    right: Sequence[bool],
    confidence: float = 0.95,
    groups: Groups | None = None,
) -> Interval:
    """P(a right answer is held with more confidence than a wrong one), ties counting half.

    DeLong's variance (Biometrics 1988, 44:837), summed by group where examples share one, on the logit
    scale, with Student's quantile at Welch's degrees of freedom: with three wrong answers the normal one
    covers 88 %, not 95. Where that variance says nothing (one right or wrong answer only, all confidences
    equal, an area of 0 or 1) the bound of `bounded.py` on the placements of the scarcer kind.
    Undefined when all are right or all wrong. Items whose confidence is None are left out.
    """
    check_confidence(confidence)
    levels, truth, kept = _levels(confidences, right)
    n, rights = len(levels), int(truth.sum())
    if rights == 0 or rights == n:
        reason = "no items with a confidence" if n == 0 else "all answers are right or all are wrong"
        return undefined(reason, n, confidence, "delong")
    shares = _placements(levels, truth)
    scarce = truth == (1.0 if rights <= n - rights else 0.0)
    area = float(shares[scarce].mean())
    codes = group_codes(groups, kept)
    error, freedom = _spread(shares, truth, codes)
    if freedom == 0 or error == 0.0:
        low, high = bounded_mean(shares[scarce], 0.0, 1.0, confidence, _renumbered(codes, scarce))
        return Interval(area, low, high, n, confidence, "gaffke on placements")
    half = student_quantile(0.5 + confidence / 2, freedom) * error / (area * (1 - area))
    odds = np.log(area / (1 - area)) + np.array([-half, half])
    low, high = (1.0 / (1.0 + np.exp(-odds))).tolist()
    return Interval(area, low, high, n, confidence, "delong, logit")


def auroc_difference(
    first: Scores,
    second: Scores,
    right: Sequence[bool],
    confidence: float = 0.95,
    groups: Groups | None = None,
) -> Interval:
    """How much better the first signal ranks right above wrong answers than the second, on the same items.

    First area minus second with DeLong's variance of the difference (Biometrics 1988, 44:837), by group where
    items share one; where that variance says nothing, the bound of `bounded.py`, as for one area. Items on
    which either signal is None are left out. Undefined when all are right or all wrong.
    """
    check_confidence(confidence)
    same_length(first, second, right)
    both = [a is not None and b is not None for a, b in zip(first, second, strict=True)]
    kept = np.array(both, dtype=bool)
    a, b = score_vector(first)[kept], score_vector(second)[kept]
    truth = np.array(right, dtype=np.float64)[kept]
    n, rights = len(truth), int(truth.sum())
    if rights == 0 or rights == n:
        return undefined("all answers are right or all are wrong", n, confidence, "delong")
    shares = _placements(a, truth) - _placements(b, truth)
    codes = group_codes(groups, kept)
    error, freedom = _spread(shares, truth, codes)
    difference = float(shares[truth == 1.0].mean())
    if error == 0.0:
        scarce = truth == (1.0 if rights <= n - rights else 0.0)
        low, high = bounded_mean(shares[scarce], -1.0, 1.0, confidence, _renumbered(codes, scarce))
        return Interval(difference, low, high, n, confidence, "gaffke on placements")
    half = student_quantile(0.5 + confidence / 2, freedom) * error
    return Interval(difference, difference - half, difference + half, n, confidence, "delong, paired")


def calibration_curve(confidences: Scores, right: Sequence[bool], bins: int = 10) -> Calibration:
    """The calibration curve over at most `bins` bins of equal count; ties in confidence stay together."""
    if bins < 1:
        raise ValueError(f"bins must be at least 1; got {bins}")
    levels, truth, _ = _levels(confidences, right)
    if len(levels) == 0:
        return Calibration(0, None, None, None, None)
    order = np.argsort(levels, kind="stable")
    levels, truth = levels[order], truth[order]
    owner = _owners(levels, bins)
    generator = np.random.default_rng(_SEED)
    fair = np.array(
        [
            _error(levels, (generator.random(len(levels)) < levels).astype(np.float64), owner)
            for _ in range(_DRAWS)
        ]
    )
    error = _error(levels, truth, owner)
    return Calibration(
        n=len(levels),
        error=error,
        by_chance=float(fair.mean()),
        p=float((1 + (fair >= error - 1e-12).sum()) / (1 + _DRAWS)),
        brier=float(((levels - truth) ** 2).mean()),
        bins=tuple(_bin(levels[owner == b], truth[owner == b]) for b in range(int(owner[-1]) + 1)),
    )


def _levels(confidences: Scores, right: Sequence[bool]) -> tuple[Floats, Floats, Mask]:
    same_length(confidences, right)
    levels = score_vector(confidences)
    kept = ~np.isnan(levels)
    return levels[kept], np.array(right, dtype=np.float64)[kept], kept


def _placements(levels: Floats, truth: Floats) -> Floats:
    """Each item's share of the other kind that it is ranked rightly against; a kind's mean is the area."""
    shares = np.empty_like(levels)
    for kind in (1.0, 0.0):
        at, other = levels[truth == kind], np.sort(levels[truth != kind])
        below = (np.searchsorted(other, at) + np.searchsorted(other, at, "right")) / (2 * len(other))
        shares[truth == kind] = below if kind == 1.0 else 1.0 - below
    return shares


def _spread(shares: Floats, truth: Floats, codes: Ints | None) -> tuple[float, float]:
    """DeLong's standard error by group, and its degrees of freedom; 0 when one kind has a single item."""
    sizes = [int((truth == kind).sum()) for kind in (1.0, 0.0)]
    if min(sizes) < 2:
        return 0.0, 0.0
    parts = [
        float(shares[truth == kind].var(ddof=1)) / size for kind, size in zip((1.0, 0.0), sizes, strict=True)
    ]
    total = sum(parts)
    if total == 0.0:
        return 0.0, 0.0
    freedom = total**2 / sum(part**2 / (size - 1) for part, size in zip(parts, sizes, strict=True))
    if codes is None:
        return sqrt(total), freedom
    size = np.where(truth == 1.0, sizes[0], sizes[1])
    sums, _ = group_sums((shares - shares[truth == 1.0].mean()) / size, codes)
    units = len(sums)
    if units < 2:
        return 0.0, 0.0
    return sqrt(float((sums**2).sum()) * units / (units - 1)), min(freedom, units - 1.0)


def _renumbered(codes: Ints | None, chosen: Mask) -> Ints | None:
    return None if codes is None else np.unique(codes[chosen], return_inverse=True)[1].astype(np.int64)


def _owners(levels: Floats, bins: int) -> Ints:
    """Bin number of each sorted level; equal levels share the bin of their first."""
    n = len(levels)
    first = np.searchsorted(levels, levels)
    raw = first * bins // n
    return np.unique(raw, return_inverse=True)[1].astype(np.int64)


def _error(levels: Floats, truth: Floats, owner: Ints) -> float:
    return float(np.abs(np.bincount(owner, weights=levels - truth)).sum() / len(levels))


def _bin(levels: Floats, truth: Floats) -> Bin:
    right = wilson(int(truth.sum()), len(truth))
    return Bin(float(levels[0]), float(levels[-1]), float(levels.mean()), right)
