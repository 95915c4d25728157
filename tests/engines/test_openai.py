"""engines/openai.py against a real server on loopback that misbehaves on request."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.utils import formatdate
from typing import Any, TypeVar

import pytest
from tests.faulty_server import FaultyServer, HalfStream, Hang, Ok, Raw, Reset, Script, Slow, Status

from underdog.answerer import Answer, Failure, Request, ToolCall
from underdog.endpoint import Endpoint, Price, Secret
from underdog.engines import Delta, Engine, Facts
from underdog.engines.openai import OpenAIEngine, draw_seed
from underdog.engines.openai_bill import IMAGE_TOKENS, bound, shares
from underdog.engines.openai_failures import retry_after
from underdog.engines.openai_http import Connection
from underdog.engines.openai_quirks import KINDS, learned
from underdog.trial import Spend

T = TypeVar("T")
KEY = "sk-secret-123"
PRICE = Price(1.0, 2.0)
HELLO = Request(({"role": "user", "content": "say hello to me"},))
SAMPLED = HELLO.sampled(temperature=0.7)


def endpoint_of(server: FaultyServer, **settings: Any) -> Endpoint:
    return Endpoint(**({"name": "house", "base_url": server.url, "timeout": 20.0} | settings))


def using(
    server: FaultyServer,
    work: Callable[[OpenAIEngine], Awaitable[T]],
    price: Price | None = PRICE,
    max_bytes: int = 1 << 20,
    **settings: Any,
) -> T:
    """Do something with an engine of the server's and close it."""

    async def run() -> T:
        endpoint = endpoint_of(server, **settings)
        engine = OpenAIEngine(endpoint, "small", price=price, max_bytes=max_bytes)
        try:
            return await work(engine)
        finally:
            await engine.close()

    return asyncio.run(run())


def ask(server: FaultyServer, *requests: Request, **settings: Any) -> list[Answer | Failure]:
    return using(server, lambda engine: engine.generate(requests or [HELLO]), **settings)


def answer(server: FaultyServer, request: Request = HELLO, **settings: Any) -> Answer:
    [result] = ask(server, request, **settings)
    assert isinstance(result, Answer), result
    return result


def failure(server: FaultyServer, request: Request = HELLO, **settings: Any) -> Failure:
    [result] = ask(server, request, **settings)
    assert isinstance(result, Failure), result
    return result


async def deltas(engine: OpenAIEngine, request: Request = HELLO) -> list[Delta]:
    return [delta async for delta in engine.stream(request)]


def streamed(server: FaultyServer, request: Request = HELLO, **settings: Any) -> list[Delta]:
    return using(server, lambda engine: deltas(engine, request), **settings)


# --- answers ---------------------------------------------------------------------------------------------


def test_an_answer_comes_with_its_text_finish_tokens_dollars_and_seconds() -> None:
    with FaultyServer(Ok("hello there")) as server:
        got = answer(server)
    assert (got.text, got.finish, got.model) == ("hello there", "stop", "small")
    assert replace(got.spend, seconds=0) == Spend(1, 4, 0, 2, dollars=(4 * 1.0 + 2 * 2.0) / 1e6)
    assert got.spend.seconds > 0


def test_what_is_asked_arrives_whole_images_and_unknown_fields_included() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    messages = ({"role": "user", "content": [{"type": "text", "text": "what?"}, image]},)
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    asked = Request(messages, (tool,), "auto", {"type": "json_object"}, extra={"reasoning_effort": "low"})
    with FaultyServer() as server:
        answer(server, asked.sampled(stop=("END",), top_p=0.5, max_tokens=9))
        assert server.bodies == [
            {
                "model": "small",
                "messages": [messages[0]],
                "tools": [tool],
                "tool_choice": "auto",
                "response_format": {"type": "json_object"},
                "reasoning_effort": "low",
                "temperature": 0.0,
                "top_p": 0.5,
                "max_tokens": 9,
                "stop": ["END"],
            }
        ]


def test_reasoning_refusals_logprobs_and_tool_calls_are_read() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    message = {"reasoning_content": "hm", "refusal": "no", "tool_calls": [call]}
    with FaultyServer(Ok("a b", message=message, finish="tool_calls")) as server:
        got = answer(server, HELLO.sampled(logprobs=True, top_logprobs=1))
    assert (got.reasoning, got.refusal, got.finish) == ("hm", "no", "tool_calls")
    assert got.tool_calls == (ToolCall("f", '{"a": 1}', "c1"),)
    assert got.logprobs is not None
    assert [(t.token, t.logprob, t.top) for t in got.logprobs] == [
        ("a", -0.5, (("other", -2.0),)),
        ("b", -0.5, (("other", -2.0),)),
    ]


