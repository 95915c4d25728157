"""One chat completion: a request body through the plan to a whole answer or a stream of events.

The HTTP around it is `app.py`'s; OpenAI's dictionaries are `wire.py`'s.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeVar

from starlette.types import Receive

from underdog.answerer import Answer, Answerer, Failure, Request, Sampling
from underdog.drive import Driver
from underdog.engines import Delta
from underdog.gateway.faults import ClientGone, failure_body
from underdog.trial import Spend
from underdog.wire import (
    Delivery,
    Stamp,
    WireError,
    chunk_from,
    chunks_from,
    delivery_from,
    error_body,
    request_from,
    sse,
    usage_chunk,
)

_T = TypeVar("_T")
_LOG = logging.getLogger("underdog.gateway")
_MOST_CHOICES = 128
_RANGES: dict[str, tuple[float, float]] = {"temperature": (0, 2), "top_p": (0, 1), "top_logprobs": (0, 20)}


@dataclass(frozen=True)
class Asked:
    """What a client wants: how it is delivered, and one request for each choice."""

    delivery: Delivery
    request: Request
    choices: tuple[Request, ...]
    stamp: Stamp


def asked_from(body: Any, defaults: Sampling) -> Asked:
    """A request body, checked.

    Raises:
        WireError: it is not a chat completion's body; `param` names the field.
    """
    if not isinstance(body, Mapping):
        raise WireError("the body must be a JSON object")
    delivery = delivery_from(body)
    if delivery.n > _MOST_CHOICES:
        raise WireError(f"n must be at most {_MOST_CHOICES}; got {delivery.n}", "n")
    request = request_from(body, defaults)
    for name, (low, high) in _RANGES.items():
        value = getattr(request.sampling, name)
        if not low <= value <= high:
            raise WireError(f"{name} must be between {low} and {high}; got {value:g}", name)
    for index, message in enumerate(request.messages):
        _check_content(message.get("content"), f"messages[{index}].content")
    root = request
    if request.sampling.temperature > 0 and request.sampling.seed is None:
        root = request.drawn(secrets.randbits(31))  # two clients that sample do not share their samples
    choices = (root,) if delivery.n == 1 else tuple(root.drawn(index) for index in range(delivery.n))
    return Asked(delivery, request, choices, Stamp(f"chatcmpl-{secrets.token_hex(12)}", delivery.model))


def _check_content(content: Any, param: str) -> None:
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list) or not all(isinstance(part, Mapping) for part in content):
        raise WireError(f"{param} must be a string or a list of objects", param)


async def whole(driver: Driver, answerer: Answerer, asked: Asked) -> list[Answer] | Failure:
    """Every choice's answer, or the first failure."""
    tasks = [asyncio.ensure_future(driver.answer(answerer, choice)) for choice in asked.choices]
    try:
        results = [(await task).result for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
    failures = [result for result in results if isinstance(result, Failure)]
    return failures[0] if failures else [shown(answer, asked.request) for answer in results]


def shown(answer: Answer, request: Request) -> Answer:
    """The answer as its client gets it: log-probabilities only when asked for, every tool call with an id."""
    calls = tuple(
        call if call.id else replace(call, id=f"call_{secrets.token_hex(12)}") for call in answer.tool_calls
    )
    logprobs = answer.logprobs if request.sampling.logprobs else None
    return replace(answer, tool_calls=calls, logprobs=logprobs)


async def pieces(
    driver: Driver, answerer: Answerer, choices: Sequence[Request]
) -> AsyncGenerator[tuple[int, Delta], None]:
    """The pieces of all choices as they come, each with the number of its choice."""
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(aclosing(driver.stream(answerer, choice))) for choice in choices
        ]
        if len(streams) == 1:
            async for piece in streams[0]:
                yield 0, piece
            return
        waiting = {asyncio.ensure_future(_next(stream)): number for number, stream in enumerate(streams)}
        try:
            while waiting:
                done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    number = waiting.pop(task)
                    if (came := task.result()) is not None:
                        waiting[asyncio.ensure_future(_next(streams[number]))] = number
                        yield number, came
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)


async def _next(stream: AsyncGenerator[Delta, None]) -> Delta | None:
    return await anext(stream, None)


async def events(
    asked: Asked, first: tuple[int, Delta], rest: AsyncGenerator[tuple[int, Delta], None]
) -> AsyncGenerator[bytes, None]:
    """Server-sent events; a stream that fails half-way ends with an error and no [DONE]."""
    stamp, spend = asked.stamp, Spend()
    for index in range(len(asked.choices)):
        yield sse(chunk_from({"role": "assistant", "content": ""}, stamp, index))
    try:
        async for index, piece in _chained(first, rest):
            if piece.failure is not None:
                yield sse(failure_body(piece.failure))
                return
            if piece.text:
                yield sse(chunk_from({"content": piece.text}, stamp, index))
            if piece.answer is not None:
                spend = spend + piece.answer.spend
                for chunk in _ending(shown(piece.answer, asked.request), stamp, index):
                    yield sse(chunk)
    except Exception:  # the status is long sent: the client hears of a fault of ours here or nowhere
        _LOG.exception("a stream broke off")
        yield sse(error_body("underdog failed here; its log says why", "server_error"))
        return
    if asked.delivery.include_usage:
        yield sse(usage_chunk(spend, stamp) | {"underdog": {"calls": spend.calls, "cost_usd": spend.dollars}})
    yield sse("[DONE]")


async def _chained(
    first: tuple[int, Delta], rest: AsyncGenerator[tuple[int, Delta], None]
) -> AsyncGenerator[tuple[int, Delta], None]:
    yield first
    async for one in rest:
        yield one


def _ending(answer: Answer, stamp: Stamp, index: int) -> Iterator[dict[str, Any]]:
    """What follows the text of a streamed choice: tool calls, log-probabilities, the finish reason."""
    return islice(chunks_from(replace(answer, text=""), stamp, index), 1, None)


async def while_connected(receive: Receive, work: Coroutine[Any, Any, _T]) -> _T:
    """The result of the work; it is cancelled when the client hangs up.

    Raises:
        ClientGone: the client hung up first.
    """
    doing, gone = asyncio.ensure_future(work), asyncio.ensure_future(_hung_up(receive))
    try:
        await asyncio.wait((doing, gone), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        raise ClientGone
    finally:
        for task in (doing, gone):
            task.cancel()
        await asyncio.gather(doing, gone, return_exceptions=True)


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
