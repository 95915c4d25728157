"""A model served by underdog and asked by underdog through its `openai` engine answers as it does at home."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import underdog
from underdog import tiny
from underdog.answerer import Answer, Failure, Model, Request, ToolCall
from underdog.drive import Driver
from underdog.endpoint import Endpoint
from underdog.engines.fake import FakeEngine
from underdog.engines.openai import OpenAIEngine
from underdog.levers import Beam, Confident, Constrain, Dvts, Lookahead, Read, Vote
from underdog.plan import Plan
from underdog.store.sinks import MemoryBank
from underdog.terms import Retry
from underdog.trial import Spend

HOME, FAR = Model("fake/home"), Model("gate/tickets")
QUESTION = Request(({"role": "user", "content": "how many?"},)).sampled(max_tokens=24)
ONCE = Retry(attempts=1)


def through(gateway, answerer, *requests):
    """What the driver answers when its model is behind the gateway."""

    def bind(model: Model) -> OpenAIEngine:
        return OpenAIEngine(Endpoint("gate", f"{gateway.url}/v1"), "tickets")

    return driven(bind, answerer, requests)


def driven(bind, answerer, requests):
    async def session():
        async with Driver(bind, MemoryBank(), retry=ONCE) as driver:
            whole = [(await driver.answer(answerer, request)).result for request in requests]
            streamed = [
                [piece async for piece in driver.stream(answerer, r.sampled(seed=1))][-1] for r in requests
            ]
            return whole, [piece.answer or piece.failure for piece in streamed]

    return asyncio.run(session())


def test_texts_tool_calls_and_tokens_come_through(serve) -> None:
    calls = (ToolCall("find", '{"a":1}', id="call_1"),)
    spend = Spend(calls=1, tokens_in=7, tokens_cached=2, tokens_out=5, tokens_reasoning=3)
    for said in (
        Answer("forty-two, ünïcode", spend=spend),
        Answer("", tool_calls=calls, finish="tool_calls", spend=spend),
        Answer("cut", finish="length", reasoning="hmm", spend=spend),
    ):
        gateway = serve(Plan("tickets", HOME), FakeEngine(lambda request, said=said: said))
        for [got] in through(gateway, FAR, QUESTION):
            assert (got.text, got.tool_calls, got.finish, got.reasoning) == (
                said.text,
                said.tool_calls,
                said.finish,
                said.reasoning,
            )
            assert (got.spend.tokens_in, got.spend.tokens_cached) == (7, 2)
            assert (got.spend.tokens_out, got.spend.tokens_reasoning) == (5, 3)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Failure("rate_limited", "slow down", retryable=True, retry_after=3.0), "rate_limited"),
        (Failure("too_long", "the context length is 10"), "too_long"),
        (Failure("bad_request", "no such parameter"), "bad_request"),
        (Failure("unreachable", "gone"), "server_error"),
        (Failure("unauthorised", "key"), "server_error"),
    ],
)
def test_failures_keep_their_meaning(serve, failure, kind) -> None:
    gateway = serve(Plan("tickets", HOME), FakeEngine(lambda request: failure))
    for [got] in through(gateway, FAR, QUESTION):
        assert isinstance(got, Failure) and got.kind == kind
        assert got.retryable is (kind in ("rate_limited", "server_error"))
        assert got.retry_after == failure.retry_after


def test_a_vote_asks_for_its_draws_as_the_choices_of_one_call(serve) -> None:
    engine = FakeEngine(lambda request: str(request.draw[-1] % 2))
    gateway = serve(Plan("tickets", HOME), engine)
    lever = Vote(Read(FAR, rule="number"), 3)
    [whole], _ = through(gateway, lever, QUESTION)
    assert (whole.final, whole.confidence) == ("0", pytest.approx(2 / 3))
    assert [request.draw[-1] for request in engine.asked[:3]] == [0, 1, 2]
    assert len({request.draw[0] for request in engine.asked[:3]}) == 1


def test_the_embedded_model_answers_through_http_as_it_does_at_home(serve) -> None:
    pytest.importorskip("torch")
    from underdog.engines.huggingface import HuggingFaceEngine

    folder = Path(underdog.__file__).parent / "tiny" / "models" / "small"
    if not (folder / "model.safetensors").exists():
        pytest.skip("the embedded models are not trained yet")
    asked = [
        Request(({"role": "user", "content": text},)).sampled(max_tokens=12)
        for text in ("what is 3 + 4", "book a table for two")
    ]
    home, home_streamed = driven(lambda model: HuggingFaceEngine(str(folder)), HOME, asked)
    gateway = serve(Plan("tickets", HOME), HuggingFaceEngine(str(folder)))
    far, far_streamed = through(gateway, FAR, *asked)
    assert [answer.text for answer in far] == [answer.text for answer in home]
    assert [answer.text for answer in far_streamed] == [answer.text for answer in home_streamed]
    assert [a.spend.tokens for a in far] == [a.spend.tokens for a in home]
    assert any(answer.text for answer in home)


STEPS = {"n": 4, "width": 2, "rounds": 6}
GREEDY = {**STEPS, "temperature": 0.0}
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def levers(model: Model) -> dict[str, object]:
    """Forms of every kind, and searches that go on from what was written."""
    reading, sure = Read(model, "number"), Confident(model)
    return {
        "choices": Constrain(model, choices=("Rome", "Paris at nine", "none")),
        "schema": Constrain(model, schema=SCHEMA),
        "regex": Constrain(model, regex="[0-9]{1,3}"),
        "grammar": Constrain(model, grammar='root ::= "<" [a-z]+ ">"'),
        "beam": Beam(reading, sure, **GREEDY),
        "dvts": Dvts(reading, sure, **GREEDY),
        "lookahead": Lookahead(reading, sure, **GREEDY),
    }


def all_of(bind, found, request):
    async def session():
        async with Driver(bind, MemoryBank(), retry=ONCE) as driver:
            trails = {name: await driver.answer(lever, request) for name, lever in found.items()}
            return {name: trail.result for name, trail in trails.items()}

    return asyncio.run(session())


def to_gateway(gateway):
    """The gateway as an endpoint that says that it is one of ours."""
    return lambda model: OpenAIEngine(Endpoint("gate", f"{gateway.url}/v1", kind="underdog"), "tickets")


def test_the_same_levers_answer_the_same_at_home_and_through_http(serve) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("llguidance")
    from underdog.engines.huggingface import HuggingFaceEngine

    if "small" not in tiny.names():
        pytest.skip("the embedded models are not trained yet")
    folder = str(tiny.path("small"))
    messages = ({"role": "system", "content": "Write the steps."}, {"role": "user", "content": "7+5-3+8"})
    asked = Request(messages).sampled(max_tokens=40)
    home = all_of(lambda model: HuggingFaceEngine(folder), levers(HOME), asked)
    gateway = serve(Plan("tickets", HOME), HuggingFaceEngine(folder))
    far = all_of(to_gateway(gateway), levers(FAR), asked)
    for name, one in home.items():
        other = far[name]
        assert (other.text, other.final, other.finish) == (one.text, one.final, one.finish), name
        assert (other.spend.calls, other.spend.tokens) == (one.spend.calls, one.spend.tokens), name
    assert home["beam"].text.count("\n") >= 2 and home["choices"].text in ("Rome", "Paris at nine", "none")


def test_a_sampled_search_takes_the_same_way_through_http(serve) -> None:
    """A scripted model, since a gateway numbers draws by itself; every step is cut and kept at its end."""

    def step(request: Request) -> str:
        last = request.messages[-1]
        text = last["content"] if last["role"] == "assistant" else ""
        assert request.extra["include_stop_str_in_output"] and request.sampling.stop == ("\n",)
        assert bool(text) == bool(request.extra.get("continue_final_message"))
        return f"{len(text) + request.draw[-1] % 2}" + ("\n" if len(text) < 4 else "")

    def judge(request: Request) -> Answer:
        return Answer("", confidence=int(request.messages[-1]["content"].split()[-1]) / 10)

    judged = Model("fake/judge")
    home = {Model("fake/home"): FakeEngine(step), judged: FakeEngine(judge)}
    gateway = serve(Plan("tickets", HOME), FakeEngine(step))
    far = {FAR: to_gateway(gateway)(FAR), judged: FakeEngine(judge)}
    for cls in (Beam, Dvts):
        [one] = all_of(home.get, {"it": cls(Read(HOME, "number"), judged, **STEPS)}, QUESTION).values()
        [other] = all_of(far.get, {"it": cls(Read(FAR, "number"), judged, **STEPS)}, QUESTION).values()
        assert (one.text, one.final, one.confidence) == (other.text, other.final, other.confidence)
        assert one.text.count("\n") == 2
