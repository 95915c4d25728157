"""Intervals for one mean or proportion. Comparisons of two are in `paired.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from underdog.statistics.bounded import bounded_mean
from underdog.statistics.quantiles import beta_quantile, check_confidence, two_sided_z
from underdog.statistics.vectors import Groups, Scores, group_codes, is_binary, score_vector


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its interval; all three are None when undefined, and `note` says why."""

    estimate: float | None
    low: float | None
    high: float | None
    n: int
    confidence: float
    method: str
    note: str = ""

    @property
    def defined(self) -> bool:
        return self.estimate is not None


def undefined(reason: str, n: int, confidence: float, method: str = "none") -> Interval:
    """No interval, and the reason."""
    return Interval(None, None, None, n, check_confidence(confidence), method, reason)


def wilson(k: int, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval for k successes of n: the one to show. Newcombe 1998, Stat Med 17:857."""
    _check_counts(k, n)
    if n == 0:
        return undefined("no scored items", 0, confidence, "wilson")
    z2 = two_sided_z(confidence) ** 2
    share = k / n
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = (z2 * (share * (1 - share) / n + z2 / (4 * n * n))) ** 0.5 / (1 + z2 / n)
    low = 0.0 if k == 0 else middle - half
    high = 1.0 if k == n else middle + half
    return Interval(share, low, high, n, confidence, "wilson")


def clopper_pearson(
    k: int,
    n: int,
    confidence: float = 0.95,
    side: Literal["both", "lower", "upper"] = "both",
) -> Interval:
    """The exact binomial interval: the one to promise with.

    `side="upper"` spends all of 1 - confidence on the upper end (the low end is 0), `"lower"` likewise.
    """
    _check_counts(k, n)
    tail = (1.0 - check_confidence(confidence)) / (2 if side == "both" else 1)
    if n == 0:
        return undefined("no scored items", 0, confidence, "clopper-pearson")
    low = 0.0 if k == 0 or side == "upper" else beta_quantile(tail, k, n - k + 1)
    high = 1.0 if k == n or side == "lower" else beta_quantile(1 - tail, k + 1, n - k)
    return Interval(k / n, low, high, n, confidence, "clopper-pearson")


def mean_interval(scores: Scores, confidence: float = 0.95, groups: Groups | None = None) -> Interval:
    """The mean of scores in [0, 1] with its interval; None entries are left out.

    Wilson for 0/1 scores, Gaffke's bound (see `bounded.py`) for fractional scores and wherever two
    examples share a group. n counts examples, and with groups the interval's width follows their number.
    """
    values = score_vector(scores)
    kept = ~np.isnan(values)
    values = values[kept]
    n = len(values)
    if n == 0:
        reason = "no items" if len(kept) == 0 else f"all {len(kept)} items failed"
        return undefined(reason, 0, confidence)
    codes = group_codes(groups, kept)
    if codes is None and is_binary(values):
        return wilson(int(values.sum()), n, confidence)
    low, high = bounded_mean(values, 0.0, 1.0, confidence, codes)
    method = "gaffke" if codes is None else "gaffke by group"
    return Interval(float(values.mean()), low, high, n, confidence, method)


def _check_counts(k: int, n: int) -> None:
    if not 0 <= k <= n:
        raise ValueError(f"successes must lie between 0 and n; got {k} of {n}")
