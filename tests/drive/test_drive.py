"""The driver: walking levers, batching a step's asks, counting a call once, acts, streaming."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, replace
from typing import Any

import pytest

from underdog.answerer import (
    Act,
    Answer,
    Answerer,
    Ask,
    Failure,
    Model,
    Request,
    Steps,
    Tool,
    act,
    ask,
    ask_all,
    try_ask,
)
from underdog.errors import AskFailed, ContractError
from underdog.levers import Agree, Cascade, Confident, Fallback, Panel, Prompt, Vote
from underdog.terms import Retry
from underdog.trial import Spend

SMALL, LARGE = Model("fake/small"), Model("fake/large")
QUICK = Retry(attempts=3, first=0.001, longest=0.01)


@dataclass(frozen=True)
class Through:
    """Hands over; `mark` is noted in the final answer once the text is whole."""

    inner: Answerer
    mark: str = ""

    def steps(self, request: Request) -> Steps:
        mark = self.mark
        return Ask(self.inner, request, then=lambda a: replace(a, final=f"{a.final or ''}{mark}"))
        yield


@dataclass(frozen=True)
class Bad:
    """A lever whose steps are what the test says."""

    body: Any

    def steps(self, request: Request) -> Steps:
        return self.body(request)


async def streamed(driver: Any, answerer: Answerer, request: Request) -> tuple[str, Any]:
    text, whole = "", None
    async for piece in driver.stream(answerer, request):
        assert whole is None, "nothing may come after the whole answer"
        text += piece.text
        whole = piece.answer or piece.failure
    return text, whole


# Calls


def test_a_model_answers_and_the_trail_names_its_call_and_cost(drive, scripted, question, bank) -> None:
    trail = drive(scripted(), lambda driver: driver.answer(SMALL, question))
    assert trail.result.text == "q[]"
    assert list(bank.calls) == list(trail.calls)
    assert trail.spend == Spend(calls=1, tokens_in=2, tokens_out=3, dollars=0.25)


def test_identical_asks_of_one_step_are_made_once_and_paid_once(drive, scripted, question) -> None:
    engine = scripted()
    trail = drive(engine, lambda driver: driver.answer(Vote(SMALL, 5, temperature=None), question))
    assert len(engine.asked) == 1
    assert trail.spend.calls == 1 and len(trail.calls) == 1
    assert trail.result.confidence == 1.0


def test_identical_asks_of_concurrent_requests_are_made_once(drive, scripted, question) -> None:
    engine = scripted()

    async def body(driver):
        trails = await asyncio.gather(*(driver.answer(SMALL, question) for _ in range(10)))
        return trails, driver.tally

    trails, tally = drive(engine, body)
    assert len(engine.asked) == 1
    assert {trail.result.text for trail in trails} == {"q[]"}
    assert tally.sent == 1 and tally.spend.dollars == 0.25


def test_an_ask_repeated_later_in_one_request_is_not_made_again_even_without_a_bank(
    drive, scripted, question, bank
) -> None:
    """The gateway's ledger finds nothing, and still one request means one call a sample."""

    @dataclass
    class Ledger:
        kept: Any

        def find(self, key: str) -> None:
            return None

        async def record(self, calls: Any) -> None:
            await self.kept.record(calls)

        async def reserve(self, key: str, bound: Spend) -> None:
            await self.kept.reserve(key, bound)

    engine = scripted()
    lever = Cascade(Vote(SMALL, 3), Vote(SMALL, 5), threshold=2.0)

    async def body(driver):
        whole = await driver.answer(lever, question)
        count = len(engine.asked)
        _, last = await streamed(driver, lever, question)
        return whole, count, last

    whole, count, last = drive(engine, body, sink=Ledger(bank))
    assert count == 5 and whole.spend.calls == 5
    assert last == whole.result and len(engine.asked) == 10


def test_a_failed_ask_repeated_later_in_one_request_is_made_again(drive, scripted, question) -> None:
    replies = iter([Failure("server_error", "down"), Answer("up", final="up", spend=Spend(calls=1))])
    engine = scripted(lambda request: next(replies))

    class Twice:
        def steps(self, request: Request) -> Steps:
            first = yield from try_ask(SMALL, request)
            assert isinstance(first, Failure)
            return (yield from ask(SMALL, request))

    assert drive(engine, lambda driver: driver.answer(Twice(), question)).result.text == "up"


