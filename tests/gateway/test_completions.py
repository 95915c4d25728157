"""Chat completions through the official client: whole, streamed, with tools, several choices at once."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import openai
import pytest

from underdog.acts import Acts
from underdog.answerer import Answer, Failure, Model, Request, Sampling, TokenLogprob, ToolCall
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.levers import Agree, Cascade, Confident, Fallback, FewShot, Panel, Prompt, Read, Retrieve, Vote
from underdog.levers.few_shot import indexed
from underdog.retrieval.index import Index
from underdog.store.sinks import MemoryBank
from underdog.trial import Spend
from underdog.wire import request_from

SMALL, LARGE = Model("fake/small"), Model("fake/large")


def gathered(stream):
    """The text and the finish reason of a streamed completion, and its chunks."""
    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    finish = [c.choices[0].finish_reason for c in chunks if c.choices][-1]
    return text, finish, chunks


def test_a_chat_completion_is_answered_and_recorded(serve, ask, echo) -> None:
    gateway = serve(SMALL, echo)
    done = ask(gateway.client())
    choice = done.choices[0]
    assert (choice.message.content, choice.finish_reason) == ("you said hello", "stop")
    assert done.model == "tickets" and done.object == "chat.completion" and done.id.startswith("chatcmpl-")
    assert (done.usage.prompt_tokens, done.usage.completion_tokens) == (2, 3)
    assert [json.loads(call.result)["text"] for call in gateway.ledger.calls.values()] == ["you said hello"]


def test_a_streamed_completion_arrives_in_pieces_and_ends_with_its_usage(serve, ask, echo) -> None:
    client = serve(SMALL, echo).client()
    text, finish, chunks = gathered(ask(client, stream=True, stream_options={"include_usage": True}))
    assert (text, finish) == ("you said hello", "stop")
    assert sum(bool(c.choices and c.choices[0].delta.content) for c in chunks) == 3
    assert chunks[0].choices[0].delta.role == "assistant" and len({c.id for c in chunks}) == 1
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens == 5
    assert chunks[-1].underdog["calls"] == 1
    assert all(c.usage is None for c in gathered(ask(client, stream=True))[2])


def test_serving_never_answers_from_what_was_recorded(serve, ask) -> None:
    engine = FakeEngine("always")
    client = serve(SMALL, engine).client()
    ask(client), ask(client), list(ask(client, stream=True))
    assert len(engine.asked) == 3


def test_fields_that_underdog_does_not_know_reach_the_model(serve, ask) -> None:
    engine = FakeEngine("ok")
    client = serve(SMALL, engine).client()
    part = {"type": "image_url", "image_url": {"url": "data:,", "detail": "new"}}
    ask(
        client,
        [{"type": "text", "text": "see"}, part],
        response_format={"type": "json_object"},
        stop=["\n"],
        extra_body={"min_p": 0.1},
    )
    [request] = engine.asked
    assert request.extra == {"min_p": 0.1} and request.messages[-1]["content"][1] == part
    assert request.response_format == {"type": "json_object"} and request.sampling.stop == ("\n",)


def test_what_the_client_does_not_say_is_asked_as_in_the_study(serve, ask) -> None:
    engine = FakeEngine("ok")
    client = serve(SMALL, engine).client()
    ask(client)
    ask(client, temperature=0.5, max_completion_tokens=9)
    assert [request.sampling for request in engine.asked] == [
        Sampling(max_tokens=64),
        Sampling(temperature=0.5, max_tokens=9),
    ]


TOOL_ANSWER = Answer(
    "",
    tool_calls=(ToolCall("find", '{"city":"Rome"}'), ToolCall("count", "{}", id="given")),
    finish="tool_calls",
    spend=Spend(calls=1),
)


def test_tool_calls_come_whole_and_streamed_and_each_has_an_id(serve, ask) -> None:
    engine = FakeEngine(lambda request: TOOL_ANSWER)
    client = serve(SMALL, engine).client()
    tools = [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}]
    whole = ask(client, tools=tools).choices[0]
    assert engine.asked[0].tools == tuple(tools)
    assert whole.finish_reason == "tool_calls" and whole.message.content is None
    assert [(c.function.name, c.function.arguments) for c in whole.message.tool_calls] == [
        ("find", '{"city":"Rome"}'),
        ("count", "{}"),
    ]
    assert whole.message.tool_calls[0].id and whole.message.tool_calls[1].id == "given"
    _, finish, chunks = gathered(ask(client, tools=tools, stream=True))
    calls = [call for c in chunks if c.choices for call in c.choices[0].delta.tool_calls or ()]
    assert finish == "tool_calls" and [call.index for call in calls] == [0, 1]
    assert [call.function.name for call in calls] == ["find", "count"] and calls[0].id


def test_several_choices_are_several_draws_whole_and_streamed(serve, ask) -> None:
    engine = FakeEngine(lambda request: f"draw {request.draw[-1]}")
    client = serve(SMALL, engine).client()
    whole = ask(client, n=2, temperature=1)
    assert [(c.index, c.message.content) for c in whole.choices] == [(0, "draw 0"), (1, "draw 1")]
    assert whole.usage.completion_tokens == 4
    texts = ["", ""]
    for chunk in ask(client, n=2, temperature=1, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == ["draw 0", "draw 1"]


def test_clients_that_sample_do_not_share_their_samples_unless_they_give_a_seed(serve, ask) -> None:
    engine = FakeEngine("ok")
    client = serve(SMALL, engine).client()
    for _ in range(2):
        ask(client, temperature=1)
        ask(client, temperature=1, seed=7)
    free, seeded = (
        [r.sample for r in engine.asked if (r.sampling.seed == 7) is is_7] for is_7 in (False, True)
    )
    assert free[0] != free[1] and seeded == [(0,), (0,)]


def test_log_probabilities_are_shown_to_those_who_ask_even_when_a_lever_uses_them(serve, ask) -> None:
    logprobs = (TokenLogprob("ok", -0.5, (("ok", -0.5),)),)
    engine = FakeEngine(lambda request: Answer("ok", logprobs=logprobs, spend=Spend(calls=1)))
    client = serve(Confident(SMALL), engine).client()
    assert ask(client).choices[0].logprobs is None
    assert ask(client, logprobs=True).choices[0].logprobs.content[0].logprob == -0.5
    for fields in ({}, {"logprobs": True}):
        chunks = ask(client, stream=True, **fields)
        shown = [c.choices[0].logprobs.content for c in chunks if c.choices and c.choices[0].logprobs]
        assert [[one.token for one in content] for content in shown] == ([["ok"]] if fields else [])


def test_reasoning_and_refusals_are_passed_on(serve, ask) -> None:
    said = Answer("", reasoning="hmm", refusal="I will not", spend=Spend(calls=1))
    client = serve(SMALL, FakeEngine(lambda request: said)).client()
    message = ask(client).choices[0].message
    assert message.refusal == "I will not" and message.reasoning_content == "hmm"
    deltas = [c.choices[0].delta for c in ask(client, stream=True) if c.choices]
    assert [d.refusal for d in deltas if d.refusal] == ["I will not"]


# The same driver, the same plan: the served answer is the studied answer


def engine_for(model: Model) -> FakeEngine:
    def reply(request: Request) -> str | Failure:
        if "down" in str(request.messages[-1]["content"]) and model == SMALL:
            return Failure("server_error", "down")
        number = (len(request.digest) + sum(map(ord, request.digest)) + sum(request.sample)) % 3
        return f"the answer of {model.name} is {number}"

    return FakeEngine(reply, name=model.name, rates=(1e-6, 2e-6))


READ = Read(SMALL, rule="number")
NOTES = Index.of([("a", "one is a number"), ("b", "so is two")]).stored
PLANS = [
    READ,
    Vote(READ, 5),
    Cascade(Vote(READ, 3), Read(LARGE, rule="number"), 0.9),
    Agree((READ, Read(LARGE, rule="number")), LARGE),
    Fallback((READ, LARGE)),
    Panel((READ, Read(LARGE, rule="number"))),
    Prompt(FewShot(READ, demonstrations=(("1", "2"),)), system="Think."),
    Cascade(Confident(READ, "verbalised"), LARGE, 0.5),
    Retrieve(READ, NOTES, 1),
    Retrieve(Vote(READ, 3), NOTES, cite=True),
    FewShot(READ, 1, by="nearest", index=indexed([("one more", "2")])),
]


@pytest.mark.parametrize("answerer", PLANS, ids=lambda a: type(a).__name__)
def test_the_served_answer_equals_the_drivers_with_the_same_calls(serve, ask, answerer) -> None:
    gateway = serve(answerer, engine_for)
    client = gateway.client()
    texts = ["one", "two", "down"] if isinstance(answerer, Fallback) else ["one", "two"]
    for text in texts:
        body = {
            "messages": [{"role": "system", "content": "Answer."}, {"role": "user", "content": text}],
        }
        request = request_from(body, Sampling(max_tokens=64))

        async def studied(request=request):
            async with Driver(engine_for, MemoryBank(), tools=Acts(engine_for)) as driver:
                return await driver.answer(answerer, request)

        trail = asyncio.run(studied())
        gateway.ledger.calls.clear()
        raw = client.chat.completions.with_raw_response.create(model="tickets", **body)
        assert raw.parse().choices[0].message.content == trail.result.text
        assert set(gateway.ledger.calls) == set(trail.calls)
        assert raw.headers["x-underdog-calls"] == str(trail.spend.calls)
        assert float(raw.headers["x-underdog-cost-usd"]) == pytest.approx(trail.spend.dollars)
        gateway.ledger.calls.clear()
        streamed, _, _ = gathered(ask(client, text, stream=True))
        assert streamed == trail.result.text and set(gateway.ledger.calls) == set(trail.calls)


def test_sixty_four_streams_at_once_each_get_their_own_answer(serve, ask) -> None:
    words = " ".join(f"w{i}" for i in range(12))
    engine = FakeEngine(lambda request: f"{request.messages[-1]['content']} {words}", concurrency=16)
    gateway = serve(Cascade(SMALL, LARGE), lambda model: engine)

    async def one(client: openai.AsyncOpenAI, number: int) -> str:
        stream = await ask(client, f"client {number}", stream=True)
        return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

    async def all_of_them() -> list[str]:
        settings = {"api_key": "none", "max_retries": 0}
        async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", **settings) as client:
            return await asyncio.gather(*(one(client, number) for number in range(64)))

    assert asyncio.run(all_of_them()) == [f"client {number} {words}" for number in range(64)]


# Certified or not


def certified_by(raw) -> str:
    return raw.headers["x-underdog-certified"]


def test_a_request_asked_as_in_the_study_is_certified_and_names_its_plan(
    serve, ask, studied_plan, echo
) -> None:
    plan = studied_plan(SMALL, fingerprints={"fake/small": echo.fingerprint})
    client = serve(plan, echo).client()
    raw = ask(RawClient(client))
    assert certified_by(raw) == "true" and raw.headers["x-underdog-plan"] == plan.digest
    with RawClient(client, stream=True).chat.completions.create(
        model="tickets",
        messages=[{"role": "system", "content": "Answer."}, {"role": "user", "content": "x"}],
        stream=True,
    ) as streamed:
        assert certified_by(streamed) == "true" and streamed.headers["x-underdog-plan"] == plan.digest
        streamed.read()


class RawClient:
    """The client whose completions come with their headers."""

    def __init__(self, client: openai.OpenAI, stream: bool = False) -> None:
        completions = client.chat.completions
        raw = completions.with_streaming_response if stream else completions.with_raw_response
        self.chat = type("Chat", (), {"completions": raw})


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"temperature": 0.5}, "temperature"),
        ({"max_tokens": 9}, "max_tokens"),
        ({"stop": "x"}, "stop"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"tool_choice": "none"}, "tool_choice"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"messages": [{"role": "user", "content": "q"}]}, "system"),
        (
            {"messages": [{"role": "system", "content": "Other."}, {"role": "user", "content": "q"}]},
            "system",
        ),
        (
            {
                "messages": [
                    {"role": r, "content": "Answer."} for r in ("system", "user", "assistant", "user")
                ]
            },
            "roles",
        ),
        ({"extra_body": {"min_p": 0.5}}, "without min_p"),
        ({"extra_body": {"a\r\nx-evil: 1": 0.5}}, "without an unknown field"),
    ],
)
def test_a_request_of_another_shape_is_answered_and_marked(
    serve, ask, studied_plan, echo, fields, reason
) -> None:
    plan = studied_plan(SMALL, fingerprints={"fake/small": echo.fingerprint})
    raw = ask(RawClient(serve(plan, echo).client()), **fields)
    assert certified_by(raw).startswith("false; ") and reason in certified_by(raw)
    assert raw.parse().choices[0].message.content.startswith("you said")


@pytest.mark.parametrize("fields", [{"user": "u1"}, {"seed": 3}, {"logprobs": True}, {"tool_choice": "auto"}])
def test_what_does_not_change_the_answer_stays_certified(serve, ask, studied_plan, echo, fields) -> None:
    plan = studied_plan(SMALL, fingerprints={"fake/small": echo.fingerprint})
    assert certified_by(ask(RawClient(serve(plan, echo).client()), **fields)) == "true"


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        ({"certificate": None}, "the study gave no certificate"),
        ({"certificate": {"reason": "too few examples", "needed": 300}}, "the study gave no certificate"),
        ({"fingerprints": {"fake/small": "older"}}, "fake/small is not the version that was measured"),
    ],
)
def test_a_plan_without_a_certificate_or_with_another_model_certifies_nothing(
    serve, ask, studied_plan, echo, evidence, reason
) -> None:
    plan = studied_plan(SMALL, **{"fingerprints": {"fake/small": echo.fingerprint}, **evidence})
    assert certified_by(ask(RawClient(serve(plan, echo).client()))) == f"false; {reason}"


def test_an_unknown_price_is_no_header_and_not_a_zero(serve, ask) -> None:
    engine = FakeEngine(lambda request: Answer("ok", spend=Spend(calls=1, dollars=None)))
    raw = ask(RawClient(serve(SMALL, engine).client()))
    assert "x-underdog-cost-usd" not in raw.headers and raw.headers["x-underdog-calls"] == "1"


def test_every_model_of_a_plan_must_be_what_was_measured(serve, ask, studied_plan) -> None:
    answerer = Cascade(Vote(SMALL, 2), Fallback((LARGE, replace(LARGE, revision="r2"))))
    engines = {model: engine_for(model) for model in (SMALL, LARGE, replace(LARGE, revision="r2"))}
    known = {model.name: engine.fingerprint for model, engine in engines.items()}
    raw = ask(RawClient(serve(studied_plan(answerer, fingerprints=known), engines.__getitem__).client()))
    assert certified_by(raw) == "true"
    del known["fake/large"]
    raw = ask(RawClient(serve(studied_plan(answerer, fingerprints=known), engines.__getitem__).client()))
    assert "fake/large" in certified_by(raw)
