"""What goes wrong: errors in OpenAI's shape, hung-up clients, broken streams, and who is let in."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
from urllib.parse import urlsplit

import openai
import pytest

from underdog.answerer import Answer, Failure, Model
from underdog.engines import Delta
from underdog.engines.fake import FakeEngine
from underdog.levers import Cascade, Vote
from underdog.trial import Spend

SMALL, LARGE = Model("fake/small"), Model("fake/large")
OK = {"model": "tickets", "messages": [{"role": "user", "content": "q"}]}


def post(gateway, body, path="/v1/chat/completions", headers=None, method="POST"):
    """Status, headers and JSON of a raw request; `body` is sent as it is, or as JSON."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    address = urlsplit(gateway.url)
    connection = http.client.HTTPConnection(address.netloc, timeout=30)
    try:
        connection.request(method, address.path + path, sent, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, json.loads(response.read() or b"null")
    finally:
        connection.close()


def until(condition) -> None:
    """Wait, long enough for any machine, until this is so."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it never came to be so"
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"\xff\xfe", None),
        (b"", None),
        (b"[" * 100_000, None),
        ([], None),
        ({}, "model"),
        ({"model": ""}, "model"),
        ({"model": "tickets"}, "messages"),
        ({"model": 3, "messages": OK["messages"]}, "model"),
        (OK | {"messages": []}, "messages"),
        (OK | {"messages": "q"}, "messages"),
        (OK | {"messages": ["q"]}, "messages"),
        (OK | {"messages": [{"content": "q"}]}, "messages[0].role"),
        (OK | {"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        (OK | {"messages": [{"role": "user", "content": ["q"]}]}, "messages[0].content"),
        (OK | {"temperature": "hot"}, "temperature"),
        (OK | {"temperature": 2.5}, "temperature"),
        (OK | {"temperature": -1}, "temperature"),
        (OK | {"top_p": 1.5}, "top_p"),
        (OK | {"top_logprobs": 99}, "top_logprobs"),
        (OK | {"max_tokens": 0}, "max_tokens"),
        (OK | {"n": 0}, "n"),
        (OK | {"n": 100000}, "n"),
        (OK | {"n": True}, "n"),
        (OK | {"stream": "yes"}, "stream"),
        (OK | {"stop": 3}, "stop"),
        (OK | {"tools": {}}, "tools"),
        (OK | {"tool_choice": 3}, "tool_choice"),
        (OK | {"response_format": "json"}, "response_format"),
    ],
)
def test_a_malformed_body_is_a_400_that_names_the_field(gateway, body, param) -> None:
    status, headers, said = post(gateway, body)
    assert status == 400 and headers["content-type"] == "application/json"
    assert said["error"]["type"] == "invalid_request_error" and said["error"]["param"] == param
    assert said["error"]["message"] and "Traceback" not in said["error"]["message"]


@pytest.fixture(scope="module")
def gateway(serve_once):
    """One gateway for all requests that never reach a model."""
    return serve_once(SMALL, FakeEngine("ok"), most_bytes=1_000_000)


def test_another_model_is_not_found(gateway) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        gateway.client().chat.completions.create(model="gpt-5", messages=OK["messages"])
    assert caught.value.code == "model_not_found" and "ask for 'tickets'" in caught.value.message


def test_the_models_are_the_plan(gateway) -> None:
    client = gateway.client()
    [card] = client.models.list().data
    assert (card.id, card.owned_by, card.created) == ("tickets", "underdog", 1795334400)
    assert client.models.retrieve("tickets").id == "tickets"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-5")


def test_health_names_the_plan(gateway) -> None:
    status, _, said = post(gateway, b"", "/healthz", method="GET")
    assert status == 200 and said["status"] == "ok" and len(said["plan"]) == 32


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/chat/completions", 405), ("POST", "/v1/embeddings", 404), ("GET", "/", 404)],
)
def test_what_is_not_there_is_json_too(gateway, method, path, status) -> None:
    got, headers, said = post(gateway, b"", path, method=method)
    assert got == status and headers["content-type"] == "application/json"
    assert path in said["error"]["message"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_big_is_refused_while_it_comes(gateway, chunked) -> None:
    address = urlsplit(gateway.url)
    with socket.create_connection((address.hostname, address.port), timeout=30) as raw:
        size = "transfer-encoding: chunked" if chunked else "content-length: 99000000"
        head = f"POST {address.path}/v1/chat/completions HTTP/1.1\r\nhost: {address.netloc}\r\n{size}\r\n\r\n"
        raw.sendall(head.encode())
        part = b"x" * 200_000
        for _ in range(6):
            raw.sendall(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part[:10])
        assert b" 413 " in raw.recv(100).split(b"\r\n")[0]


# Keys and origins


def test_a_key_is_asked_for_everywhere_but_for_health(serve) -> None:
    gateway = serve(SMALL, FakeEngine("ok"), api_key="sesame")
    for wrong in ("none", "", "sesam", "sesamé"):
        status, _, said = post(gateway, OK, headers={"authorization": f"Bearer {wrong}".encode()})
        assert (status, said["error"]["code"]) == (401, "invalid_api_key")
    assert post(gateway, OK)[0] == 401
    assert post(gateway, b"", "/v1/models", method="GET")[0] == 401
    assert post(gateway, b"", "/healthz", method="GET")[0] == 200
    assert gateway.client(api_key="sesame").models.list().data
    with pytest.raises(openai.AuthenticationError):
        gateway.client(api_key="other").models.list()
    elsewhere = {"host": "house.example", "authorization": "Bearer sesame"}
    assert post(gateway, OK, headers=elsewhere)[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example:8321"}, 403),
        ({"host": "localhost:1"}, 200),
        ({"host": "[::1]:1"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:3000"}, 200),
    ],
)
def test_without_a_key_no_web_page_can_spend_the_users_money(gateway, headers, status) -> None:
    assert post(gateway, OK, headers=headers)[0] == status


# Failures of the models behind


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        ("rate_limited", 429, openai.RateLimitError),
        ("budget", 429, openai.RateLimitError),
        ("timeout", 504, openai.InternalServerError),
        ("unreachable", 502, openai.InternalServerError),
        ("unauthorised", 502, openai.InternalServerError),
        ("server_error", 502, openai.InternalServerError),
        ("bad_answer", 502, openai.InternalServerError),
        ("act_failed", 502, openai.InternalServerError),
        ("cancelled", 503, openai.InternalServerError),
        ("lever_failed", 500, openai.InternalServerError),
        ("bad_request", 400, openai.BadRequestError),
        ("too_long", 400, openai.BadRequestError),
    ],
)
def test_a_models_failure_has_its_status(failing, ask, stream, kind, status, error) -> None:
    with pytest.raises(error) as caught:
        ask(failing.client(), kind, stream=stream)
    assert caught.value.status_code == status and caught.value.body["message"]
    assert "secret.example" not in caught.value.message or kind in (
        "bad_request",
        "too_long",
        "rate_limited",
        "budget",
    )
    assert caught.value.response.headers["x-underdog-plan"]
    if kind == "too_long":
        assert caught.value.code == "context_length_exceeded"


@pytest.fixture(scope="module")
def failing(serve_once):
    def reply(request):
        kind = request.messages[-1]["content"]
        return Failure(
            kind, f"secret.example says {kind}", retry_after=1.2 if kind == "rate_limited" else None
        )

    return serve_once(SMALL, FakeEngine(reply))


@pytest.mark.parametrize("stream", [False, True])
def test_retry_after_is_passed_on_in_whole_seconds(failing, ask, stream) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        ask(failing.client(), "rate_limited", stream=stream)
    assert caught.value.response.headers["retry-after"] == "2"


def test_a_failure_that_passes_is_not_seen_by_the_client(serve, ask) -> None:
    lost = Failure("server_error", "down", retryable=True)
    client = serve(SMALL, FakeEngine("ok", failures=[lost])).client()
    assert ask(client).choices[0].message.content == "ok"


@pytest.mark.parametrize("stream", [False, True])
def test_one_failed_choice_of_several_fails_the_request(serve, ask, stream) -> None:
    engine = FakeEngine(lambda r: "ok" if r.draw[-1] == 0 else Failure("bad_request", "no"), latency=0.01)
    with pytest.raises((openai.BadRequestError, openai.APIError), match="no"):
        done = ask(serve(SMALL, engine).client(), n=2, temperature=1, stream=stream)
        list(done)


@pytest.mark.parametrize("stream", [False, True])
def test_a_fault_of_ours_is_a_500_in_json_that_tells_nothing(serve, ask, stream) -> None:
    def reply(request):
        raise RuntimeError("secret.example is on fire")

    with pytest.raises(openai.InternalServerError) as caught:
        ask(serve(SMALL, FakeEngine(reply)).client(), stream=stream)
    assert caught.value.status_code == 500 and "secret" not in caught.value.message


class Breaking(FakeEngine):
    """Streams two pieces and then ends as `end` says."""

    end: object = None

    async def stream(self, request):
        yield Delta("half ")
        yield Delta("an answer")
        if isinstance(self.end, Exception):
            raise self.end
        yield Delta(failure=self.end)


@pytest.mark.parametrize("end", [Failure("server_error", "secret", retryable=True), RuntimeError("secret")])
def test_a_stream_that_breaks_half_way_ends_with_an_error_and_without_done(serve, ask, end) -> None:
    engine = Breaking("")
    engine.end = end
    gateway = serve(Cascade(LARGE, SMALL), lambda model: engine if model == SMALL else FakeEngine("x"))
    text = ""
    with pytest.raises(openai.APIError):
        for chunk in ask(gateway.client(), stream=True):
            text += chunk.choices[0].delta.content or ""
    assert text == "half an answer"
    address = urlsplit(gateway.url)
    connection = http.client.HTTPConnection(address.netloc, timeout=30)
    connection.request("POST", f"{address.path}/v1/chat/completions", json.dumps(OK | {"stream": True}))
    raw = connection.getresponse().read().decode()
    connection.close()
    *_, last = raw.strip().split("\n\n")
    assert "[DONE]" not in raw and "secret" not in raw
    assert json.loads(last.removeprefix("data: "))["error"]["type"] == "server_error"


# Clients that hang up


class Endless(FakeEngine):
    """Never finishes; notes when it is given up."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.begun, self.given_up = 0, 0

    async def generate(self, requests):
        await self._wait()

    async def stream(self, request):
        yield Delta("one ")
        await self._wait()

    async def _wait(self) -> None:
        self.begun += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.given_up += 1


@pytest.mark.parametrize("n", [1, 3])
def test_hanging_up_on_a_stream_gives_up_its_calls(serve, ask, n) -> None:
    engine = Endless("")
    gateway = serve(SMALL, engine)
    stream = ask(gateway.client(), stream=True, n=n, temperature=1)
    next(iter(stream))
    until(lambda: engine.begun == n)
    stream.close()
    until(lambda: engine.given_up == n)
    until(lambda: len(gateway.ledger.calls) == n)
    assert all(call.failed and "cancelled" in call.result for call in gateway.ledger.calls.values())


@pytest.mark.parametrize("stream", [False, True])
def test_hanging_up_before_the_first_piece_gives_up_what_is_still_queued(serve, ask, stream) -> None:
    engine = Endless("", concurrency=1, batch=1)
    gateway = serve(Vote(SMALL, 3), engine)
    client = gateway.client(timeout=0.3)
    with pytest.raises(openai.APITimeoutError):
        ask(client, stream=stream)
    other = FakeEngine("ok")
    until(lambda: engine.begun == 1)
    asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), gateway.loop).result()
    assert engine.begun == 1 and other.asked == []


def test_a_slow_client_does_not_hold_up_another(serve, ask) -> None:
    words = "word " * 20_000
    gateway = serve(SMALL, FakeEngine(lambda r: Answer(words, spend=Spend(calls=1))))
    slow = ask(gateway.client(), stream=True)
    next(iter(slow))
    assert ask(gateway.client()).choices[0].message.content == words
    slow.close()