def test_a_steps_asks_reach_the_engine_as_one_batch(drive, scripted, question) -> None:
    engine = scripted()
    drive(engine, lambda driver: driver.answer(Vote(SMALL, 8), question))
    assert [len(batch) for batch in engine.batches] == [8]


def test_asks_at_different_depths_of_one_step_still_reach_the_engine_as_one_batch(
    drive, scripted, question
) -> None:
    engine = scripted()
    members = (SMALL, Vote(SMALL, 3, 0.5), Through(Through(SMALL)), Vote(Vote(SMALL, 2), 2))
    drive(engine, lambda driver: driver.answer(Panel(members), question))
    assert [len(batch) for batch in engine.batches] == [8]


def test_concurrent_requests_share_batches(drive, scripted, question) -> None:
    engine = scripted(batch=16)

    async def body(driver):
        asks = (driver.answer(Vote(SMALL, 4), replace(question, draw=(i,))) for i in range(8))
        return await asyncio.gather(*asks)

    drive(engine, body)
    assert [len(batch) for batch in engine.batches] == [16, 16]


def test_nested_votes_make_distinct_draws_and_a_baseline_shares_the_first(drive, scripted, question) -> None:
    engine = scripted()

    async def body(driver):
        await driver.answer(Vote(Vote(SMALL, 3), 2), question)
        await driver.answer(Vote(SMALL, 3), question)
        return await driver.answer(SMALL, question.sampled(temperature=0.7))

    baseline = drive(engine, body)
    nested = [request.sample for request in engine.asked[:6]]
    assert sorted(nested) == [(i, j) for i in range(2) for j in range(3)]
    assert [request.sample for request in engine.asked[6:]] == [(0,), (1,), (2,)]
    assert baseline.result.text == "q[0]"


def test_an_answer_in_the_bank_costs_no_call(drive, scripted, question, bank) -> None:
    first, second = scripted(), scripted()
    paid = drive(first, lambda driver: driver.answer(Vote(SMALL, 3), question))

    async def body(driver):
        return await driver.answer(Vote(SMALL, 3), question), driver.tally

    again, tally = drive(second, body)
    assert second.asked == [] and again == paid
    assert (tally.sent, tally.banked, tally.spend) == (0, 3, Spend())


def test_a_banked_answer_is_counted_at_todays_prices(drive, scripted, question, bank) -> None:
    drive(scripted(), lambda driver: driver.answer(SMALL, question))
    dearer = scripted()
    dearer.price = lambda spend: replace(spend, dollars=9.0)
    assert drive(dearer, lambda driver: driver.answer(SMALL, question)).spend.dollars == 9.0


def test_fresh_asks_again_what_the_bank_holds(drive, scripted, question) -> None:
    engine = scripted()
    drive(engine, lambda driver: driver.answer(SMALL, question))
    drive(engine, lambda driver: driver.answer(SMALL, question), fresh=True)
    assert len(engine.asked) == 2


# Levers


def test_a_failed_draw_stays_in_its_place_and_the_others_are_kept(drive, scripted, question) -> None:
    lost = Failure("bad_request", "no")
    engine = scripted(lambda r: lost if r.sample == (1,) else Answer("a", spend=Spend(calls=1)))
    seen: list[Any] = []

    class Three:
        def steps(self, request: Request) -> Steps:
            asked = request.sampled(temperature=1.0)
            seen.extend((yield from ask_all([Ask(SMALL, asked.drawn(i)) for i in range(3)])))
            return seen[0]

    drive(engine, lambda driver: driver.answer(Three(), question))
    assert [type(result).__name__ for result in seen] == ["Answer", "Failure", "Answer"]
    assert seen[1].message == "no"


