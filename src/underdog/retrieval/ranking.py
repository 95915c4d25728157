"""Rankings: the best of many scores, and two rankings made one. Ties go to what comes first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from underdog.statistics.vectors import Floats, Ints

RRF = 60
"""The constant of reciprocal rank fusion, as its authors chose it."""


def best(scores: Floats, k: int, above: float = -np.inf) -> Ints:
    """The places of the k highest scores over `above`, highest first; ties in the order of places."""
    known = np.flatnonzero(scores > above)
    if len(known) > k:
        edge = np.partition(scores[known], len(known) - k)[len(known) - k]
        known = known[scores[known] >= edge]
    return known[np.argsort(-scores[known], kind="stable")][:k]


def fused(rankings: Sequence[Ints], count: int) -> Floats:
    """One score a place out of several rankings: the sum of 1 / (60 + rank), shape (count,).

    Reciprocal rank fusion (Cormack, Clarke and Buettcher 2009, doi 10.1145/1571941.1572114): it needs no
    common scale, only orders. Places that no ranking names have 0.
    """
    made = np.zeros(count)
    for ranking in rankings:
        made[ranking] += 1 / (RRF + 1 + np.arange(len(ranking)))
    return made
