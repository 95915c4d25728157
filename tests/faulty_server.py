"""A small OpenAI-compatible server on loopback that misbehaves on request, for tests of clients.

It runs aiohttp.web in a thread, so that tests need no patches: what they meet is a real socket.

    with FaultyServer(Status(429, retry_after="7"), Ok("hello")) as server:
        ...                      # the first request gets the 429, every later one the answer
        assert server.served == 2
        server.bodies[0]         # what the first request asked

A script is a list of behaviours given out in turn; the last one stays. A behaviour may also be a function of
the request's body that returns one. `Ok` is an honest server: it counts tokens as words, honours n, seeds,
logprobs and streaming.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Ok:
    """An honest completion. Sampled texts without a fixed `text` name their seed and choice."""

    text: str | None = None
    message: Mapping[str, Any] = field(default_factory=dict)
    finish: str | None = "stop"
    usage: Mapping[str, Any] | bool = True
    most_n: int = 128
    head: Mapping[str, Any] = field(default_factory=dict)

    async def __call__(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        if body.get("stream"):
            return await self._stream(request, body)
        n = min(body.get("n", 1), self.most_n)
        choices = [self._choice(body, index) for index in range(n)]
        return web.json_response(self._head(body) | {"choices": choices} | self._usage(body, choices))

    def _head(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"id": "c1", "object": "chat.completion", "model": body.get("model")} | dict(self.head)

    def _choice(self, body: dict[str, Any], index: int) -> dict[str, Any]:
        sampled = body.get("temperature", 1) > 0
        seed = body.get("seed")
        text = self.text
        if text is None:
            text = f"seed {'none' if seed is None else seed + index} choice {index}" if sampled else "greedy"
        words = text.split(" ")
        logprobs = None
        if body.get("logprobs"):
            tops = [{"token": "other", "logprob": -2.0}][: body.get("top_logprobs", 0)]
            logprobs = {"content": [{"token": w, "logprob": -0.5, "top_logprobs": tops} for w in words]}
        message = {"role": "assistant", "content": text} | dict(self.message)
        return {"index": index, "message": message, "finish_reason": self.finish, "logprobs": logprobs}

    def _usage(self, body: dict[str, Any], choices: list[dict[str, Any]]) -> dict[str, Any]:
        if not isinstance(self.usage, bool):
            return {"usage": dict(self.usage)}
        if not self.usage:
            return {}
        tokens_in = sum(len(str(message.get("content")).split()) for message in body.get("messages", ()))
        tokens_out = sum(len((choice["message"]["content"] or "").split()) for choice in choices)
        counts = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out}
        return {"usage": counts | {"total_tokens": tokens_in + tokens_out}}

    async def _stream(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = await _event_stream(request)
        choice = self._choice(body, 0)
        for chunk in _chunks(choice):
            await _send(response, self._head(body) | {"choices": [chunk]})
        if (body.get("stream_options") or {}).get("include_usage"):
            await _send(response, self._head(body) | {"choices": []} | self._usage(body, [choice]))
        await response.write(b"data: [DONE]\n\n")
        return response


@dataclass(frozen=True)
class Status:
    """An error in OpenAI's shape with this status."""

    status: int
    message: str = "no"
    code: str | None = None
    param: str | None = None
    retry_after: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    async def __call__(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        headers = dict(self.headers) | ({"Retry-After": self.retry_after} if self.retry_after else {})
        error = {"message": self.message, "type": "error", "param": self.param, "code": self.code}
        return web.json_response({"error": error}, status=self.status, headers=headers)


@dataclass(frozen=True)
class Raw:
    """Any bytes as the body of a 200: garbage, valid JSON of the wrong shape, its own stream."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200

    async def __call__(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        return web.Response(body=self.body, status=self.status, content_type=self.content_type)


@dataclass(frozen=True)
class HalfStream:
    """The start of an honest answer, then the end: `clean` ends the stream, else the socket drops."""

    text: str = "half of an"
    clean: bool = True
    finish: str | None = None

    async def __call__(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = await _event_stream(request)
        delta = {"role": "assistant", "content": self.text}
        chunk = {"index": 0, "delta": delta, "finish_reason": self.finish}
        await _send(response, {"model": body.get("model"), "choices": [chunk]})
        if not self.clean:
            assert request.transport is not None
            request.transport.close()
        return response


@dataclass(frozen=True)
class Hang:
    """Accepts the request and says nothing until the server closes; `mid_stream` after a first chunk."""

    mid_stream: bool = False

    async def __call__(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        response = web.StreamResponse()
        if self.mid_stream:
            response = await _event_stream(request)
            await _send(response, {"choices": [{"index": 0, "delta": {"content": "wait"}}]})
        closing: asyncio.Event = request.app[_CLOSING]
        await closing.wait()
        return response if self.mid_stream else web.Response(status=503)


@dataclass(frozen=True)
class Slow:
    """Another behaviour after so many seconds."""

    seconds: float
    then: Behaviour

    async def __call__(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        await asyncio.sleep(self.seconds)
        return await _behave(self.then, request, body)


@dataclass(frozen=True)
class Reset:
    """The connection is reset before any answer."""

    async def __call__(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        assert request.transport is not None
        sock = request.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
        return web.Response()


Behaviour = Ok | Status | Raw | HalfStream | Hang | Slow | Reset
Script = Behaviour | Callable[[dict[str, Any]], Behaviour]

_CLOSING: web.AppKey[asyncio.Event] = web.AppKey("closing", asyncio.Event)


@dataclass(frozen=True)
class Served:
    """One request as it arrived; header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]