def test_a_failure_leaves_a_lever_that_does_not_catch_it(drive, scripted, question) -> None:
    engine = scripted(lambda r: Failure("unauthorised", "key?", spend=Spend(tokens_in=4)))
    trail = drive(engine, lambda driver: driver.answer(Cascade(SMALL, LARGE), question))
    assert trail.result == Failure("unauthorised", "key?", spend=Spend(tokens_in=4))
    assert len(engine.asked) == 1 and trail.spend.tokens_in == 4


def test_a_lever_may_catch_a_failure_and_go_on(drive, scripted, question) -> None:
    class Catching:
        def steps(self, request: Request) -> Steps:
            try:
                return (yield from ask(SMALL, request))
            except AskFailed as failed:
                return Answer(f"caught {failed.failure.kind}")

    engine = scripted(lambda r: Failure("too_long", "no"))
    assert drive(engine, lambda driver: driver.answer(Catching(), question)).result.text == "caught too_long"


def test_a_chain_of_handed_over_asks_is_annotated_from_the_inside_out(drive, scripted, question) -> None:
    engine = scripted(lambda r: Answer("text"))
    lever = Through(Through(Through(SMALL, "a"), "b"), "c")

    async def body(driver):
        return await driver.answer(lever, question), await streamed(driver, lever, question)

    whole, (text, last) = drive(engine, body)
    assert whole.result.final == "abc" == last.final and text == "text"


def test_deep_nesting_is_walked(drive, scripted, question) -> None:
    lever: Answerer = SMALL
    for _ in range(60):
        lever = Through(lever)
    assert drive(scripted(), lambda driver: driver.answer(lever, question)).result.text == "q[]"


def test_a_lever_can_be_walked_as_bare_steps_whose_value_is_anything(drive, scripted, question) -> None:
    def steps():
        first = yield from ask(SMALL, question)
        return {"said": first.text}

    trail = drive(scripted(), lambda driver: driver.perform(steps()))
    assert trail.result == {"said": "q[]"} and trail.spend.calls == 1


def yields_a_generator(request):
    yield ask(SMALL, request)


def forgets_before_an_attribute(request):
    first = ask(SMALL, request)
    return Ask(LARGE, request) if first.final is None else first
    yield


def forgets_and_never_yields(request):
    first = ask(SMALL, request)
    return Ask(LARGE, request) if first.final is None else first


def returns_a_generator(request):
    return ask(SMALL, request)
    yield


def returns_nothing(request):
    yield Ask(SMALL, request)


def returns_an_ask_outright(request):
    return Ask(SMALL, request)


def yields_a_list(request):
    yield [Ask(SMALL, request)]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (yields_a_generator, "yield from"),
        (forgets_before_an_attribute, r"yield from ask\("),
        (forgets_and_never_yields, r"yield from ask\("),
        (returns_a_generator, "yield from"),
        (returns_nothing, "returned NoneType"),
        (returns_an_ask_outright, "must be a generator"),
        (yields_a_list, "got list"),
    ],
)
def test_a_lever_that_breaks_the_contract_is_told_which_rule(drive, scripted, question, body, says) -> None:
    with pytest.raises(ContractError, match=says):
        drive(scripted(), lambda driver: driver.answer(Bad(body), question))
    with pytest.raises(ContractError, match=says):
        drive(scripted(), lambda driver: streamed(driver, Bad(body), question))


def test_an_attribute_error_of_the_levers_own_keeps_its_name(drive, scripted, question) -> None:
    def body(request):
        first = yield from ask(SMALL, request)
        return first.fnial

    with pytest.raises(AttributeError, match="fnial"):
        drive(scripted(), lambda driver: driver.answer(Bad(body), question))


def test_what_is_no_answerer_is_refused(drive, scripted, question) -> None:
    with pytest.raises(ContractError, match="must be a Model or have steps"):
        drive(scripted(), lambda driver: driver.answer("fake/small", question))


@pytest.mark.parametrize(
    "then", [lambda a: replace(a, text="other"), lambda a: None, lambda a: replace(a, tool_calls=(1,))]
)
def test_an_annotation_may_not_change_what_the_client_has_seen(drive, scripted, question, then) -> None:
    def body(request):
        return Ask(SMALL, request, then=then)
        yield

    for way in (
        lambda driver: driver.answer(Bad(body), question),
        lambda d: streamed(d, Bad(body), question),
    ):
        with pytest.raises(ContractError, match="text may not change"):
            drive(scripted(), way)


