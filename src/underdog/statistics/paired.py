"""Two answerers on the same examples: the difference of their scores, its interval and its p-value."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

from underdog.statistics.bounded import bounded_mean
from underdog.statistics.certificate import Candidate, worst_case
from underdog.statistics.quantiles import binomial_at_most, check_confidence, two_sided_z
from underdog.statistics.vectors import (
    Floats,
    Groups,
    Ints,
    Scores,
    group_codes,
    group_sums,
    is_binary,
    same_length,
    score_vector,
)

_FLIPS = 20_000
_ENUMERATE = 18
_SEED = 1998_17_891


@dataclass(frozen=True, slots=True)
class Paired:
    """A minus B over the n examples on which both were scored.

    `helps` counts examples on which A scored higher, `harms` those on which B did; `dropped` pairs had a None
    on either side. `low` and `high` describe. `sure_low` and `sure_high` are one-sided bounds at the same
    confidence that hold at any n (those of `certificate.py`): wider, and fit for a claim. `p` is two-sided;
    `p_mid` is McNemar's mid-p, for reference only and None where McNemar was not used. `second_moment` is the
    mean squared difference (for 0/1 scores the share of discordant pairs) and `design_effect` how much groups
    inflate the variance: `power.py` plans with them. Without examples the numbers are None and `note` says
    why.
    """

    n: int
    a_mean: float | None
    b_mean: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    method: str
    helps: int
    harms: int
    confidence: float = 0.95
    dropped: int = 0
    groups: int | None = None
    p_mid: float | None = None
    sure_low: float | None = None
    sure_high: float | None = None
    second_moment: float | None = None
    design_effect: float = 1.0
    note: str = ""


def paired_difference(a: Scores, b: Scores, confidence: float = 0.95, groups: Groups | None = None) -> Paired:
    """Compare two score vectors, shape (n,), item by item; pairs with a None are dropped and counted.

    0/1 scores: Tango's score interval with the exact McNemar p (two-sided binomial on the discordant
    pairs). Fractional scores, or examples that share a group: Gaffke's bound on the differences (by
    group) and a sign-flip test of the groups' sums, exact up to 18 differing groups.

    Raises:
        ValueError: lengths differ or a score lies outside [0, 1].
    """
    same_length(a, b)
    check_confidence(confidence)
    first, second = score_vector(a), score_vector(b)
    kept = ~(np.isnan(first) | np.isnan(second))
    first, second = first[kept], second[kept]
    n, dropped = int(kept.sum()), int((~kept).sum())
    if n == 0:
        note = "no pairs" if dropped == 0 else f"no pair has both scores ({dropped} dropped)"
        return Paired(0, None, None, None, None, None, None, "none", 0, 0, confidence, dropped, note=note)
    d = first - second
    d[np.abs(d) < 1e-12] = 0.0
    codes = group_codes(groups, kept)
    helps, harms = int((d > 0).sum()), int((d < 0).sum())
    pairs = Candidate.from_differences("a", d, codes)
    bits = codes is None and is_binary(first) and is_binary(second)
    if bits:
        low, high = tango(helps, harms, n, confidence)
        p, p_mid = mcnemar(helps, harms)
    else:
        low, high = bounded_mean(d, -1.0, 1.0, confidence, codes)
        p, p_mid = sign_flip(group_sums(d, codes)[0]), None
    by_group = "" if codes is None else " by group"
    return Paired(
        n=n,
        a_mean=float(first.mean()),
        b_mean=float(second.mean()),
        difference=float(d.mean()),
        low=low,
        high=high,
        p=p,
        method="tango interval, exact mcnemar p" if bits else f"gaffke interval, sign-flip p{by_group}",
        helps=helps,
        harms=harms,
        confidence=confidence,
        dropped=dropped,
        groups=None if codes is None else int(codes.max()) + 1,
        p_mid=p_mid,
        sure_low=-worst_case(pairs, confidence),
        sure_high=worst_case(pairs.mirrored, confidence),
        second_moment=float((d * d).mean()),
        design_effect=_design_effect(d, codes),
    )


def tango(helps: float, harms: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Tango's score interval for a paired difference of proportions. Tango 1998, Stat Med 17:891.

    The set of differences D that the score test does not reject, with the variance at its maximum
    likelihood under D; recommended by Fagerland, Lydersen and Laake 2014 (Stat Med 33:2850) for its
    coverage at small n, and never of zero width. Counts may be fractional (planning).
    """
    if n <= 0 or helps < 0 or harms < 0 or helps + harms > n + 1e-9:
        raise ValueError(f"helps and harms must be counts within n; got {helps}, {harms} of {n}")
    z = two_sided_z(confidence)
    difference = (helps - harms) / n

    def lower(up: float, down: float) -> float:
        inside, outside = (up - down) / n, -1.0
        for _ in range(60):
            middle = (inside + outside) / 2
            gap = up - down - n * middle
            if gap > z * sqrt(n * score_variance(up / n, down / n, middle)):
                outside = middle
            else:
                inside = middle
        return outside

    low, high = lower(helps, harms), -lower(harms, helps)
    return max(-1.0, min(low, difference)), min(1.0, max(high, difference))


