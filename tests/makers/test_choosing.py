"""Which checkpoint is kept, when training stops, and which try wins."""

from __future__ import annotations

import asyncio

from underdog.makers.choosing import Look, best, halved, spent_patience, steady


def looks(*scores: float, readable: float = 1.0) -> list[Look]:
    return [Look(10 * (i + 1), score, readable, 200) for i, score in enumerate(scores)]


def test_the_best_checkpoint_is_kept_and_the_earliest_of_equals():
    assert best(looks(0.5, 0.7, 0.7, 0.6)).step == 20


def test_what_comes_after_form_fell_apart_is_not_kept_however_well_it_scored():
    seen = [Look(10, 0.5, 0.98, 200), Look(20, 0.6, 0.7, 200), Look(30, 0.9, 0.99, 200)]
    assert best(seen).step == 10


def test_a_drop_that_may_be_chance_is_no_falling_apart():
    """Two answers of twenty fewer that could be read: within two standard errors."""
    seen = [Look(10, 0.5, 0.95, 20), Look(20, 0.6, 0.85, 20)]
    assert steady(seen) == seen


def test_patience_ends_after_so_many_looks_without_a_better_one():
    assert not spent_patience(looks(0.5, 0.7, 0.6), patience=2)
    assert spent_patience(looks(0.5, 0.7, 0.6, 0.7), patience=2)


def test_patience_ends_when_form_fell_apart():
    assert spent_patience([*looks(0.5), Look(20, 0.9, 0.5, 200)], patience=5)


def test_halving_takes_the_better_half_on_and_one_to_the_end():
    ran: list[tuple[str, int]] = []
    scores = {"a": 0.1, "b": 0.4, "c": 0.2, "d": 0.3}

    async def run(one: str, until: int) -> list[Look]:
        ran.append((one, until))
        return [Look(step, scores[one], 1.0, 100) for step in range(10, until + 1, 10)]

    won, seen = asyncio.run(halved(list(scores), (10, 20, 40), run))
    assert won == "b"
    assert ran == [("a", 10), ("b", 10), ("c", 10), ("d", 10), ("b", 20), ("d", 20), ("b", 40)]
    assert {name: len(found) for name, found in seen.items()} == {"a": 1, "b": 4, "c": 1, "d": 2}


def test_of_equal_tries_the_first_wins():
    async def run(one: str, until: int) -> list[Look]:
        return looks(0.5)

    assert asyncio.run(halved(["usual", "other"], (10, 20), run))[0] == "usual"
