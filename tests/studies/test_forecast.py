"""The forecast of levers that act, repair, search by steps or call tools: it bounds what they can ask."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.studies.conftest import Shop, sums, sums_spec

from underdog.answerer import Answerer
from underdog.drive import Driver
from underdog.levers import Beam, BestOf, Check, Repair, Retrieve, Revise, Tools
from underdog.levers.program import Program
from underdog.retrieval.index import Index
from underdog.store import MemoryBank
from underdog.studies.forecast import Forecast, Work, forecast

PROGRAM = Program("checks.py:right", "d")
CHECK = Check(PROGRAM)
NOTES = Index.of([("a[0:3]", "3+3 is asked often"), ("b[0:3]", "nothing")]).stored


def foreseen(tmp_path: Path, lever: Answerer, shop: Shop) -> Forecast:
    spec = sums_spec(tmp_path, task=sums(10))

    async def go() -> Forecast:
        async with Driver(shop, MemoryBank()) as driver:
            return forecast(spec.task, [Work({"it": lever}, spec.task.examples)], driver, lambda _: None)

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("make", "least", "most"),
    [
        (lambda small: Repair(small, CHECK, most=2), 1, 3),
        (lambda small: Tools(small, functions=(PROGRAM,), most=3), 1, 4),
        (lambda small: BestOf(small, 4, CHECK, batch=2), 2, 4),
        (lambda small: Revise(small, rounds=3, width=2, verifier=CHECK), 8, 8),
        (lambda small: Retrieve(small, NOTES, k=1), 1, 1),
        (lambda small: Beam(small, CHECK, n=4, width=2, rounds=3), 4, 12),
    ],
    ids=["repair", "tools", "bestof", "revise", "retrieve", "beam"],
)
def test_a_lever_asks_no_more_than_was_foreseen(tmp_path, shop, make, least, most) -> None:
    small = sums_spec(tmp_path).read("small")
    found = foreseen(tmp_path, make(small), shop)
    assert found.least_calls == 10 * least
    assert 10 * most <= found.most_calls <= 20 * most, "both plays together, where their prompts differ"


def test_what_a_search_finds_makes_the_prompt_longer(tmp_path: Path, shop: Shop) -> None:
    small = sums_spec(tmp_path).read("small")
    plain, told = (foreseen(tmp_path, arm, shop) for arm in (small, Retrieve(small, NOTES, k=1)))
    assert told.tokens > plain.tokens