def score_variance(helped: float, harmed: float, difference: float) -> float:
    """Variance of one pair's difference when its mean is held at `difference`.

    `helped` and `harmed` are the observed shares; the share of harms is re-estimated by maximum
    likelihood under the constraint (the positive root of Tango's quadratic).
    """
    linear = -helped - harmed + (2 - helped + harmed) * difference
    constant = -harmed * difference * (1 - difference)
    root = sqrt(max(linear * linear - 8 * constant, 0.0))
    return max(2 * (root - linear) / 4 + difference * (1 - difference), 0.0)


def mcnemar(helps: int, harms: int) -> tuple[float, float]:
    """McNemar's two-sided p: exact (binomial on the discordant pairs) and mid-p."""
    discordant, fewer = helps + harms, min(helps, harms)
    below, up_to = binomial_at_most(fewer - 1, discordant), binomial_at_most(fewer, discordant)
    return min(1.0, 2 * up_to), below + up_to


def sign_flip(sums: Floats) -> float:
    """Two-sided p that the groups' sums are symmetric about 0, by flipping their signs.

    Every sign pattern is tried up to 18 non-zero sums; beyond that 20,000 seeded ones, with the
    (1 + hits) / (1 + tries) estimate that never returns a false 0.
    """
    sizes = np.abs(sums[sums != 0.0])
    observed = abs(float(sums.sum())) - 1e-9
    if len(sizes) == 0:
        return 1.0
    if len(sizes) <= _ENUMERATE:
        totals = np.zeros(1)
        for size in sizes:
            totals = np.concatenate([totals + size, totals - size])
        return float((np.abs(totals) >= observed).mean())
    distinct, counts = np.unique(sizes, return_counts=True)
    once = distinct[counts == 1]
    distinct, counts = distinct[counts > 1], counts[counts > 1]
    generator = np.random.default_rng(_SEED)
    step = max(1, 4_000_000 // len(sizes))
    hits = 0
    for start in range(0, _FLIPS, step):
        rows = min(step, _FLIPS - start)
        heads = generator.binomial(counts, 0.5, size=(rows, len(distinct)))
        signs = generator.integers(0, 2, size=(rows, len(once)), dtype=np.int8)
        totals = (2 * heads - counts) @ distinct + (2 * signs - 1) @ once
        hits += int((np.abs(totals) >= observed).sum())
    return (1 + hits) / (1 + _FLIPS)


def _design_effect(d: Floats, codes: Ints | None) -> float:
    """Variance of the mean by groups over its variance by items, not below 1."""
    if codes is None or len(np.unique(codes)) < 2 or float(d.var()) == 0.0:
        return 1.0
    sums, _ = group_sums(d - d.mean(), codes)
    return max(1.0, float((sums**2).sum()) / float(((d - d.mean()) ** 2).sum()))