def test_answers_come_in_the_order_of_the_requests_though_the_first_is_the_slowest() -> None:
    def slow_first(body: dict[str, Any]) -> Any:
        word = body["messages"][0]["content"]
        return Slow(0.2, Ok(word)) if word == "0" else Ok(word)

    requests = [Request(({"role": "user", "content": str(number)},)) for number in range(5)]
    with FaultyServer(slow_first) as server:
        got = ask(server, *requests)
    assert [row.text for row in got if isinstance(row, Answer)] == ["0", "1", "2", "3", "4"]


def test_a_missing_finish_reason_is_not_called_a_stop() -> None:
    with FaultyServer(Ok("x", finish=None)) as server:
        assert answer(server).finish == "unknown"


def test_a_failed_row_leaves_the_other_rows_alone() -> None:
    def picky(body: dict[str, Any]) -> Any:
        return Status(400) if body["messages"][0]["content"] == "bad" else Ok("good")

    bad = Request(({"role": "user", "content": "bad"},))
    with FaultyServer(picky) as server:
        got = ask(server, HELLO, bad, HELLO.sampled(max_tokens=7))
    assert [type(row) for row in got] == [Answer, Failure, Answer]


# --- draws, n and seeds ----------------------------------------------------------------------------------


def test_draws_of_one_request_are_one_call_whose_prompt_is_billed_once() -> None:
    with FaultyServer() as server:
        got = ask(server, *(SAMPLED.drawn(i) for i in range(5)))
        [body] = server.bodies
    assert body["n"] == 5
    answers = [row for row in got if isinstance(row, Answer)]
    assert len({row.text for row in answers}) == 5
    spends = [row.spend for row in answers]
    assert [spend.tokens_in for spend in spends] == [4, 0, 0, 0, 0]
    total = sum(spends, Spend())
    assert (total.calls, total.tokens_in, total.tokens_out) == (5, 4, 20)
    assert total.dollars == pytest.approx((4 * 1.0 + 20 * 2.0) / 1e6)
    assert all(spend.tokens_out == 4 for spend in spends)


def test_different_requests_and_greedy_ones_are_calls_of_their_own() -> None:
    with FaultyServer() as server:
        ask(server, SAMPLED.drawn(0), SAMPLED.sampled(max_tokens=3).drawn(0), HELLO.drawn(0), HELLO.drawn(1))
        assert server.served == 4
        assert all("n" not in body for body in server.bodies)


def test_a_server_that_ignores_n_is_found_out_and_the_other_draws_are_asked_singly() -> None:
    async def twice(engine: OpenAIEngine) -> tuple[list[Answer | Failure], list[Answer | Failure]]:
        assert engine.batch > 1
        first = await engine.generate([SAMPLED.drawn(i) for i in range(3)])
        assert engine.batch == 1
        return first, await engine.generate([SAMPLED.drawn(i) for i in range(3, 5)])

    with FaultyServer(Ok(most_n=1)) as server:
        first, second = using(server, twice)
        counts = [body.get("n") for body in server.bodies]
    assert counts == [3, None, None, None, None]
    texts = [row.text for row in first + second if isinstance(row, Answer)]
    assert len(set(texts)) == 5
    assert [row.spend.tokens_in for row in first + second] == [4] * 5


@pytest.mark.parametrize(
    "refusal",
    [
        Status(400, "'n' is not supported", param="n", code="unsupported_parameter"),
        Status(400, "Only one completion choice is allowed"),
    ],
)
def test_a_server_that_refuses_n_is_asked_singly(refusal: Status) -> None:
    def no_n(body: dict[str, Any]) -> Any:
        return refusal if "n" in body else Ok()

    with FaultyServer(no_n) as server:
        got = ask(server, *(SAMPLED.drawn(i) for i in range(3)))
        assert server.served == 4
    assert all(isinstance(row, Answer) for row in got)


def test_ollama_is_never_sent_n() -> None:
    with FaultyServer(Ok(most_n=1)) as server:
        ask(server, *(SAMPLED.drawn(i) for i in range(3)), kind="ollama")
        assert [body.get("n") for body in server.bodies] == [None, None, None]


def test_a_failed_call_of_n_fails_each_of_its_draws() -> None:
    with FaultyServer(Status(503, retry_after="2")) as server:
        got = ask(server, *(SAMPLED.drawn(i) for i in range(3)))
        assert server.served == 1
    assert [(row.kind, row.retry_after) for row in got if isinstance(row, Failure)] == [
        ("server_error", 2.0)
    ] * 3