def test_one_bad_effect_of_a_step_gives_up_the_others(drive, scripted, question) -> None:
    engine = scripted()

    def body(request):
        yield (Ask(SMALL, request), Ask(Through(SMALL), request.drawn(1)), "nonsense")

    with pytest.raises(ContractError, match="got str"):
        drive(engine, lambda driver: driver.answer(Bad(body), question))
    assert engine.asked == []


# Streaming


def levers() -> list[Answerer]:
    """One of every kind, so that streaming is compared with the whole answer for all of them."""
    return [
        SMALL,
        Vote(SMALL, 3),
        Cascade(SMALL, LARGE, 0.5),
        Cascade(Vote(SMALL, 3), LARGE, 0.1),
        Cascade(Vote(SMALL, 3), Through(LARGE, "!"), 0.9),
        Agree((SMALL, LARGE), Vote(LARGE, 2)),
        Fallback((SMALL, LARGE)),
        Panel((SMALL, LARGE)),
        Confident(SMALL),
        Confident(SMALL, "verbalised"),
        Prompt(Through(SMALL, "x"), system="Be brief."),
        Through(Cascade(Vote(SMALL, 2), Prompt(LARGE, template="{input}?"), 2.0), "y"),
    ]


@pytest.mark.parametrize("lever", levers(), ids=str)
def test_the_streamed_answer_equals_the_whole_one(drive, scripted, question, lever) -> None:
    def body_of(way):
        return drive({"fake/small": scripted(), "fake/large": scripted(fingerprint="L")}, way, fresh=True)

    whole = body_of(lambda driver: driver.answer(lever, question))
    text, last = body_of(lambda driver: streamed(driver, lever, question))
    assert last == whole.result
    assert text == last.text


def test_the_last_ask_of_a_lever_arrives_in_pieces(drive, scripted, question) -> None:
    large = scripted(lambda r: Answer("one two three", spend=Spend(calls=1)), "large", pieces=4)

    async def body(driver):
        return [piece async for piece in driver.stream(Cascade(SMALL, LARGE), question)]

    pieces = drive({"fake/small": scripted(), "fake/large": large}, body)
    assert len(pieces) > 3 and all(p.answer is None for p in pieces[:-1])
    assert pieces[-1].answer.spend.calls == 2


def test_a_failure_before_the_last_ask_ends_the_stream_with_its_cost_counted_once(
    drive, scripted, question
) -> None:
    engine = scripted(lambda r: Failure("bad_request", "no", spend=Spend(calls=1, dollars=0.5)))
    text, last = drive(engine, lambda driver: streamed(driver, Cascade(SMALL, LARGE), question))
    assert (text, last.kind, last.spend.dollars) == ("", "bad_request", 0.5)


def test_a_stream_is_recorded_like_any_call(drive, scripted, question, bank) -> None:
    drive(scripted(), lambda driver: streamed(driver, SMALL, question))
    again = scripted()
    text, _ = drive(again, lambda driver: streamed(driver, SMALL, question))
    assert text == "q[]" and again.asked == []


# Acts


class Checked:
    """Runs a tool on the answer's text."""

    def __init__(self, tool: Tool) -> None:
        self.tool = tool

    def steps(self, request: Request) -> Steps:
        answer = yield from ask(SMALL, request)
        value = yield from act(self.tool, text=answer.text)
        return replace(answer, final=str(value))


def test_a_plain_tool_runs_off_the_event_loop_and_is_recorded_and_found_again(
    drive, scripted, question, bank
) -> None:
    threads: list[int] = []

    def checker(text: str) -> Any:
        threads.append(threading.get_ident())
        return {"seen": (text, 1)}

    lever = Checked(Tool("checker"))
    first = drive(scripted(), lambda driver: driver.answer(lever, question), tools={"checker": checker})
    assert threads and threads[0] != threading.get_ident()
    again = drive(scripted(), lambda driver: driver.answer(lever, question), tools={"checker": checker})
    assert len(threads) == 1
    assert first.result.final == again.result.final == "{'seen': ['q[]', 1]}"
    assert len(first.calls) == 2 and set(first.calls) == set(bank.calls)


