"""Acts: functions behind Tools, opened when a lever first asks for one and closed with the driver."""

from __future__ import annotations

import asyncio

import pytest

from underdog.acts import Acts
from underdog.answerer import Act, Tool
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.errors import ContractError
from underdog.store.sinks import MemoryBank


def test_nothing_is_opened_before_a_lever_asks_for_it():
    opened = []
    acts = Acts(lambda model: opened.append(model))
    assert "embed" in set(acts)
    assert opened == []


def test_a_tool_that_no_act_is_named_after_is_refused_with_those_that_are():
    async def go() -> None:
        async with Acts(Binder()) as acts, Driver(Binder(), MemoryBank(), tools=acts) as driver:
            await driver.act(Act(Tool("sing")))

    with pytest.raises(ContractError, match=r"'sing', which is not bound \(bound: .*embed"):
        asyncio.run(go())


def test_a_small_models_own_states_are_vectors():
    pytest.importorskip("torch", reason="the extra `local` is not installed")

    async def go() -> list[list[float]]:
        async with Acts(Binder()) as acts, Driver(Binder(), MemoryBank(), tools=acts) as driver:
            trail = await driver.act(Act(Tool("embed"), {"model": "tiny/small", "texts": ["one", "two"]}))
            return trail.result

    first, second = asyncio.run(go())
    assert len(first) == len(second) > 0
    assert first != second
