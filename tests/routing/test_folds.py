"""Folds: groups stay whole, categories are spread, seeds decide."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from underdog.routing.folds import folds, held_out


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=120), st.integers(2, 6), st.integers(0, 5))
def test_no_group_is_ever_split(groups, number, seed) -> None:
    names = [f"g{one}" for one in groups]
    fold = folds(names, None, number, seed)
    assert len(fold) == len(names) and fold.min() >= 0 and fold.max() < number
    of_group = {name: set(fold[[n == name for n in names]].tolist()) for name in names}
    assert all(len(found) == 1 for found in of_group.values())


def test_categories_are_spread_evenly_over_folds_and_the_held_out_part() -> None:
    names = [f"q{i}" for i in range(1_000)]
    strata = ["rare" if i % 10 == 0 else "common" for i in range(1_000)]
    rare = np.array([one == "rare" for one in strata])
    fold = folds(names, strata, 5, 3)
    assert np.bincount(fold[rare]).tolist() == [20] * 5
    test = held_out(names, strata, 0.3, 3)
    assert abs(int(test.sum()) - 300) <= 1 and 25 <= int(test[rare].sum()) <= 35


def test_the_seed_decides_and_the_same_seed_decides_the_same() -> None:
    names = [f"q{i}" for i in range(200)]
    assert np.array_equal(held_out(names, None, 0.3, 1), held_out(names, None, 0.3, 1))
    assert not np.array_equal(held_out(names, None, 0.3, 1), held_out(names, None, 0.3, 2))
