"""Text in and out of a local checkpoint: chat messages for its template, and what it wrote read back.

Pure functions of strings and tokens: no torch, and a tokenizer only where one is handed in. Reading the
*answer* out of the text is the Read lever's work; here only the wire's own parts are told apart: reasoning,
text, tool calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from underdog.answerer import Message, ToolCall
from underdog.engines.stops import cut_at_stop

_OPEN, THOUGHT_ENDS = "<think>", "</think>"
TOOL_CALL_OPENS = "<tool_call>"
_TOOL_CALL = re.compile(r"<tool_call>\s*(\{.*?\})\s*(?:</tool_call>|\Z)", re.DOTALL)
_BROKEN = "\ufffd"


class Unsupported(Exception):
    """The request holds something that a local text model cannot take; the message says what."""


def template_messages(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Messages as chat templates expect them: text parts joined, tool-call arguments as objects.

    Raises:
        Unsupported: a part is not text.
    """
    return [_template_message(message) for message in messages]


def _template_message(message: Message) -> dict[str, Any]:
    plain = dict(message)
    content = plain.get("content")
    if isinstance(content, list | tuple):
        plain["content"] = "".join(_text_of(part) for part in content)
    if calls := plain.get("tool_calls"):
        plain["tool_calls"] = [_with_parsed_arguments(call) for call in calls]
    return plain


def _text_of(part: Any) -> str:
    if isinstance(part, str):
        return part
    if part.get("type") == "text":
        return str(part["text"])
    raise Unsupported(f"the hf engine reads text only; a message holds a part of type {part.get('type')!r}")


def _with_parsed_arguments(call: Mapping[str, Any]) -> dict[str, Any]:
    function = {"arguments": "", **call.get("function", {})}
    # What is not JSON, or is an object already, is shown to the template as it came.
    with suppress(msgspec.DecodeError, TypeError):
        function["arguments"] = msgspec.json.decode(function["arguments"])
    return {**call, "function": function}


def split_reasoning(raw: str, opened: bool, done: bool) -> tuple[str | None, str]:
    """`<think>…</think>` at the start of the text, apart from the rest.

    `opened` says that the prompt already ended in `<think>`; `done` that no more text will come. While it is
    open or undecided whether the text starts with such a block, the rest is empty.
    """
    start = raw.lstrip()
    if not opened:
        if not start.startswith(_OPEN):
            undecided = not done and _OPEN.startswith(start)
            return None, "" if undecided else raw
        start = start[len(_OPEN) :]
    thought, closed, rest = start.partition(THOUGHT_ENDS)
    return thought.strip(), rest.lstrip() if closed else ""


def read_tool_calls(text: str, prefix: str) -> tuple[ToolCall, ...]:
    """The `<tool_call>{"name": …, "arguments": …}</tool_call>` blocks (Hermes, Qwen) that parse."""
    calls: list[ToolCall] = []
    for block in _TOOL_CALL.findall(text):
        try:
            call = msgspec.json.decode(block)
        except msgspec.DecodeError:
            continue
        if not isinstance(call.get("name"), str):
            continue
        arguments = call.get("arguments", {})
        if not isinstance(arguments, str):
            arguments = msgspec.json.encode(arguments).decode()
        calls.append(ToolCall(call["name"], arguments, f"call_{prefix}{len(calls)}"))
    return tuple(calls)


@dataclass(slots=True)
class Unfolding:
    """One row's text as its tokens come: never half a character, never what may become a stop string.

    `decode` turns token ids into text. `push` takes a token and says whether a stop string is now complete;
    `fresh` gives the visible text that is certain and was not given before.
    """

    decode: Callable[[Sequence[int]], str]
    stops: tuple[str, ...] = ()
    opened: bool = False
    raw: str = ""
    given: int = 0
    _tokens: list[int] = field(default_factory=list)
    _start: int = 0
    _read: int = 0

    def push(self, token: int) -> bool:
        """Add a token; True when the visible text now holds a stop string.

        Only a window is decoded again: the tokens of the last piece stay in front of the new one, because
        some tokenizers write a token differently at the start of a text.
        """
        self._tokens.append(token)
        after = self.decode(self._tokens[self._start :])
        if after.endswith(_BROKEN):
            return False
        before = self.decode(self._tokens[self._start : self._read])
        self.raw += after[len(before) :]
        self._start, self._read = self._read, len(self._tokens)
        return bool(self.stops) and cut_at_stop(self._visible(), self.stops)[1]

    def fresh(self) -> str:
        """Visible text not given before, held back where it may be the beginning of a stop string."""
        text, cut = cut_at_stop(self._visible(), self.stops)
        sure = len(text) if cut else len(text) - self._held(text)
        piece = text[self.given : sure]
        self.given += len(piece)
        return piece

    def _visible(self) -> str:
        return split_reasoning(self.raw, self.opened, done=False)[1]

    def _held(self, text: str) -> int:
        longest = max((len(stop) - 1 for stop in self.stops if stop), default=0)
        for length in range(min(longest, len(text)), 0, -1):
            tail = text[-length:]
            if any(stop.startswith(tail) for stop in self.stops):
                return length
        return 0
