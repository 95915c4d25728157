"""Controls without a lever: the equal-cost mix, the oracle, the constant answer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from underdog.statistics import oracle, paired_difference, static_mix

SCORES = {"small": 0.5, "middle": 0.6, "large": 0.9}
COSTS = {"small": 1.0, "middle": 6.0, "large": 9.0}
ARMS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 10)), min_size=1, max_size=6)


def test_the_best_mix_skips_an_arm_below_the_hull() -> None:
    mix = static_mix(SCORES, COSTS, 5.0)
    assert mix.weights == pytest.approx({"small": 0.5, "large": 0.5})
    assert (mix.score, mix.cost) == (pytest.approx(0.7), pytest.approx(5.0))


def test_a_budget_above_the_best_arm_buys_the_best_arm_and_one_below_all_buys_nothing() -> None:
    assert static_mix(SCORES, COSTS, 50.0).weights == {"large": 1.0}
    assert static_mix(SCORES, COSTS, 1.0).weights == {"small": 1.0}
    none = static_mix(SCORES, COSTS, 0.5)
    assert none.weights == {} and none.score is None and "cheapest arm costs 1" in none.note


def test_a_cheap_arm_that_scores_best_is_taken_whole() -> None:
    assert static_mix({"a": 0.9, "b": 0.5}, {"a": 1.0, "b": 2.0}, 2.0).weights == {"a": 1.0}


def test_an_arm_of_unknown_cost_is_left_out_by_name() -> None:
    mix = static_mix({**SCORES, "odd": 1.0, "void": None}, {**COSTS, "odd": None, "void": 1.0}, 5.0)
    assert set(mix.weights) == {"small", "large"} and "odd, void" in mix.note
    assert static_mix({"odd": 1.0}, {"odd": None}, 5.0).score is None


@given(ARMS, st.floats(0, 10))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_no_random_mix_within_the_budget_scores_higher(
    arms: list[tuple[float, float]], budget: float
) -> None:
    scores = {str(i): s for i, (s, _) in enumerate(arms)}
    costs = {str(i): c for i, (_, c) in enumerate(arms)}
    mix = static_mix(scores, costs, budget)
    if mix.score is None:
        assert min(costs.values()) > budget
        return
    assert mix.cost is not None and mix.cost <= budget + 1e-9
    assert sum(mix.weights.values()) == pytest.approx(1.0)
    weights = np.random.default_rng(0).dirichlet(np.full(len(arms), 0.3), size=300)
    affordable = weights[weights @ np.array(list(costs.values())) <= budget]
    assert (affordable @ np.array(list(scores.values())) <= mix.score + 1e-9).all()


def test_a_plan_can_be_paired_with_the_mix_item_by_item() -> None:
    mix = static_mix(SCORES, COSTS, 5.0)
    items = mix.per_item({"small": [1, 0, None, 0], "middle": [0, 0, 0, 0], "large": [1, 1, 1, 0]})
    assert items == [1.0, 0.5, None, 0.0]
    paired = paired_difference([1, 1, 1, 0], items)
    assert (paired.n, paired.difference) == (3, pytest.approx(1 / 6))


def test_a_mix_of_nothing_scores_no_items() -> None:
    with pytest.raises(ValueError, match="no arms"):
        static_mix({}, {}, 1.0).per_item({})


def test_the_oracle_takes_the_best_arm_on_each_item() -> None:
    assert oracle({"a": [1, 0, None, None], "b": [0, 0.5, 0.2, None]}) == [1.0, 0.5, 0.2, None]
    assert oracle({}) == []
