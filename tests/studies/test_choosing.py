"""Which arm of the ladder goes on."""

from __future__ import annotations

from underdog.statistics import mean_interval
from underdog.studies.choosing import choose
from underdog.studies.findings import Arm


def arm(name: str, right: int, cost: float | None) -> Arm:
    return Arm(name, mean_interval([1.0] * right + [0.0] * (100 - right)), cost)


def test_the_cheapest_of_the_near_best_arms_that_cost_less_than_the_large_model_is_chosen() -> None:
    """A point more does not pay for a dearer arm; the large model itself is no candidate."""
    ladder = [arm("small", 60, 1), arm("vote", 79, 5), arm("cascade", 80, 8), arm("large", 90, 10)]
    assert choose(ladder, 0.02) == "vote"
    assert choose(ladder, 0.01) == "cascade"


def test_arms_dearer_than_the_large_model_are_chosen_only_when_there_is_no_other() -> None:
    """A cascade that costs more than what it replaces is no bargain."""
    ladder = [arm("small", 60, 1), arm("cascade", 95, 12), arm("large", 90, 10)]
    assert choose(ladder, 0.02) == "small"
    assert choose([arm("cascade", 95, 12), arm("large", 90, 10)], 0.02) == "cascade"


def test_of_arms_that_cost_and_score_the_same_the_plainer_is_chosen() -> None:
    """A cascade that never hands over is its first rung with more words."""
    ladder = [arm("tuned", 80, 1.00), arm("cascade", 80, 0.99), arm("vote", 80, 5), arm("large", 90, 10)]
    assert choose(ladder, 0.02) == "tuned"


def test_without_costs_the_best_score_decides() -> None:
    """Unknown is not free."""
    assert choose([arm("small", 60, None), arm("vote", 80, None), arm("large", 90, None)], 0.02) == "vote"


def test_lenient_twins_are_no_candidates_and_an_all_failed_ladder_falls_back_to_small() -> None:
    """What a client would see differs from what a lenient reader sees."""
    assert choose([arm("small", 60, 1), arm("small~lenient", 99, 1), arm("large", 90, 9)], 0.02) == "small"
    failed = Arm("small", mean_interval([None]), 1)
    assert choose([failed, arm("large", 90, 9)], 0.02) == "small"