def test_every_draw_has_its_own_seed_that_does_not_depend_on_the_batch() -> None:
    draws = [SAMPLED.drawn(i) for i in range(6)] + [SAMPLED.drawn(1).drawn(0)]
    seeds = [draw_seed(draw) for draw in draws]
    assert len(set(seeds)) == 7 and None not in seeds
    with FaultyServer(Ok(most_n=1)) as server:
        ask(server, *draws, kind="ollama")
        assert sorted(body["seed"] for body in server.bodies) == sorted(s for s in seeds if s is not None)
    assert draw_seed(draws[2]) == draw_seed(SAMPLED.drawn(2))
    assert draw_seed(draws[2]) != draw_seed(SAMPLED.sampled(seed=1).drawn(2))


def test_a_given_seed_goes_out_as_it_is_with_the_first_draw_only() -> None:
    seeded = SAMPLED.sampled(seed=42)
    assert [draw_seed(seeded), draw_seed(seeded.drawn(0))] == [42, 42]
    assert draw_seed(seeded.drawn(1)) not in (42, None)
    assert draw_seed(HELLO.sampled(seed=42)) == draw_seed(HELLO.sampled(seed=42).drawn(3)) == 42


def test_a_single_sample_and_a_greedy_answer_are_not_seeded_behind_the_users_back() -> None:
    assert draw_seed(SAMPLED) is None
    assert draw_seed(HELLO) is None and draw_seed(HELLO.drawn(2)) is None


def test_one_seed_is_not_sent_for_several_choices_where_they_would_come_out_the_same() -> None:
    with FaultyServer() as server:
        for kind in ("openai", "llamacpp", "vllm"):
            ask(server, SAMPLED.drawn(0), SAMPLED.drawn(1), kind=kind)
        assert [(body["n"], "seed" in body) for body in server.bodies] == [(2, False), (2, False), (2, True)]


@pytest.mark.parametrize(
    ("whole", "weights", "parts"),
    [
        (10, [1, 1, 1], [4, 3, 3]),
        (7, [0, 0], [4, 3]),
        (5, [3, 0, 2], [3, 0, 2]),
        (1, [1, 9], [0, 1]),
        (0, [1, 2], [0, 0]),
    ],
)
def test_shares_are_in_proportion_and_sum_to_the_whole(
    whole: int, weights: list[int], parts: list[int]
) -> None:
    assert shares(whole, weights) == parts


# --- what it costs ---------------------------------------------------------------------------------------


def test_an_unknown_price_leaves_dollars_undefined_in_answers_bounds_and_failures() -> None:
    with FaultyServer(Ok("hello"), Raw(b"garbage")) as server:
        assert answer(server, price=None).spend.dollars is None
        assert failure(server, price=None).spend.dollars is None
        assert using(server, _bound_of_hello, price=None).dollars is None


async def _bound_of_hello(engine: OpenAIEngine) -> Spend:
    return engine.bound(HELLO)


def test_missing_usage_is_estimated_and_said_to_be() -> None:
    async def both(engine: OpenAIEngine) -> tuple[list[Answer | Failure], dict[str, str]]:
        return await engine.generate([HELLO]), engine.versions()

    with FaultyServer(Ok("x" * 41, usage=False)) as server:
        [got], versions = using(server, both)
    assert isinstance(got, Answer)
    assert got.spend.tokens_out == 11 and got.spend.tokens_in > 4
    assert "estimated" in versions["usage"]
    with FaultyServer(Ok("x")) as server:
        assert "usage" not in using(server, both)[1]


def test_cached_and_reasoning_tokens_are_counted_and_cached_ones_are_cheaper() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 80},
        "completion_tokens_details": {"reasoning_tokens": 6},
    }
    with FaultyServer(Ok("x", usage=usage)) as server:
        spend = answer(server, price=Price(1.0, 2.0, cached_input=0.1)).spend
    assert (spend.tokens_cached, spend.tokens_reasoning) == (80, 6)
    assert spend.dollars == pytest.approx((20 * 1.0 + 80 * 0.1 + 10 * 2.0) / 1e6)


def test_openrouters_reported_cost_is_believed_and_another_servers_is_not() -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.25}
    with FaultyServer(Ok("x", usage=usage)) as server:
        assert answer(server, price=None, kind="openrouter").spend.dollars == 0.25
        assert answer(server, price=None).spend.dollars is None


