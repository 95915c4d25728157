"""Budgets: never overrun under concurrency, refused with a sentence, counted over resumed runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from underdog.answerer import Answer, Failure, Model, Request
from underdog.budget import Budget, Purse
from underdog.drive import Driver
from underdog.engines import Delta
from underdog.errors import BudgetSpent
from underdog.store.sinks import MemoryBank
from underdog.terms import Retry
from underdog.trial import Spend

SMALL = Model("fake/small")

_cost = st.integers(0, 40)
# bound, cost (at most the bound), fails first, streamed
_call = st.tuples(_cost, _cost, st.booleans(), st.booleans())


class Metered:
    """Costs what the plan of its call says, and never more than the bound."""

    fingerprint, same_prompt, billed = "metered", False, True

    def __init__(self, plan: list[tuple[int, int, bool, bool]], concurrency: int, batch: int) -> None:
        self.plan, self.concurrency, self.batch = plan, concurrency, batch
        self.tried: set[int] = set()
        self.really_spent = 0

    def _reply(self, request: Request) -> Answer | Failure:
        number = request.draw[0]
        bound, share, fails, _ = self.plan[number]
        tokens = min(bound, share)
        self.really_spent += tokens
        spend = Spend(calls=1, tokens_in=tokens, dollars=tokens / 100)
        if fails and number not in self.tried:
            self.tried.add(number)
            return Failure("server_error", "down", retryable=True, spend=spend)
        return Answer("a", spend=spend)

    async def generate(self, requests: Any) -> list[Any]:
        await asyncio.sleep(0)
        return [self._reply(request) for request in requests]

    async def stream(self, request: Request) -> Any:
        await asyncio.sleep(0)
        whole = self._reply(request)
        yield Delta(answer=whole) if isinstance(whole, Answer) else Delta(failure=whole)

    def bound(self, request: Request) -> Spend:
        tokens = self.plan[request.draw[0]][0]
        return Spend(tokens_in=tokens, dollars=tokens / 100)

    def price(self, spend: Spend) -> Spend:
        return spend

    def identity(self, request: Request) -> str:
        return request.digest

    def versions(self) -> dict[str, str]:
        return {}

    async def close(self) -> None:
        pass


@settings(max_examples=150, deadline=None)
@given(
    plan=st.lists(_call, min_size=1, max_size=25),
    limit=st.integers(0, 400),
    in_dollars=st.booleans(),
    concurrency=st.integers(1, 9),
    batch=st.integers(1, 5),
    before=st.integers(0, 100),
)
def test_no_budget_is_ever_overrun(plan, limit, in_dollars, concurrency, batch, before) -> None:
    engine = Metered(plan, concurrency, batch)
    budget = Budget(dollars=limit / 100) if in_dollars else Budget(tokens=limit)
    purse = Purse(budget, spent=Spend(tokens_in=before, dollars=before / 100))

    async def one(driver: Driver, number: int) -> Any:
        request = Request(({"role": "user", "content": "q"},)).sampled(temperature=1.0).drawn(number)
        if not plan[number][3]:
            return (await driver.answer(SMALL, request)).result
        pieces = [piece async for piece in driver.stream(SMALL, request)]
        return pieces[-1].answer or pieces[-1].failure

    async def session() -> list[Any]:
        retry = Retry(attempts=2, first=0.0001, longest=0.0001)
        async with Driver(lambda model: engine, MemoryBank(), purse=purse, retry=retry) as driver:
            work = asyncio.gather(*(one(driver, number) for number in range(len(plan))))
            return await asyncio.wait_for(work, 20)

    results = asyncio.run(session())
    assert before + engine.really_spent <= max(limit, before)
    assert purse.spent.tokens == before + engine.really_spent
    assert purse.pending == 0 and purse.reserved == Spend()
    assert all(isinstance(r, Answer) or r.kind == "budget" for r in results)
    left = limit - before - engine.really_spent
    for number, result in enumerate(results):
        if isinstance(result, Failure):
            assert plan[number][0] > left, "a call that there was room for was refused"


def test_without_a_limit_nothing_is_refused_and_nothing_is_noted_beforehand(
    drive, scripted, question, bank
) -> None:
    bank.reserve = None  # would raise if it were called
    assert not Budget().limited and Budget(minutes=1).limited
    assert drive(scripted(), lambda driver: driver.answer(SMALL, question)).result.text == "q[]"


def test_a_spent_budget_is_a_failure_with_the_sentence_and_sends_nothing(drive, scripted, question) -> None:
    engine = scripted()
    purse = Purse(Budget(tokens=9))
    trail = drive(engine, lambda driver: driver.answer(SMALL, question), purse=purse)
    assert engine.asked == [] and trail.result.kind == "budget"
    assert trail.result.message == (
        "the budget of 9 tokens has no room for the next call (spent 0, at most 10 more); "
        "raise it and run again"
    )


def test_what_the_bank_holds_needs_no_budget(drive, scripted, question) -> None:
    drive(scripted(), lambda driver: driver.answer(SMALL, question))
    broke = Purse(Budget(tokens=0))
    assert drive(scripted(), lambda d: d.answer(SMALL, question), purse=broke).result.text == "q[]"
    assert broke.spent == Spend()


def test_a_budget_in_dollars_refuses_a_model_without_a_price(drive, scripted, question) -> None:
    engine = scripted(most=Spend(tokens_in=1, dollars=None))
    trail = drive(engine, lambda driver: driver.answer(SMALL, question), purse=Purse(Budget(dollars=5)))
    assert trail.result.kind == "budget" and "needs a price for every model" in trail.result.message
    assert engine.asked == []


def test_a_budget_in_tokens_takes_a_model_without_a_price(drive, scripted, question) -> None:
    engine = scripted(
        lambda r: Answer("a", spend=Spend(calls=1, tokens_in=1, dollars=None)),
        most=Spend(tokens_in=1, dollars=None),
    )
    trail = drive(engine, lambda driver: driver.answer(SMALL, question), purse=Purse(Budget(tokens=5)))
    assert trail.result.text == "a" and trail.spend.dollars is None


def test_minutes_are_counted_from_the_start_and_refuse_with_a_sentence(drive, scripted, question) -> None:
    now = [0.0]
    purse = Purse(Budget(minutes=2), clock=lambda: now[0])

    async def body(driver):
        first = await driver.answer(SMALL, question)
        now[0] = 120.0
        return first, await driver.answer(SMALL, question.sampled(seed=1))

    engine = scripted()
    first, late = drive(engine, body, purse=purse)
    assert first.result.text == "q[]" and len(engine.asked) == 1
    assert late.result.kind == "budget" and "2 minutes is used up" in late.result.message


def test_what_earlier_processes_spent_counts() -> None:
    purse = Purse(Budget(dollars=1.0), spent=Spend(dollars=0.8))
    assert purse.reserve(Spend(dollars=0.2))
    purse.settle(Spend(dollars=0.2), Spend(dollars=0.1))
    with pytest.raises(BudgetSpent, match=r"\$1 has no room .* .spent \$0\.9000, at most \$0\.2000 more"):
        purse.reserve(Spend(dollars=0.2))


def test_a_call_that_may_yet_fit_waits_for_those_under_way() -> None:
    purse = Purse(Budget(tokens=10))
    told: list[int] = []
    purse.on_settled(lambda: told.append(1))
    assert purse.reserve(Spend(tokens_in=8))
    assert not purse.reserve(Spend(tokens_in=8))
    purse.settle(Spend(tokens_in=8), Spend(tokens_in=2))
    assert told == [1] and purse.reserve(Spend(tokens_in=8))


def test_ten_tenths_fill_a_budget_of_one_dollar() -> None:
    purse = Purse(Budget(dollars=1.0))
    for _ in range(10):
        assert purse.reserve(Spend(dollars=0.1))
    for _ in range(10):
        purse.settle(Spend(dollars=0.1), Spend(dollars=0.1))
    with pytest.raises(BudgetSpent):
        purse.reserve(Spend(dollars=0.01))


def test_a_failed_attempts_cost_stays_spent_when_the_retry_finds_no_room(drive, scripted, question) -> None:
    lost = Failure("server_error", "down", retryable=True, spend=Spend(calls=1, tokens_in=6))
    engine = scripted(lambda r: lost)
    purse = Purse(Budget(tokens=12))
    trail = drive(
        engine, lambda d: d.answer(SMALL, question), purse=purse, retry=Retry(3, first=0.001, longest=0.001)
    )
    assert trail.result.kind == "budget" and len(engine.asked) == 1
    assert trail.spend.tokens == purse.spent.tokens == 6


def test_a_resumed_run_counts_a_call_that_never_came_back(drive, scripted, question, bank) -> None:
    engine = scripted()

    async def body(driver):
        engine.gate = asyncio.Event()
        task = asyncio.ensure_future(driver.answer(SMALL, question))
        while not engine.asked:
            await asyncio.sleep(0)
        await driver.__aexit__()
        return await task

    drive(engine, body, purse=Purse(Budget(tokens=100)))
    assert bank.spent().tokens == engine.most.tokens


def test_a_timed_out_call_counts_at_its_bound_in_the_record_too(drive, scripted, question, bank) -> None:
    engine = scripted()

    async def body(driver):
        engine.gate = asyncio.Event()
        return await driver.answer(SMALL, question)

    purse = Purse(Budget(tokens=100))
    drive(engine, body, purse=purse, timeout=0.01, retry=Retry(attempts=2, first=0.001))
    assert bank.spent().tokens == purse.spent.tokens == 2 * engine.most.tokens


def test_lanes_of_one_driver_share_one_budget(drive, scripted, question) -> None:
    engines = {f"fake/{i}": scripted(fingerprint=str(i)) for i in range(6)}
    purse = Purse(Budget(tokens=30))

    async def body(driver):
        return await asyncio.gather(*(driver.answer(Model(name), question) for name in engines))

    trails = drive(engines, body, purse=purse)
    answered = [trail for trail in trails if isinstance(trail.result, Answer)]
    assert 3 <= len(answered) <= 5 and purse.spent.tokens == 5 * len(answered) <= 30
    assert replace(purse.spent, dollars=0.0).tokens_out == 3 * len(answered)
