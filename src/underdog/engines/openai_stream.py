"""Server-sent events to one chat completion: what arrives in pieces is put together and read as a whole.

A stream is complete when its choice got a finish reason or the server said [DONE]; one that only stops is
not, and is never reported as an answer.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from underdog.engines.openai_failures import Broken, bad_answer, body_failure
from underdog.wire import WireError

DONE = b"[DONE]"


async def texts(chunks: AsyncGenerator[bytes, None], assembly: Assembly) -> AsyncGenerator[str, None]:
    """The pieces of the answer's text in a byte stream, every chunk of which goes into `assembly`.

    Raises:
        Broken: a chunk is not one or holds an error, or the stream ended before the answer did.
    """
    try:
        async with aclosing(events(chunks)) as found:
            async for data in found:
                if data == DONE:
                    assembly.done = True
                    break
                if piece := _piece(data, assembly):
                    yield piece
    except Broken:
        # What breaks after the finish reason took nothing of the answer with it.
        if not assembly.complete:
            raise
    if not assembly.complete:
        raise Broken(bad_answer("the stream ended before the answer did"))


def _piece(data: bytes, assembly: Assembly) -> str:
    try:
        chunk = msgspec.json.decode(data)
        if not isinstance(chunk, Mapping):
            raise WireError("a chunk must be an object")
        if (failure := body_failure(chunk, {})) is not None:
            raise Broken(failure)
        return assembly.add(chunk)
    except (msgspec.DecodeError, UnicodeDecodeError, WireError) as problem:
        raise Broken(bad_answer(f"a chunk of the stream is not one: {problem}")) from None


async def events(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The data of each event in a byte stream; comments and other fields are skipped.

    Lines end in LF, CRLF or CR as the standard says; a last event without its blank line still counts.
    """
    data: list[bytes] = []
    async for line in _lines(chunks):
        if not line:
            if data:
                yield b"\n".join(data)
            data = []
        elif line.startswith(b"data:"):
            data.append(line[5:].removeprefix(b" "))
    if data:
        yield b"\n".join(data)


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    rest = b""
    async for chunk in chunks:
        rest += chunk
        # CR at the end may be half of a CRLF: it waits for what follows.
        whole, held = (rest[:-1], b"\r") if rest.endswith(b"\r") else (rest, b"")
        *lines, last = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        rest = last + held
        for line in lines:
            yield line
    if rest:
        yield rest.removesuffix(b"\r")


class Assembly:
    """The completion that the chunks of a stream add up to (its first choice)."""

    def __init__(self) -> None:
        self._text: dict[str, list[str]] = {}
        self._calls: list[dict[str, Any]] = []
        self._logprobs: list[Any] | None = None
        self._finish: Any = None
        self._seen = False
        self._head: dict[str, Any] = {}
        self.done = False

    @property
    def complete(self) -> bool:
        return self._seen and (self.done or self._finish is not None)

    def add(self, chunk: Mapping[str, Any]) -> str:
        """Take one chunk in; the piece of the answer's text that it brought.

        Raises:
            WireError: the chunk is not a chat completion's.
        """
        for name in ("model", "system_fingerprint", "usage"):
            if chunk.get(name):
                self._head[name] = chunk[name]
        choices = chunk.get("choices") or []
        if not isinstance(choices, list) or not all(isinstance(one, Mapping) for one in choices):
            raise WireError("a chunk's choices must be a list of objects", "choices")
        return "".join(self._add_choice(one) for one in choices if one.get("index", 0) == 0)

    def completion(self) -> dict[str, Any]:
        """The same dictionary that the server would have sent without streaming."""
        text = {name: "".join(pieces) for name, pieces in self._text.items()}
        message: dict[str, Any] = {"role": "assistant", **text}
        if self._calls:
            message["tool_calls"] = self._calls
        logprobs = None if self._logprobs is None else {"content": self._logprobs}
        choice = {"message": message, "finish_reason": self._finish, "logprobs": logprobs}
        return {**self._head, "choices": [choice]}

    def _add_choice(self, choice: Mapping[str, Any]) -> str:
        self._seen = True
        self._finish = choice.get("finish_reason") or self._finish
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, Mapping) and isinstance(logprobs.get("content"), list):
            self._logprobs = (self._logprobs or []) + logprobs["content"]
        delta = choice.get("delta") or {}
        if not isinstance(delta, Mapping):
            raise WireError("a chunk's delta must be an object", "choices.delta")
        for name in ("content", "refusal", "reasoning_content", "reasoning"):
            if isinstance(delta.get(name), str):
                self._text.setdefault(name, []).append(delta[name])
        for fragment in delta.get("tool_calls") or ():
            self._add_call(fragment)
        piece = delta.get("content")
        return piece if isinstance(piece, str) else ""

    def _add_call(self, fragment: Any) -> None:
        """A fragment continues the call at its index, unless it brings an id of its own."""
        if not isinstance(fragment, Mapping):
            raise WireError("a tool call must be an object", "choices.delta.tool_calls")
        index, own = fragment.get("index"), fragment.get("id")
        call = next((c for c in reversed(self._calls) if c["index"] == index), None)
        if call is None or (own and call["id"] and own != call["id"]):
            call = {"index": index, "id": "", "function": {"name": "", "arguments": ""}}
            self._calls.append(call)
        call["id"] = own or call["id"]
        function = fragment.get("function") or {}
        for name in ("name", "arguments"):
            if isinstance(function.get(name), str):
                call["function"][name] += function[name]
            elif function.get(name):
                call["function"][name] = function[name]
