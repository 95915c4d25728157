"""How much of the gap between the small and the large model a plan closes."""

from __future__ import annotations

from math import sqrt

import numpy as np

from underdog.statistics.intervals import Interval, undefined
from underdog.statistics.paired import paired_difference
from underdog.statistics.quantiles import student_quantile
from underdog.statistics.vectors import (
    Floats,
    Groups,
    Mask,
    Scores,
    group_codes,
    group_sums,
    same_length,
    score_vector,
)

_METHOD = "fieller"


def gap_closed(
    plan: Scores,
    small: Scores,
    large: Scores,
    confidence: float = 0.95,
    groups: Groups | None = None,
) -> Interval:
    """(plan - small) / (large - small) on the examples that all three scored; 1 means level with large.

    Fieller's interval for a ratio of means, with variances by group where examples share one. Undefined
    when the interval of the gap itself includes 0: a ratio over an unresolved gap means nothing.
    """
    same_length(plan, small, large)
    vectors = np.stack([score_vector(plan), score_vector(small), score_vector(large)])
    kept: Mask = ~np.isnan(vectors.sum(axis=0))
    top, bottom = vectors[0, kept] - vectors[1, kept], vectors[2, kept] - vectors[1, kept]
    n = int(kept.sum())
    kept_groups = None if groups is None else [g for g, k in zip(groups, kept, strict=True) if k]
    gap = paired_difference(vectors[2, kept], vectors[1, kept], confidence, kept_groups)
    if gap.low is None or gap.high is None:
        return undefined(gap.note, n, confidence, _METHOD)
    if gap.high < 0:
        return undefined("the small model already scores higher: no gap to close", n, confidence, _METHOD)
    if gap.low <= 0:
        return undefined(
            f"the gap between small and large may be nil ({gap.low:+.3f} to {gap.high:+.3f})",
            n,
            confidence,
            _METHOD,
        )
    codes = group_codes(groups, kept)
    sums = np.stack([group_sums(v - v.mean(), codes)[0] for v in (top, bottom)])
    return _fieller(float(top.mean()), float(bottom.mean()), sums, n, confidence)


def _fieller(top: float, bottom: float, sums: Floats, n: int, confidence: float) -> Interval:
    """The ratios r for which mean(top) - r * mean(bottom) is within t standard errors of 0."""
    units = sums.shape[1]
    if units < 2:
        return undefined("one group only", n, confidence, _METHOD)
    (v_top, both), (_, v_bottom) = sums @ sums.T * units / (units - 1) / n**2
    t2 = student_quantile(0.5 + confidence / 2, units - 1) ** 2
    scale = float(bottom**2 - t2 * v_bottom)
    if scale <= 0:
        return undefined("the gap between small and large is not resolved", n, confidence, _METHOD)
    centre = float(top * bottom - t2 * both)
    spread = sqrt(max(centre**2 - scale * float(top**2 - t2 * v_top), 0.0))
    return Interval(
        top / bottom, (centre - spread) / scale, (centre + spread) / scale, n, confidence, _METHOD
    )
