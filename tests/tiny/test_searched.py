"""Arms that spend draws: what they are, and that a checked best of n is exactly "any draw is right"."""

from __future__ import annotations

import asyncio
import json

import pytest

from underdog.acts import Acts
from underdog.answerer import Model
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.example import Example
from underdog.levers import BestOf
from underdog.levers.check import Check
from underdog.levers.program import Program
from underdog.plan import dump, load
from underdog.store.sinks import MemoryBank
from underdog.studies.spec import read
from underdog.tiny import searched, worlds
from underdog.tiny.worlds import countdown

SMALL, DRAWS = Model("tiny/small"), 6


@pytest.mark.parametrize("world", ["countdown", "passage"])
def test_every_arm_can_be_saved_and_the_checked_ones_are_where_a_checker_is(world) -> None:
    arms = searched.arms(SMALL, world)
    assert all(load(json.loads(json.dumps(dump(arm)))) == arm for arm in arms.values())
    assert len(set(arms.values())) == len(arms)
    assert any("checked" in name for name in arms) == (world in searched.CHECKERS)


def test_best_of_with_the_exact_checker_is_right_exactly_where_any_draw_is() -> None:
    pytest.importorskip("torch")
    task = worlds.task("countdown", 60, 3)
    small, check = read(SMALL, task.reading), Check(Program.read(searched.CHECKERS["countdown"]))
    arms = [BestOf(small, DRAWS, check), BestOf(small, DRAWS, check, batch=2)]

    async def scored(example: Example, driver: Driver) -> tuple[list[bool], list[bool], list[int]]:
        request = example.request(task.sampling)
        drawn = [request.sampled(temperature=0.7).drawn(i) for i in range(DRAWS)]
        draws = await asyncio.gather(*(driver.answer(small, one) for one in drawn))
        best = await asyncio.gather(*(driver.answer(arm, request) for arm in arms))
        right, kept = ([countdown.right(t.result.final, example) for t in ts] for ts in (draws, best))
        return right, kept, [trail.spend.calls for trail in best]

    async def measured() -> list[tuple[list[bool], list[bool], list[int]]]:
        bind = Binder()
        async with Acts(bind) as acts, Driver(bind, MemoryBank(), tools=acts) as driver:
            return await asyncio.gather(*(scored(example, driver) for example in task.split("test")))

    found = asyncio.run(measured())
    assert any(sum(right) == 1 for right, _, _ in found), "on some item one draw alone is right"
    for right, kept, calls in found:
        assert kept == [any(right)] * 2
        first = right.index(True) if any(right) else DRAWS - 1
        assert calls == [DRAWS, 2 * (first // 2 + 1)]