def test_recorded_tokens_are_repriced_at_todays_price() -> None:
    async def reprice(engine: OpenAIEngine) -> Spend:
        return engine.price(Spend(1, 1_000_000, 0, 1_000_000, dollars=99.0))

    with FaultyServer() as server:
        assert using(server, reprice).dollars == 3.0
        assert using(server, reprice, price=None).dollars is None
        assert using(server, reprice, price=None, kind="openrouter").dollars == 99.0


@pytest.mark.parametrize("text", ["hi", "ä" * 50, "漢字" * 50, '"\\\n' * 50, "x y z " * 50])
def test_the_bound_covers_a_token_a_byte_and_all_that_may_be_generated(text: str) -> None:
    request = Request(
        ({"role": "user", "content": text},), ({"type": "function", "function": {"name": text}},)
    )
    most = bound(request.sampled(max_tokens=77), PRICE)
    assert most.tokens_in >= 2 * len(text.encode())
    assert most.tokens_out == 77
    assert most.dollars == pytest.approx((most.tokens_in + 77 * 2) / 1e6)


def test_an_image_is_bounded_by_its_kind_and_not_by_its_bytes() -> None:
    def with_image(url: str, **detail: str) -> Request:
        part = {"type": "image_url", "image_url": {"url": url, **detail}}
        return Request(({"role": "user", "content": [part, part]},))

    small, big = bound(with_image("http://x/y.png"), PRICE), bound(with_image("data:" + "A" * 10**6), PRICE)
    assert small == big and big.tokens_image == 2 * IMAGE_TOKENS
    assert bound(with_image("http://x/y.png", detail="low"), PRICE).tokens_image < IMAGE_TOKENS


def test_content_behind_a_file_id_has_no_bound() -> None:
    part = {"type": "file", "file": {"file_id": "file-1"}}
    assert bound(Request(({"role": "user", "content": [part]},)), PRICE).dollars is None


# --- failures --------------------------------------------------------------------------------------------

FAULTS: list[tuple[Script, str, bool]] = [
    (Status(400), "bad_request", False),
    (Status(401), "unauthorised", False),
    (Status(403), "unauthorised", False),
    (Status(404, "model not found"), "bad_request", False),
    (Status(408), "timeout", True),
    (Status(409), "server_error", True),
    (Status(413), "too_long", False),
    (Status(422), "bad_request", False),
    (Status(425), "server_error", True),
    (Status(429), "rate_limited", True),
    (Status(429, code="insufficient_quota"), "rate_limited", False),
    (Status(500), "server_error", True),
    (Status(503), "server_error", True),
    (Status(529), "server_error", True),
    (Status(307, headers={"Location": "http://127.0.0.1:1/v1"}), "bad_request", False),
    (Status(400, "maximum context length is 10 tokens", code="context_length_exceeded"), "too_long", False),
    (Status(400, "the request exceeds the available context size"), "too_long", False),
    (Raw(b"<html>busy</html>", "text/html"), "bad_answer", True),
    (Raw(b"<html>busy</html>", "text/html", 502), "server_error", True),
    (Raw(b"prompt is too long", "text/plain", 400), "too_long", False),
    (Raw(b"hello", "text/plain"), "bad_answer", True),
    (Raw(b""), "bad_answer", True),
    (Raw(b'{"choices": [{"message"'), "bad_answer", True),
    (Raw(b'"a string"'), "bad_answer", True),
    (Raw(b"{}"), "bad_answer", True),
    (Raw(b'{"choices": []}'), "bad_answer", True),
    (Raw(b'{"choices": [null]}'), "bad_answer", True),
    (Raw(b'{"choices": [{"message": {"content": 3}}]}'), "bad_answer", True),
    (Raw(b'{"choices": [{"message": {"content": "x", "tool_calls": [{}]}}]}'), "bad_answer", True),
    (Raw(b'{"choices": [{"message": {"content": "\xff"}}]}'), "bad_answer", True),
    (Raw(b'{"error": {"message": "overloaded", "code": 429}}'), "rate_limited", True),
    (Raw(b'{"error": {"message": "upstream died"}}'), "server_error", True),
    (Ok("x", finish="error"), "bad_answer", True),
    (Reset(), "unreachable", True),
]


@pytest.mark.parametrize(("fault", "kind", "retryable"), FAULTS)
def test_every_fault_is_named_in_its_place_and_tried_once(fault: Script, kind: str, retryable: bool) -> None:
    with FaultyServer(fault) as server:
        got = failure(server)
        assert server.served == 1, "the engine does not retry: the driver does"
    assert (got.kind, got.retryable) == (kind, retryable)
    assert got.message.startswith("endpoint 'house': ")