class FaultyServer:
    """The server; a context manager. `url` is a base URL that ends in /v1; `models` is what it lists."""

    def __init__(self, *script: Script, models: tuple[str, ...] = ("small",)) -> None:
        self._script = list(script) or [Ok()]
        self._models = models
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._stop: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.requests: list[Served] = []
        self.url = ""

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What the completion requests asked, in order of arrival."""
        return [served.body for served in self.requests if served.method == "POST"]

    @property
    def served(self) -> int:
        """How many completions were asked for."""
        return len(self.bodies)

    def __enter__(self) -> FaultyServer:
        self._thread.start()
        assert self._ready.wait(10), "the faulty server did not start"
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop()
        self._thread.join(10)

    async def _run(self) -> None:
        loop, closing = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=1 << 30)
        app[_CLOSING] = closing
        app.router.add_route("*", "/{path:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        sock = socket.create_server(("127.0.0.1", 0))
        await web.SockSite(runner, sock).start()
        self.url = f"http://127.0.0.1:{sock.getsockname()[1]}/v1"
        self._stop = lambda: loop.call_soon_threadsafe(closing.set)
        self._ready.set()
        await closing.wait()
        await runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        body = json.loads(text) if text else {}
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Served(request.method, request.path_qs, headers, body))
        if request.method == "GET":
            return web.json_response({"object": "list", "data": [{"id": name} for name in self._models]})
        return await _behave(self._next(), request, body)

    def _next(self) -> Script:
        with self._lock:
            return self._script.pop(0) if len(self._script) > 1 else self._script[0]


async def _behave(script: Script, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
    if not isinstance(script, Behaviour):
        script = script(body)
    return await script(request, body)


async def _event_stream(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    return response


async def _send(response: web.StreamResponse, data: Mapping[str, Any]) -> None:
    await response.write(b"data: " + json.dumps(data).encode() + b"\n\n")


def _chunks(choice: dict[str, Any]) -> list[dict[str, Any]]:
    """A choice in pieces as OpenAI streams it: role, words with logprobs, tool calls by letter, finish."""
    message, logprobs = choice["message"], choice["logprobs"]
    deltas: list[tuple[dict[str, Any], Any]] = [({"role": "assistant", "content": ""}, None)]
    for name in ("reasoning_content", "refusal"):
        deltas += [({name: word}, None) for word in (message.get(name) or "")]
    for index, word in enumerate((message.get("content") or "").split(" ")):
        piece = None if logprobs is None else {"content": [logprobs["content"][index]]}
        deltas.append(({"content": word if index == 0 else " " + word}, piece))
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        opened = {**call, "index": index, "function": {"name": function["name"], "arguments": ""}}
        deltas.append(({"tool_calls": [opened]}, None))
        for letter in function["arguments"]:
            deltas.append(({"tool_calls": [{"index": index, "function": {"arguments": letter}}]}, None))
    chunks = [{"index": 0, "delta": d, "finish_reason": None, "logprobs": p} for d, p in deltas]
    return [*chunks, {"index": 0, "delta": {}, "finish_reason": choice["finish_reason"], "logprobs": None}]
