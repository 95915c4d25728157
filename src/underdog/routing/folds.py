"""Which question lies in which fold: groups are never split, categories spread evenly, seeds fixed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from underdog.routing.table import codes_of
from underdog.statistics.vectors import Ints, Mask


def folds(groups: Sequence[str], strata: Sequence[str] | None, number: int, seed: int = 0) -> Ints:
    """A fold from 0 to number - 1 for every question, shape (n,).

    Questions that share a group share a fold. Groups are shuffled, laid out stratum by stratum (a group's is
    that of its first question) and dealt out in turn by the rows they hold.
    """
    codes = codes_of(groups)
    count = int(codes.max(initial=-1)) + 1
    first = np.full(count, -1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    layer = np.zeros(len(codes), dtype=np.int64) if strata is None else codes_of(strata)
    shuffled = np.random.default_rng(seed).permutation(count)
    order = shuffled[np.argsort(layer[first[shuffled]], kind="stable")]
    sizes = np.bincount(codes, minlength=count)
    before = np.cumsum(sizes[order]) - sizes[order]
    of_group = np.empty(count, dtype=np.int64)
    of_group[order] = before % number
    fold: Ints = of_group[codes]
    return fold


def held_out(groups: Sequence[str], strata: Sequence[str] | None, share: float, seed: int = 0) -> Mask:
    """True for about this share of the questions, shape (n,): those that nothing may be fitted on."""
    parts = 10 if abs(10 * share - round(10 * share)) < 1e-9 else 100
    fold = folds(groups, strata, parts, seed)
    chosen = np.random.default_rng(seed).permutation(parts)[: round(parts * share)]
    return np.isin(fold, chosen)