@pytest.mark.parametrize(("fault", "kind", "retryable"), FAULTS)
def test_a_stream_names_the_same_faults(fault: Script, kind: str, retryable: bool) -> None:
    with FaultyServer(fault) as server:
        *_, last = streamed(server)
        assert server.served == 1
    assert last.answer is None and last.failure is not None
    assert (last.failure.kind, last.failure.retryable) == (kind, retryable)


def test_a_refused_call_costs_nothing_and_one_that_may_have_been_billed_costs_its_bound() -> None:
    with FaultyServer(Status(429)) as server:
        assert failure(server).spend == Spend(calls=1)
    with FaultyServer(Raw(b"garbage")) as server:
        got = failure(server)
        assert got.spend == using(server, _bound_of_hello) and got.spend.dollars


def test_a_server_that_is_not_there_is_unreachable_and_unbilled() -> None:
    with FaultyServer() as server:
        pass
    got = failure(server)
    assert (got.kind, got.retryable, got.spend) == ("unreachable", True, Spend(calls=1))


def test_a_server_that_accepts_and_says_nothing_times_out() -> None:
    with FaultyServer(Hang()) as server:
        got = failure(server, timeout=0.3)
    assert (got.kind, got.retryable) == ("timeout", True)


def test_a_stream_that_goes_silent_times_out() -> None:
    with FaultyServer(Hang(mid_stream=True)) as server:
        first, last = streamed(server, timeout=0.5)
    assert first.text == "wait" and last.failure is not None and last.failure.kind == "timeout"


def test_retry_after_is_read_as_seconds_as_a_date_and_in_milliseconds() -> None:
    with FaultyServer(Status(429, retry_after="7")) as server:
        assert failure(server).retry_after == 7.0
    with FaultyServer(Status(503, retry_after=formatdate(time.time() + 3600, usegmt=True))) as server:
        wait = failure(server).retry_after
        assert wait is not None and 3000 < wait <= 3600
    assert retry_after({"retry-after-ms": "1500", "retry-after": "9"}, 0.0) == 1.5
    assert retry_after({"retry-after": formatdate(0, usegmt=True)}, time.time()) == 0.0
    assert [retry_after({"retry-after": v}, 0.0) for v in ("soon", "nan", "-3", "")] == [
        None,
        None,
        0.0,
        None,
    ]
    with FaultyServer(Status(400, retry_after="7")) as server:
        assert failure(server).retry_after is None, "what is not worth a retry has no time for one"


def test_a_reply_beyond_the_allowed_size_is_refused() -> None:
    with FaultyServer(Ok("x" * 200_000)) as server:
        got = failure(server, max_bytes=100_000)
        assert (got.kind, got.retryable) == ("bad_answer", False) and "100,000 bytes" in got.message
        assert streamed(server, max_bytes=100_000)[-1].failure == got
        assert len(answer(server, max_bytes=300_000).text) == 200_000


def test_azures_refusal_of_a_prompt_is_a_refusal_and_not_an_outage() -> None:
    with FaultyServer(Status(400, "filtered", code="content_filter")) as server:
        got = answer(server)
    assert (got.text, got.finish, got.refusal) == ("", "content_filter", "filtered")


def test_the_key_is_sent_and_is_in_no_failure_fact_or_version() -> None:
    echo = Status(401, f"Incorrect API key provided: {KEY}")
    settings = {"key": Secret(KEY), "headers": {"X-Also": Secret("hush-hush")}}
    with FaultyServer(echo) as server:
        got = failure(server, **settings)
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert server.requests[0].headers["x-also"] == "hush-hush"
        facts = using(server, lambda engine: engine.check(), **settings)
    assert KEY not in repr(got) + repr(facts) and "[secret]" in got.message
    with FaultyServer(Status(500, "hush-hush")) as server:
        assert "hush" not in failure(server, **settings).message


def test_a_redirect_does_not_take_the_key_elsewhere() -> None:
    with FaultyServer() as other:
        moved = Status(307, headers={"Location": other.url + "/chat/completions"})
        with FaultyServer(moved) as server:
            assert failure(server, key=Secret(KEY)).kind == "bad_request"
        assert other.requests == []


# --- quirks ----------------------------------------------------------------------------------------------


