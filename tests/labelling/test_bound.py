"""Bounds on a total from draws without replacement: exact by enumeration where that is possible."""

from __future__ import annotations

from itertools import permutations
from math import exp

import numpy as np
import pytest

from underdog.labelling.bound import (
    Draws,
    Stratum,
    ends,
    evidence_above,
    stratified_total,
    total_at_least,
    total_at_most,
)
from underdog.labelling.order import drawn_order

STRATA = (Stratum(3, 1.0, -1, 1, 0.3), Stratum(2, 0.5, -1, 0, -0.5))
HOMES = np.array([0, 0, 0, 1, 1])
VALUES = np.array([1.0, -1.0, 0.0, -1.0, 0.0])


def chance(order: tuple[int, ...]) -> float:
    """The probability of an order when each next item is drawn in proportion to its weight."""
    weights = np.array([STRATA[home].weight for home in HOMES])
    product, left = 1.0, list(range(5))
    for item in order:
        product *= weights[item] / weights[left].sum()
        left.remove(item)
    return product


def draws(order: tuple[int, ...]) -> Draws:
    where = np.array(order, dtype=np.int64)
    return Draws(STRATA, HOMES[where], VALUES[where])


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_gambler_who_bets_on_the_truth_gains_nothing_on_average(count: int, sign: int) -> None:
    """Over every order in which items may be drawn, wealth at the true total has mean at most 1."""
    total = float(VALUES.sum())
    mean = 0.0
    for order in permutations(range(5)):
        seen = draws(order[:count])
        seen = seen if sign > 0 else seen.mirrored
        mean += chance(order) * exp(evidence_above(seen, np.array([sign * total]))[0])
    assert 0.5 < mean <= 1.0 + 1e-9


def test_the_order_of_the_page_is_the_order_that_the_bets_are_made_on() -> None:
    """Seeds for chances: the first of five items comes in proportion to its weight."""

    class Item:
        def __init__(self, number: int) -> None:
            self.item, self.weight = f"q{number}", STRATA[HOMES[number]].weight

    items = [Item(number) for number in range(5)]
    firsts = [drawn_order(items, str(seed))[0].item for seed in range(4000)]
    shares = [firsts.count(item.item) / 4000 for item in items]
    assert np.allclose(shares, [0.25, 0.25, 0.25, 0.125, 0.125], atol=0.025)
    assert drawn_order(items, "7") == drawn_order(items[::-1], "7")


def test_a_stratified_estimate_is_unbiased_once_every_stratum_has_a_label() -> None:
    """Averaged over all orders of four draws, given how many came from each stratum."""
    sums: dict[int, list[float]] = {}
    for order in permutations(range(5), 4):
        seen = draws(order)
        sums.setdefault(int((seen.homes == 0).sum()), []).append(stratified_total(seen))
    assert sums.keys() == {2, 3}
    for values in sums.values():
        assert np.mean(values) == pytest.approx(VALUES.sum())


def test_with_everything_drawn_the_bounds_meet_in_the_total() -> None:
    seen = draws((0, 1, 2, 3, 4))
    assert total_at_least(seen, 0.01) == total_at_most(seen, 0.01) == VALUES.sum() == -1


def test_with_nothing_drawn_the_bounds_are_what_is_possible_at_all() -> None:
    seen = draws(())
    assert ends(seen) == (total_at_least(seen, 0.01), total_at_most(seen, 0.01)) == (-5, 3)


def population(generator: np.random.Generator) -> tuple[tuple[Stratum, ...], Draws]:
    """120 items of two strata, drawn in proportion to their weights."""
    strata = (Stratum(80, 1.0, -1, 1, 0.5), Stratum(40, 0.5, -1, 0, -0.2))
    homes = np.repeat([0, 1], [80, 40])
    values = np.where(homes == 0, generator.choice([-1, 0, 1], 120, p=[0.5, 0.3, 0.2]), 0.0)
    values[homes == 1] = -generator.binomial(1, 0.7, 40)
    order = np.argsort(generator.exponential(size=120) / np.where(homes == 0, 1.0, 0.5))
    return strata, Draws(strata, homes[order], values[order])


def test_bounds_hold_at_every_look_as_often_as_they_promise_and_narrow() -> None:
    """Guesses are wrong on purpose; a miss at any look is a miss."""
    generator = np.random.default_rng(3)
    missed, widths = 0, []
    for _ in range(40):
        strata, whole = population(generator)
        total, width = whole.values.sum(), []
        held = True
        for count in (10, 30, 90):
            seen = Draws(strata, whole.homes[:count], whole.values[:count])
            low, high = total_at_least(seen, 0.05), total_at_most(seen, 0.05)
            held &= low <= total <= high
            width.append(high - low)
        missed += not held
        widths.append(width)
    assert missed <= 8  # a tenth may: 40 x 0.1 + 2.1 standard errors
    first, *_, last = np.mean(widths, axis=0)
    assert last < first / 3 < 50
