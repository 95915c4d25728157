"""What changing models within a conversation costs in prompts that had been cached."""

from __future__ import annotations

import pytest

from underdog.errors import DataError
from underdog.routing.prompt_cache import TokenPrice, Turn, conversation_cost, kept

PRICES = {"small": TokenPrice(1.0, 0.1, 4.0), "large": TokenPrice(10.0, 1.0, 40.0)}


def test_staying_pays_for_the_history_at_the_price_of_the_cache() -> None:
    turns = [Turn(2_000, 100, "large"), Turn(50, 100, "large")]
    found = conversation_cost(turns, PRICES)
    first, second = 2_000 * 10 + 100 * 40, 2_100 * 1 + 50 * 10 + 100 * 40
    assert found.dollars == pytest.approx((first + second) / 1e6)
    assert (found.lost, found.switches) == (0.0, 0)


def test_switching_pays_for_it_anew_and_says_how_much_was_lost() -> None:
    turns = [Turn(2_000, 100, "large"), Turn(50, 100, "small"), Turn(50, 100, "large")]
    found = conversation_cost(turns, PRICES)
    lost_small = 2_100 * (1.0 - 0.1)
    lost_large = (2_250 - 2_100) * (10.0 - 1.0)
    assert found.switches == 2 and found.lost == pytest.approx((lost_small + lost_large) / 1e6)
    assert conversation_cost(kept(turns), PRICES).lost == 0.0
    assert {turn.answerer for turn in kept(turns)} == {"large"} and kept([]) == []


def test_bouncing_can_cost_more_than_staying_with_the_dearer_model() -> None:
    """A long tool loop: the cheaper model's turns save less than the lost cache costs."""
    bouncing = [Turn(20_000, 20, "large"), *[Turn(200, 20, ("small", "large")[i % 2]) for i in range(10)]]
    prices = PRICES | {"small": TokenPrice(8.0, 8.0, 32.0)}
    assert conversation_cost(bouncing, prices).dollars > conversation_cost(kept(bouncing), prices).dollars


def test_short_prompts_are_not_cached() -> None:
    turns = [Turn(500, 100, "large"), Turn(50, 100, "large")]
    assert conversation_cost(turns, PRICES).dollars == pytest.approx((1_150 * 10 + 200 * 40) / 1e6)
    assert conversation_cost(turns, PRICES, least=0).dollars < conversation_cost(turns, PRICES).dollars


def test_an_answerer_without_a_price_is_named() -> None:
    with pytest.raises(DataError, match="'other'"):
        conversation_cost([Turn(1, 1, "other")], PRICES)
