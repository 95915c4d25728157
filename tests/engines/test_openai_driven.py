"""The OpenAI engine under the driver: retries, votes in one call, budgets; the server misbehaves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.faulty_server import FaultyServer, HalfStream, Ok, Raw, Reset, Status

from underdog.answerer import Answer, Ask, Failure, Model, Request
from underdog.budget import Budget, Purse
from underdog.drive import Driver, Trail
from underdog.endpoint import Endpoint, Price
from underdog.engines import Engine
from underdog.engines.openai import OpenAIEngine
from underdog.levers.vote import Vote
from underdog.terms import Retry
from underdog.trial import Call, Spend

SMALL = Model("house/small")
HELLO = Request(({"role": "user", "content": "say hello"},))
AT_ONCE = Retry(first=0.0, longest=0.0)


class Bank:
    """Calls by key, in memory."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}

    def find(self, key: str) -> Call | None:
        return self.calls.get(key)

    async def record(self, calls: Sequence[Call]) -> None:
        self.calls |= {call.key: call for call in calls}

    async def reserve(self, key: str, bound: Spend) -> None: ...


def driver_of(
    server: FaultyServer, bank: Bank, price: Price | None = None, purse: Purse | None = None
) -> Driver:
    def bind(model: Model) -> Engine:
        return OpenAIEngine(Endpoint("house", server.url, timeout=20.0), "small", price=price)

    return Driver(bind, bank, retry=AT_ONCE, purse=purse)


def drive(server: FaultyServer, *asks: Ask, bank: Bank | None = None) -> list[Trail]:
    async def run() -> list[Trail]:
        async with driver_of(server, bank or Bank()) as driver:
            return list(await asyncio.gather(*(driver.answer(ask.answerer, ask.request) for ask in asks)))

    return asyncio.run(run())


def test_a_server_in_trouble_is_asked_until_it_answers() -> None:
    trouble = [Status(429, retry_after="0"), Status(500), Raw(b"garbage"), Reset()]
    with FaultyServer(*trouble, Ok("hello")) as server:
        [trail] = drive(server, Ask(SMALL, HELLO))
        assert server.served == 5
    assert isinstance(trail.result, Answer) and trail.result.text == "hello"


def test_what_cannot_be_mended_is_asked_once() -> None:
    with FaultyServer(Status(401)) as server:
        [trail] = drive(server, Ask(SMALL, HELLO))
        assert server.served == 1
    assert isinstance(trail.result, Failure) and trail.result.kind == "unauthorised"


def test_a_vote_is_one_request_and_each_of_its_draws_a_recorded_call() -> None:
    bank = Bank()
    with FaultyServer() as server:
        [first] = drive(server, Ask(Vote(SMALL, 5), HELLO), bank=bank)
        [again] = drive(server, Ask(Vote(SMALL, 5), HELLO), bank=bank)
        assert server.served == 1 and server.bodies[0]["n"] == 5
    assert len(bank.calls) == len(first.calls) == 5
    assert first.spend.tokens_in == 2, "the prompt is billed once"
    assert again.result.text == first.result.text and again.spend.tokens == first.spend.tokens


def test_a_stream_that_breaks_before_its_first_word_is_asked_again() -> None:
    async def run(server: FaultyServer) -> list[str]:
        async with driver_of(server, Bank()) as driver:
            return [delta.text async for delta in driver.stream(SMALL, HELLO)]

    with FaultyServer(Status(503), Reset(), Ok("hello there")) as server:
        assert "".join(asyncio.run(run(server))) == "hello there"


def test_half_a_stream_reaches_the_client_as_a_failure() -> None:
    async def run(server: FaultyServer) -> tuple[list[str], Failure | None]:
        async with driver_of(server, Bank()) as driver:
            pieces = [delta async for delta in driver.stream(SMALL, HELLO)]
        return [piece.text for piece in pieces[:-1]], pieces[-1].failure

    with FaultyServer(HalfStream(), Ok("never asked")) as server:
        texts, failure = asyncio.run(run(server))
        assert server.served == 1
    assert texts == ["half of an"] and failure is not None and failure.kind == "bad_answer"


def test_a_budget_in_dollars_is_not_overrun_by_many_asks_at_once() -> None:
    budget, price = Budget(dollars=0.01), Price(5.0, 5.0)

    async def run(server: FaultyServer) -> tuple[list[Trail], Purse]:
        purse = Purse(budget)
        requests = [HELLO.sampled(max_tokens=100, seed=number) for number in range(40)]
        async with driver_of(server, Bank(), price, purse) as driver:
            trails = await asyncio.gather(*(driver.answer(SMALL, one) for one in requests))
        return list(trails), purse

    usage = {"prompt_tokens": 500, "completion_tokens": 100}
    with FaultyServer(Ok("x", usage=usage)) as server:
        trails, purse = asyncio.run(run(server))
        billed = server.served * (500 + 100) * 5 / 1e6
    assert purse.spent.dollars is not None and abs(purse.spent.dollars - billed) < 1e-9
    assert 0 < billed <= 0.01
    kinds = {trail.result.kind for trail in trails if isinstance(trail.result, Failure)}
    assert kinds == {"budget"}
