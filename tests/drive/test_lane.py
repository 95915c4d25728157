"""The lane: batches, pace, retries, timeouts, cancellation, streams, broken engines."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import replace
from typing import Any

import pytest

from underdog.answerer import Answer, Failure, Model
from underdog.budget import Budget, Purse
from underdog.errors import ContractError, StoreError
from underdog.levers import Vote
from underdog.terms import Retry
from underdog.trial import Spend

SMALL = Model("fake/small")
QUICK = Retry(attempts=3, first=0.001, longest=0.01)
GOOD = Answer("good", final="good", spend=Spend(calls=1, tokens_in=1, tokens_out=1))


def down(**how: Any) -> Failure:
    return Failure("server_error", "down", retryable=True, spend=Spend(calls=1, tokens_in=10), **how)


def in_turn(*replies: Any) -> Any:
    """A reply that gives these out one after another."""
    queue = iter(replies)
    return lambda request: next(queue)


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def asks(driver: Any, question: Any, count: int) -> list[asyncio.Task[Any]]:
    sampled = question.sampled(temperature=1.0)
    return [asyncio.ensure_future(driver.answer(SMALL, sampled.drawn(i))) for i in range(count)]


# Retries


def test_a_retryable_failure_is_asked_again_and_its_cost_is_kept(drive, scripted, question, bank) -> None:
    engine = scripted(in_turn(down(), down(), GOOD))
    trail = drive(engine, lambda driver: driver.answer(SMALL, question), retry=QUICK)
    assert trail.result.text == "good" and len(engine.asked) == 3
    assert trail.spend == Spend(calls=3, tokens_in=21, tokens_out=1)
    assert [call.spend for call in bank.calls.values()] == [trail.spend]


def test_a_failure_that_stays_is_recorded_as_data_and_asked_again_next_time(
    drive, scripted, question, bank
) -> None:
    engine = scripted(lambda r: down())
    trail = drive(engine, lambda driver: driver.answer(SMALL, question), retry=QUICK)
    assert trail.result.kind == "server_error" and len(engine.asked) == 3
    assert trail.spend.tokens_in == 30
    assert [call.failed for call in bank.calls.values()] == [True]
    assert drive(scripted(), lambda driver: driver.answer(SMALL, question)).result.text == "q[]"


def test_a_failure_that_is_not_retryable_is_not_asked_again(drive, scripted, question) -> None:
    engine = scripted(lambda r: Failure("unauthorised", "key?"))
    drive(engine, lambda driver: driver.answer(SMALL, question), retry=QUICK)
    assert len(engine.asked) == 1


def test_one_failed_row_of_a_batch_is_retried_alone(drive, scripted, question) -> None:
    failed: set[Any] = set()

    def reply(request: Any) -> Any:
        if request.sample == (1,) and not failed:
            failed.add(request.sample)
            return down()
        return GOOD

    engine = scripted(reply)
    drive(engine, lambda driver: driver.answer(Vote(SMALL, 3), question), retry=QUICK)
    assert [[request.sample for request in batch] for batch in engine.batches] == [[(0,), (1,), (2,)], [(1,)]]


def test_the_wait_grows_is_jittered_and_obeys_retry_after() -> None:
    retry = Retry(first=1.0, longest=8.0)
    failure = Failure("rate_limited", "slow down", retryable=True)
    for attempt, most in [(1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (9, 8.0)]:
        waits = [retry.delay(attempt, failure) for _ in range(200)]
        assert 0 <= min(waits) < most / 4 and 3 * most / 4 < max(waits) <= most
    waits = [retry.delay(1, replace(failure, retry_after=3.0)) for _ in range(50)]
    assert min(waits) >= 3.0 and max(waits) <= 3.1 and len(set(waits)) > 1
    assert retry.delay(1, replace(failure, retry_after=3600.0)) <= 8.8


def test_retry_after_holds_back_the_whole_lane(drive, scripted, question) -> None:
    engine = scripted(lambda r: down(retry_after=60.0))

    async def body(driver):
        waiting = asks(driver, question, 1)
        while not engine.asked:
            await asyncio.sleep(0)
        await turns()
        waiting += asks(driver, replace(question, draw=(9,)), 3)
        await turns()
        return waiting

    async def settled(driver):
        return await body(driver)

    waiting = drive(engine, settled, retry=Retry(attempts=3, first=0.001, longest=60.0))
    assert len(engine.asked) == 1 and len(waiting) == 4


def test_a_server_that_asks_for_a_day_is_waited_for_only_as_long_as_retry_allows(
    drive, scripted, question
) -> None:
    engine = scripted(in_turn(down(retry_after=86400.0), GOOD))
    assert drive(engine, lambda d: d.answer(SMALL, question), retry=QUICK).result.text == "good"


# Time and cancellation


def test_a_silent_engine_is_a_timeout_that_counts_at_its_bound(drive, scripted, question) -> None:
    purse = Purse(Budget(tokens=100))

    async def body(driver):
        engine.gate = asyncio.Event()
        return await driver.answer(SMALL, question)

    engine = scripted()
    trail = drive(engine, body, timeout=0.02, retry=Retry(attempts=1), purse=purse)
    assert trail.result.kind == "timeout" and engine.given_up == 1
    assert purse.spent.tokens == trail.spend.tokens == engine.most.tokens


def test_a_timeout_error_of_the_engines_own_is_not_taken_for_ours(drive, scripted, question) -> None:
    def reply(request):
        raise TimeoutError("a bug")

    with pytest.raises(TimeoutError, match="a bug"):
        drive(scripted(reply), lambda driver: driver.answer(SMALL, question))


def test_a_cancelled_waiter_does_not_cancel_a_shared_call(drive, scripted, question) -> None:
    engine = scripted()

    async def body(driver):
        engine.gate = asyncio.Event()
        one, two = (asyncio.ensure_future(driver.answer(SMALL, question)) for _ in range(2))
        await turns()
        one.cancel()
        await turns()
        engine.gate.set()
        return await two

    assert drive(engine, body).result.text == "q[]"
    assert len(engine.asked) == 1 and engine.given_up == 0


def test_a_call_that_was_sent_is_recorded_although_its_asker_went_away(
    drive, scripted, question, bank
) -> None:
    engine = scripted()

    async def body(driver):
        engine.gate = asyncio.Event()
        [task] = asks(driver, question, 1)
        while not engine.asked:
            await asyncio.sleep(0)
        task.cancel()
        engine.gate.set()
        while not bank.calls:
            await asyncio.sleep(0)

    drive(engine, body)
    assert [call.failed for call in bank.calls.values()] == [False]


def test_an_ask_that_nobody_waits_for_any_more_is_not_sent(drive, scripted, question) -> None:
    engine = scripted(concurrency=1)

    async def body(driver):
        engine.gate = asyncio.Event()
        running, dropped, kept = asks(driver, question, 3)
        await turns()
        dropped.cancel()
        await turns()
        engine.gate.set()
        return await asyncio.gather(running, kept)

    drive(engine, body)
    assert [request.sample for request in engine.asked] == [(0,), (2,)]


def test_an_ask_given_up_and_asked_again_is_sent_once(drive, scripted, question) -> None:
    engine = scripted(concurrency=1)

    async def body(driver):
        engine.gate = asyncio.Event()
        running, dropped = asks(driver, question, 2)
        await turns()
        dropped.cancel()
        await turns()
        again = asks(driver, question, 2)[1]
        await turns()
        engine.gate.set()
        await running
        return await again

    assert drive(engine, body).result.text == "q[1]"
    assert [request.sample for request in engine.asked] == [(0,), (1,)]


def test_cancelling_a_vote_gives_up_its_draws_that_are_still_queued(drive, scripted, question) -> None:
    engine = scripted(concurrency=2)

    async def body(driver):
        engine.gate = asyncio.Event()
        vote = asyncio.ensure_future(driver.answer(Vote(Vote(SMALL, 3), 3), question))
        while not engine.asked:
            await asyncio.sleep(0)
        vote.cancel()
        await turns()
        engine.gate.set()
        await turns()

    drive(engine, body)
    assert len(engine.asked) == 2


def test_closing_gives_up_what_is_queued_and_under_way_as_cancelled(drive, scripted, question) -> None:
    engine = scripted(concurrency=2)

    async def body(driver):
        engine.gate = asyncio.Event()
        waiting = asks(driver, question, 4)
        await turns()
        await driver.__aexit__()
        return await asyncio.gather(*waiting)

    trails = drive(engine, body)
    assert [trail.result.kind for trail in trails] == ["cancelled"] * 4
    assert engine.given_up == 2 and engine.closed


def test_a_retry_that_is_due_after_closing_is_not_sent(drive, scripted, question) -> None:
    engine = scripted(lambda r: down())

    async def body(driver):
        [task] = asks(driver, question, 1)
        while not engine.asked:
            await asyncio.sleep(0)
        await turns()
        await driver.__aexit__()
        assert (await task).result.kind == "cancelled"
        await asyncio.sleep(0.02)

    drive(engine, body, retry=Retry(attempts=9, first=0.02, longest=0.02))
    assert len(engine.asked) == 1


# Pace


@pytest.mark.parametrize("streams", [False, True])
def test_no_more_calls_are_under_way_than_the_engine_takes(drive, scripted, question, streams) -> None:
    engine = scripted(concurrency=3, batch=2)

    async def streamed(driver, request):
        return [piece async for piece in driver.stream(SMALL, request)]

    async def body(driver):
        sampled = question.sampled(temperature=1.0)
        work = [driver.answer(SMALL, sampled.drawn(i)) for i in range(10)]
        work += [streamed(driver, sampled.drawn(10 + i)) for i in range(10 if streams else 0)]
        return await asyncio.gather(*work)

    assert len(drive(engine, body)) == (20 if streams else 10)
    assert engine.high_water == 3 and max(map(len, engine.batches)) == 2


def test_an_engine_of_one_prompt_gets_batches_of_one_prompt(drive, scripted, question) -> None:
    engine = scripted(same_prompt=True)

    async def body(driver):
        others = [replace(question, messages=({"role": "user", "content": word},)) for word in "abc"]
        return await asyncio.gather(*(driver.answer(Vote(SMALL, 4), one) for one in others))

    drive(engine, body)
    assert [len(batch) for batch in engine.batches] == [4, 4, 4]
    assert all(len({request.digest for request in batch}) == 1 for batch in engine.batches)


def test_thousands_of_prompts_without_budget_are_refused_one_by_one(drive, scripted, question) -> None:
    engine = scripted(same_prompt=True)

    async def body(driver):
        prompts = [({"role": "user", "content": str(i)},) for i in range(3000)]
        return await asyncio.gather(
            *(driver.answer(SMALL, replace(question, messages=prompt)) for prompt in prompts)
        )

    trails = drive(engine, body, purse=Purse(Budget(tokens=0)))
    assert {trail.result.kind for trail in trails} == {"budget"} and engine.asked == []


# Broken engines and stores


def test_what_an_engine_raises_reaches_its_asker_with_its_traceback_and_the_lane_goes_on(
    drive, scripted, question
) -> None:
    def broken_weights(request):
        raise RuntimeError("tensor on fire")

    engine = scripted(broken_weights, concurrency=1)
    purse = Purse(Budget(tokens=1000))

    async def body(driver):
        with pytest.raises(RuntimeError, match="on fire") as caught:
            await driver.answer(SMALL, question)
        engine.reply = lambda request: GOOD
        later = await asyncio.wait_for(driver.answer(SMALL, question), 5)
        return traceback.format_tb(caught.value.__traceback__), later

    trace, later = drive(engine, body, purse=purse)
    assert "broken_weights" in "".join(trace) and later.result.text == "good"
    assert purse.pending == 0 and purse.reserved == Spend()


def test_every_ask_of_a_batch_that_raised_hears_of_it(drive, scripted, question) -> None:
    def reply(request):
        raise RuntimeError("on fire")

    async def body(driver):
        return await asyncio.gather(*asks(driver, question, 3), return_exceptions=True)

    assert [type(error) for error in drive(scripted(reply), body)] == [RuntimeError] * 3


@pytest.mark.parametrize(
    ("returned", "says"),
    [([], "returned 0 results"), ([GOOD, GOOD], "2 results"), ([None], "NoneType"), (["text"], "str")],
)
def test_an_engine_that_returns_what_it_may_not_is_named(drive, scripted, question, returned, says) -> None:
    class Odd(scripted):
        async def generate(self, requests):
            return returned

    purse = Purse(Budget(tokens=1000))
    with pytest.raises(ContractError, match=f"fake/small.*{says}"):
        drive(Odd(), lambda driver: driver.answer(SMALL, question), purse=purse)
    assert purse.pending == 0


def test_a_bound_that_cannot_be_counted_reaches_the_asker(drive, scripted, question) -> None:
    class Odd(scripted):
        def bound(self, request):
            raise ValueError("no tokenizer")

    for way in (
        lambda driver: driver.answer(SMALL, question),
        lambda driver: anext(driver.stream(SMALL, question)),
    ):
        with pytest.raises(ValueError, match="no tokenizer"):
            drive(Odd(), way)


def test_a_store_that_cannot_keep_a_call_stops_its_asker(drive, scripted, question) -> None:
    class Full:
        def find(self, key):
            return None

        async def record(self, calls):
            raise StoreError("the disk is full")

        async def reserve(self, key, bound):
            pass

    engine = scripted(in_turn(down(), GOOD, GOOD))

    async def body(driver):
        return await asyncio.gather(*asks(driver, question, 2), return_exceptions=True)

    errors = drive(engine, body, sink=Full(), retry=QUICK)
    assert [str(error) for error in errors] == ["the disk is full"] * 2


# Streams


async def pieces_of(driver: Any, question: Any) -> tuple[str, Any]:
    pieces = [piece async for piece in driver.stream(SMALL, question)]
    return "".join(piece.text for piece in pieces), pieces[-1].answer or pieces[-1].failure


def test_a_stream_that_fails_before_its_first_piece_is_retried(drive, scripted, question, bank) -> None:
    engine = scripted(in_turn(down(), GOOD))
    text, whole = drive(engine, lambda driver: pieces_of(driver, question), retry=QUICK)
    assert text == "good" and whole.spend == Spend(calls=2, tokens_in=11, tokens_out=1)
    assert [call.spend for call in bank.calls.values()] == [whole.spend]


def test_a_stream_that_fails_half_way_is_not_retried(drive, scripted, question, bank) -> None:
    class Breaking(scripted):
        async def stream(self, request):
            from underdog.engines import Delta

            self.batches.append([request])
            yield Delta("half")
            yield Delta(failure=down())

    engine = Breaking()
    text, whole = drive(engine, lambda driver: pieces_of(driver, question), retry=QUICK)
    assert (text, whole.kind, len(engine.asked)) == ("half", "server_error", 1)
    assert [call.failed for call in bank.calls.values()] == [True]


def test_a_stream_without_an_end_is_a_bad_answer(drive, scripted, question) -> None:
    class Endless(scripted):
        async def stream(self, request):
            from underdog.engines import Delta

            yield Delta("half")

    text, whole = drive(Endless(), lambda driver: pieces_of(driver, question))
    assert (text, whole.kind) == ("half", "bad_answer")
    assert whole.spend.tokens == Endless().most.tokens


def test_a_silent_stream_is_a_timeout(drive, scripted, question) -> None:
    class Silent(scripted):
        async def stream(self, request):
            from underdog.engines import Delta

            yield Delta("half")
            await asyncio.Event().wait()

    text, whole = drive(Silent(), lambda driver: pieces_of(driver, question), timeout=0.02)
    assert (text, whole.kind) == ("half", "timeout")


def test_what_a_stream_raises_reaches_its_reader_and_frees_its_slot(drive, scripted, question) -> None:
    def reply(request):
        raise RuntimeError("on fire")

    engine = scripted(reply, concurrency=1)

    async def body(driver):
        with pytest.raises(RuntimeError, match="on fire"):
            await pieces_of(driver, question)
        engine.reply = lambda request: GOOD
        return await asyncio.wait_for(pieces_of(driver, question), 5)

    assert drive(engine, body)[0] == "good"


def test_a_reader_that_goes_away_frees_the_slot_and_the_call_counts_at_its_bound(
    drive, scripted, question, bank
) -> None:
    engine = scripted(lambda r: replace(GOOD, text="one two three"), concurrency=1)
    purse = Purse(Budget(tokens=1000))

    async def body(driver):
        stream = driver.stream(SMALL, question)
        await anext(stream)
        await stream.aclose()
        counted = purse.spent.tokens
        return counted, await asyncio.wait_for(pieces_of(driver, question), 5)

    counted, (text, _) = drive(engine, body, purse=purse)
    assert counted == engine.most.tokens and text == "one two three"
    assert purse.pending == 0


def test_a_reader_that_goes_away_while_queued_sends_nothing(drive, scripted, question) -> None:
    engine = scripted(concurrency=1)

    async def body(driver):
        engine.gate = asyncio.Event()
        first, second, third = (
            asyncio.ensure_future(
                pieces_of(driver, replace(question, messages=({"role": "user", "content": c},)))
            )
            for c in "abc"
        )
        await turns()
        second.cancel()
        await turns()
        engine.gate.set()
        return await asyncio.gather(first, third)

    assert [text for text, _ in drive(engine, body)] == ["a[]", "c[]"]
    assert [request.messages[0]["content"] for request in engine.asked] == ["a", "c"]


def test_a_reader_cancelled_in_the_turn_of_its_grant_gives_the_slot_back(drive, scripted, question) -> None:
    engine = scripted(concurrency=1)
    purse = Purse(Budget(tokens=1000))

    async def body(driver):
        for count in range(12):  # one of these turns is the one between the grant and the reader's waking
            task = asyncio.ensure_future(pieces_of(driver, question))
            await turns(count)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        return await asyncio.wait_for(pieces_of(driver, question.sampled(seed=1)), 5)

    assert drive(engine, body, purse=purse)[0] == "q[]"
    assert purse.pending == 0


def test_a_stream_whose_retry_is_due_after_closing_is_given_up(drive, scripted, question) -> None:
    engine = scripted(lambda r: down())

    async def body(driver):
        task = asyncio.ensure_future(pieces_of(driver, question))
        while not engine.asked:
            await asyncio.sleep(0)
        await turns()
        await driver.__aexit__()
        return await asyncio.wait_for(task, 5)

    _, failure = drive(engine, body, retry=Retry(attempts=9, first=0.02, longest=0.02))
    assert failure.kind == "cancelled" and len(engine.asked) == 1
