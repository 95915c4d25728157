"""Corrections for having looked more than once."""

from __future__ import annotations

from collections.abc import Sequence


def bonferroni(confidence: float, looks: int) -> float:
    """The confidence each of `looks` intervals needs so that all hold together with `confidence`."""
    if looks < 1:
        raise ValueError(f"looks must be at least 1; got {looks}")
    return 1.0 - (1.0 - confidence) / looks


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjusted p-values, in the order given; None stays None and takes no share."""
    ranked = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    floor = 0.0
    for rank, (p, index) in enumerate(ranked):
        floor = max(floor, min(1.0, p * (len(ranked) - rank)))
        adjusted[index] = floor
    return adjusted