def test_another_version_of_a_tool_is_another_call(drive, scripted, question) -> None:
    ran: list[str] = []
    tools = {"checker": lambda text: ran.append(text)}
    for version in ("1", "2", "2"):
        lever = Checked(Tool("checker", version))
        drive(scripted(), lambda driver, lever=lever: driver.answer(lever, question), tools=tools)
    assert len(ran) == 2


def test_an_async_tool_is_awaited_and_identical_acts_at_once_are_done_once(drive, scripted, question) -> None:
    ran: list[str] = []

    async def checker(text: str) -> str:
        ran.append(text)
        await asyncio.sleep(0.001)
        return text.upper()

    async def body(driver):
        lever = Checked(Tool("checker"))
        return await asyncio.gather(*(driver.answer(lever, question) for _ in range(4)))

    trails = drive(scripted(), body, tools={"checker": checker})
    assert [t.result.final for t in trails] == ["Q[]"] * 4 and len(ran) == 1


@pytest.mark.parametrize(
    ("tool", "kind"),
    [
        (lambda text: 1 / 0, "act_failed"),
        (lambda text: object(), "act_failed"),
        (lambda wrong: 1, "act_failed"),
        (lambda text: Failure("act_failed", "says so itself"), "act_failed"),
    ],
)
def test_a_tool_that_fails_is_a_failure_recorded_and_tried_again(
    drive, scripted, question, bank, tool, kind
) -> None:
    lever = Checked(Tool("checker"))
    first = drive(scripted(), lambda driver: driver.answer(lever, question), tools={"checker": tool})
    assert isinstance(first.result, Failure) and first.result.kind == kind
    assert any(call.failed for call in bank.calls.values())
    good = {"checker": lambda text: "fine"}
    assert drive(scripted(), lambda driver: driver.answer(lever, question), tools=good).result.final == "fine"


def test_a_slow_tool_is_a_timeout_and_its_own_timeout_error_is_not(drive, scripted, question) -> None:
    async def slow() -> None:
        await asyncio.sleep(60)

    def raises() -> None:
        raise TimeoutError("inner")

    def steps(name):
        return (yield Act(Tool(name)))

    async def body(driver):
        return [(await driver.perform(steps(name))).result for name in ("slow", "raises")]

    late, own = drive(scripted(), body, tools={"slow": slow, "raises": raises}, timeout=0.05)
    assert (late.kind, own.kind) == ("timeout", "act_failed")


def test_a_tool_that_is_not_bound_is_named(drive, scripted, question) -> None:
    with pytest.raises(ContractError, match=r"'checker', which is not bound \(bound: other\)"):
        drive(
            scripted(),
            lambda driver: driver.answer(Checked(Tool("checker")), question),
            tools={"other": print},
        )


# Closing


def test_closing_closes_the_engines_even_when_one_refuses(drive, scripted, question) -> None:
    class Refusing(scripted):
        async def close(self) -> None:
            raise OSError("stuck")

    other = scripted()
    with pytest.raises(OSError, match="stuck"):
        drive(
            {"fake/small": Refusing(), "fake/large": other},
            lambda driver: driver.answer(Panel((SMALL, LARGE)), question),
        )
    assert other.closed


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_tool_is_used_as_often_at_once_as_it_says(drive, scripted, at_once) -> None:
    """Waiting for its turn is no part of what an act took, so nobody waits inside a tool."""
    going, most = 0, 0

    async def checker(number: int) -> int:
        nonlocal going, most
        going, most = going + 1, max(most, going + 1)
        await asyncio.sleep(0)
        going -= 1
        return number

    checker.at_once = at_once

    async def body(driver):
        acts = [Act(Tool("checker"), {"number": number}) for number in range(12)]
        return [trail.result for trail in await asyncio.gather(*map(driver.act, acts))]

    assert drive(scripted(), body, tools={"checker": checker}) == list(range(12))
    assert most == at_once
