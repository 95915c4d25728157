"""What a race foresees: the odds of each choice at the end, and which arms are worth their calls."""

from __future__ import annotations

import numpy as np

from underdog.statistics.foresight import Goal, final_choices, tabulated, worth_asking
from underdog.statistics.vectors import Floats

GOAL = Goal(margin=0.04)


def drawn(generator: np.random.Generator, units: int, *shares: float) -> Floats:
    return (generator.random((len(shares), units)) < np.array(shares)[:, None]).astype(np.float64)


def test_the_odds_of_a_choice_are_about_how_often_it_is_made() -> None:
    """Of 400 units 100 are seen, arms are of any strength: of what has odds of p, about p comes true."""
    generator = np.random.default_rng(4)
    told, came = [], []
    for _ in range(200):
        scores = drawn(generator, 400, *generator.uniform(0.4, 0.8, size=3), 0.9)
        costs = np.repeat([[1.0], [2.0], [3.0], [9.0]], 400, axis=1)
        odds = final_choices(scores[:, :100], costs[:, :100], 400, GOAL)
        at_the_end = int(final_choices(scores, costs, 400, GOAL).argmax())
        told.append(odds)
        came.append(np.arange(3) == at_the_end)
    odds, happened = np.concatenate(told), np.concatenate(came)
    for low, high in ((0.0, 0.1), (0.1, 0.4), (0.4, 0.7), (0.7, 1.0)):
        here = (odds >= low) & (odds <= high)
        assert abs(odds[here].mean() - happened[here].mean()) < 0.1, (low, high)


def test_once_all_is_seen_the_choice_is_certain_and_earlier_ties_are_not() -> None:
    """Arms that have not differed yet may still."""
    same = np.tile(drawn(np.random.default_rng(1), 50, 0.5), (3, 1))
    costs = np.repeat([[1.0], [2.0], [9.0]], 50, axis=1)
    assert final_choices(same, costs, 50, GOAL).tolist() == [1.0, 0.0]
    assert 0.0 < final_choices(same[:, :20], costs[:, :20], 1_000, GOAL)[1] < 0.5


def test_an_arm_whose_calls_are_made_anyway_is_kept_and_a_dear_one_without_prospects_is_not() -> None:
    """One unit, four calls: the panel needs what the models are asked anyway, the loner a call of its own."""
    calls = tabulated(
        {"a": [["m1"]], "b": [["m2"]], "panel": [["m1", "m2"]], "loner": [["m3", "m4"]]},
        ["a", "b", "panel", "loner"],
    )
    nothing = np.zeros(calls.shape[1:], dtype=np.bool_)
    odds = np.array([0.6, 0.399, 0.0, 0.001])
    assert worth_asking(odds, calls, nothing, risk=0.005).tolist() == [True, True, True, False]
    assert worth_asking(odds, calls, nothing, risk=0.0).all()
    assert worth_asking(odds, calls, ~nothing, risk=0.005).all()