def reasoning_model(body: dict[str, Any]) -> Any:
    """OpenAI's reasoning models, which name one thing after the other that they do not take."""
    for name, hint in (("max_tokens", " Use 'max_completion_tokens' instead."), ("logprobs", "")):
        if name in body:
            said = f"Unsupported parameter: '{name}' is not supported with this model.{hint}"
            return Status(400, said, "unsupported_parameter", name)
    if body.get("temperature", 1) != 1:
        said = (
            "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value"
        )
        return Status(400, said, "unsupported_value", "temperature")
    return Ok(str(body["max_completion_tokens"]))


def test_a_reasoning_models_refusals_are_learned_once_and_said_in_versions() -> None:
    async def twice(engine: OpenAIEngine) -> dict[str, str]:
        for _ in range(2):
            [got] = await engine.generate([HELLO.sampled(logprobs=True, max_tokens=33)])
            assert isinstance(got, Answer) and got.text == "33" and got.logprobs is None
        [last] = [delta async for delta in engine.stream(HELLO) if delta.answer]
        assert last.answer is not None
        return engine.versions()

    with FaultyServer(reasoning_model) as server:
        assert using(server, twice)["left_out"] == "logprobs, temperature, top_logprobs"
        assert server.served == 4 + 1 + 1


def test_a_stream_learns_as_well() -> None:
    with FaultyServer(reasoning_model) as server:
        *_, last = streamed(server, HELLO.sampled(max_tokens=5))
        assert last.answer is not None and last.answer.text == "5"


def test_a_server_without_stream_options_streams_without_usage() -> None:
    def old(body: dict[str, Any]) -> Any:
        refusal = Status(400, "Unrecognized request argument supplied: stream_options")
        return refusal if "stream_options" in body else Ok("hello", usage=False)

    with FaultyServer(old) as server:
        *_, last = streamed(server)
    assert last.answer is not None and last.answer.text == "hello"


@pytest.mark.parametrize(
    "refusal",
    [
        {"error": {"message": "'temperature' must be at most 2", "param": "temperature"}},
        {"error": {"message": "tools are not supported by this model", "param": "tools"}},
        {"error": {"message": "response_format json_schema is not supported", "param": "response_format"}},
        {"error": {"message": "'seed' is not supported"}},
        {"detail": [{"type": "missing", "loc": ["body", "temperature"]}]},
        ["temperature is not supported"],
        None,
    ],
)
def test_a_refusal_of_something_else_teaches_nothing(refusal: Any) -> None:
    sent = {"temperature": 0.0, "max_tokens": 5, "tools": [], "response_format": {}}
    assert learned(KINDS["openai"], refusal, sent) is None


@pytest.mark.parametrize(
    "refusal",
    [
        {
            "detail": [
                {"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}
            ]
        },
        {"error": "unknown field: seed"},
        {"message": "seed is not supported", "type": "invalid_request_error"},
        {"error": {"message": "x", "param": "seed", "code": "unknown_parameter"}},
    ],
)
def test_refusals_of_other_servers_are_understood(refusal: Any) -> None:
    taught = learned(KINDS["openai"], refusal, {"seed": 1, "temperature": 0.5})
    assert taught is not None and taught.left_out == {"seed"}


def test_a_server_that_refuses_everything_does_not_hold_the_engine_for_ever() -> None:
    def refuse(body: dict[str, Any]) -> Any:
        name = "max_completion_tokens" if "max_completion_tokens" in body else "max_tokens"
        return Status(400, f"'{name}' is not supported", "unsupported_parameter", name)

    with FaultyServer(refuse) as server:
        assert failure(server).kind == "bad_request"
        assert server.served == 2


def test_azure_has_the_deployment_in_the_address_and_the_key_in_its_own_header() -> None:
    with FaultyServer() as server:
        base = server.url.removesuffix("/v1")
        settings = {"kind": "azure", "base_url": base, "api_version": "2024-10-21", "key": Secret(KEY)}
        answer(server, **settings)
        [request] = server.requests
    assert request.path == "/openai/deployments/small/chat/completions?api-version=2024-10-21"
    assert request.headers["api-key"] == KEY and "authorization" not in request.headers


def test_azures_newer_address_is_openais() -> None:
    azure = Endpoint("az", "https://me.openai.azure.com/openai/v1", kind="azure")
    assert Connection(azure, 1).chat_url("a/b").endswith("/openai/v1/chat/completions")
    classic = Endpoint("az", "https://me.openai.azure.com", kind="azure", api_version="1")
    assert "/deployments/a%2Fb/chat" in Connection(classic, 1).chat_url("a/b")


# --- streams ---------------------------------------------------------------------------------------------

RICH = Ok(
    "several words to stream",
    message={
        "reasoning_content": "hm hm",
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
            {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        ],
    },
    finish="tool_calls",
)


@pytest.mark.parametrize("behaviour", [Ok("one"), Ok("a b c", finish="length"), Ok("x", usage=False), RICH])
def test_a_stream_ends_in_the_answer_that_generate_would_have_brought(behaviour: Ok) -> None:
    request = HELLO.sampled(logprobs=True, top_logprobs=1)
    with FaultyServer(behaviour) as server:
        *pieces, last = streamed(server, request)
        whole = answer(server, request)
    assert last.answer is not None
    assert "".join(piece.text for piece in pieces) == whole.text
    assert _timeless(last.answer) == _timeless(whole)


def _timeless(got: Answer) -> Answer:
    return replace(got, spend=replace(got.spend, seconds=0.0))


def test_a_stream_comes_in_pieces() -> None:
    with FaultyServer(Ok("one two three")) as server:
        assert [delta.text for delta in streamed(server)] == ["one", " two", " three", ""]


@pytest.mark.parametrize("half", [HalfStream(), HalfStream(clean=False)])
def test_half_a_stream_is_a_failure_and_never_an_answer(half: HalfStream) -> None:
    with FaultyServer(half) as server:
        first, last = streamed(server)
    assert first.text == "half of an"
    assert last.answer is None and last.failure is not None
    assert (last.failure.kind, last.failure.retryable) == ("bad_answer", True)
    assert last.failure.spend.dollars, "it may have been billed"


def test_a_stream_cut_after_its_finish_reason_is_whole() -> None:
    with FaultyServer(HalfStream("all of it", clean=False, finish="stop")) as server:
        assert streamed(server)[-1].answer is not None


def test_an_error_in_mid_stream_is_a_failure() -> None:
    chunk = json.dumps({"choices": [{"index": 0, "delta": {"content": "so far"}}]})
    events = f'data: {chunk}\n\ndata: {{"error": {{"message": "died", "code": 502}}}}\n\ndata: [DONE]\n\n'
    with FaultyServer(Raw(events.encode(), "text/event-stream")) as server:
        first, last = streamed(server)
    assert first.text == "so far" and last.failure is not None and last.failure.kind == "server_error"


@pytest.mark.parametrize(
    "events",
    [b"data: [DONE]\n\n", b"", b"data: {oops\n\n", b"data: 3\n\n", b'data: {"choices": 3}\n\n'],
)
def test_a_stream_of_nothing_or_garbage_is_a_bad_answer(events: bytes) -> None:
    with FaultyServer(Raw(events, "text/event-stream")) as server:
        [last] = streamed(server)
    assert last.failure is not None and last.failure.kind == "bad_answer"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_comments_other_fields_line_ends_and_split_chunks_are_read(end: str) -> None:
    first = {"choices": [{"index": 0, "delta": {"content": "ä b"}}]}
    second = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    lines = [": keep-alive", "", "event: x", f"data:{json.dumps(first, ensure_ascii=False)}", ""]
    lines += [f"data: {json.dumps(second)}", "", "data: [DONE]", "", ""]
    with FaultyServer(Raw(end.join(lines).encode(), "text/event-stream")) as server:
        piece, last = streamed(server)
    assert piece.text == "ä b" and last.answer is not None and last.answer.text == "ä b"


def test_tool_calls_that_come_whole_under_one_index_stay_apart() -> None:
    def call(name: str) -> dict[str, Any]:
        return {"index": 0, "id": f"call_{name}", "function": {"name": name, "arguments": "{}"}}

    chunks = [
        {"choices": [{"index": 0, "delta": {"tool_calls": [call("f")]}}]},
        {"choices": [{"index": 0, "delta": {"tool_calls": [call("g")]}, "finish_reason": "tool_calls"}]},
    ]
    events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    with FaultyServer(Raw(events.encode(), "text/event-stream")) as server:
        [last] = streamed(server)
    assert last.answer is not None
    assert last.answer.tool_calls == (ToolCall("f", "{}", "call_f"), ToolCall("g", "{}", "call_g"))


def test_a_server_that_does_not_stream_is_heard_all_the_same() -> None:
    whole = {"choices": [{"message": {"content": "at once"}, "finish_reason": "stop"}]}
    with FaultyServer(Raw(json.dumps(whole).encode())) as server:
        piece, last = streamed(server)
    assert piece.text == "at once" and last.answer is not None and last.answer.text == "at once"


def test_leaving_a_stream_early_closes_it_and_the_engine_works_on() -> None:
    async def leave(engine: OpenAIEngine) -> str:
        stream = engine.stream(HELLO)
        first = await anext(stream)
        await stream.aclose()
        [again] = await engine.generate([HELLO])
        assert isinstance(again, Answer)
        return first.text

    with FaultyServer(Hang(mid_stream=True), Ok("again")) as server:
        assert using(server, leave) == "wait"


# --- the engine as such ----------------------------------------------------------------------------------


def test_it_meets_the_protocol_and_its_fingerprint_names_no_address() -> None:
    here = Endpoint("house", "http://127.0.0.1:1/v1")
    there = Endpoint("house", "https://llm.example.com/v1")
    engine: Engine = OpenAIEngine(here, "small")
    assert engine.fingerprint == OpenAIEngine(there, "small").fingerprint
    others = {
        OpenAIEngine(here, "large").fingerprint,
        OpenAIEngine(here, "small", revision="2").fingerprint,
        OpenAIEngine(replace(here, name="lab"), "small").fingerprint,
    }
    assert len(others | {engine.fingerprint}) == 4
    assert engine.identity(HELLO) == HELLO.digest


def test_it_tells_what_the_server_says_answered() -> None:
    async def told(engine: OpenAIEngine) -> dict[str, str]:
        await engine.generate([HELLO])
        return engine.versions()

    head = {"model": "small-2026-01-01", "system_fingerprint": "fp_1"}
    with FaultyServer(Ok("x", head=head)) as server:
        versions = using(server, told)
    assert (versions["reported_model"], versions["system_fingerprint"]) == ("small-2026-01-01", "fp_1")
    assert versions["model"] == "small" and "127.0.0.1" not in json.dumps(versions)


def test_no_more_requests_are_under_way_than_the_endpoint_takes() -> None:
    under_way, most = 0, 0

    class Counting(Ok):
        async def __call__(self, request: Any, body: dict[str, Any]) -> Any:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.02)
            under_way -= 1
            return await super().__call__(request, body)

    requests = [Request(({"role": "user", "content": str(number)},)) for number in range(9)]
    with FaultyServer(Counting("x")) as server:
        assert all(isinstance(row, Answer) for row in ask(server, *requests, concurrency=3))
    assert most == 3


def test_one_engine_serves_one_event_loop_after_the_other() -> None:
    with FaultyServer(Ok("x")) as server:
        engine = OpenAIEngine(endpoint_of(server), "small")

        async def once() -> list[Answer | Failure]:
            got = await engine.generate([HELLO])
            await engine.close()
            return got

        assert all(isinstance(asyncio.run(once())[0], Answer) for _ in range(2))


def test_check_tells_what_a_model_supports() -> None:
    with FaultyServer() as server:
        facts = using(server, lambda engine: engine.check())
    everything = ("json_schema", "logprobs", "n", "stream", "temperature", "tools")
    supports = {**dict.fromkeys(everything, True), "choices": False}
    assert facts == Facts(True, facts.destination, supports, facts.note)
    assert facts.destination.startswith("this machine (127.0.0.1:")


def test_check_believes_in_choices_only_where_they_were_kept_to() -> None:
    def strict(body: dict[str, Any]) -> Any:
        return Ok(body["structured_outputs"]["choice"][0] if "structured_outputs" in body else "yes")

    for script, kind, kept in ((strict, "vllm", True), (Ok("yes"), "vllm", False), (strict, "openai", False)):
        with FaultyServer(script) as server:
            facts = using(server, lambda engine: engine.check(), kind=kind)
        assert facts.supports["choices"] is kept


def test_check_tells_what_a_model_does_not_support() -> None:
    def poor(body: dict[str, Any]) -> Any:
        if "tools" in body:
            return Status(400, "small does not support tools")
        if "response_format" in body or body.get("stream"):
            return Status(400, "no")
        body.pop("logprobs", None)
        return Ok(most_n=1)

    with FaultyServer(poor) as server:
        facts = using(server, lambda engine: engine.check(), price=None)
    assert [name for name, has in facts.supports.items() if has] == ["temperature"]
    assert "price unknown" in facts.note


def test_check_of_a_model_that_does_not_answer_says_why_and_what_is_listed() -> None:
    with FaultyServer(Status(404, "no such model"), models=("tiny", "huge")) as server:
        facts = using(server, lambda engine: engine.check())
    assert not facts.answers and "no such model" in facts.note and "tiny, huge" in facts.note
