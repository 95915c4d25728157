"""What a request asks: the text of its last user message, and that text in other words. No lever."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from underdog.answerer import Message, Request

_PLACE = re.compile(r"\{(\w+)\}")


def asked_text(request: Request) -> str:
    """The text of the last user message; of a message in parts, its texts joined. Empty without one."""
    at = last_user(request.messages)
    content: Any = None if at is None else request.messages[at].get("content")
    if isinstance(content, str):
        return content
    parts = content or ()
    return "\n".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")


def last_user(messages: Sequence[Message]) -> int | None:
    """The place of the last user message, if there is one."""
    return max((at for at, message in enumerate(messages) if message["role"] == "user"), default=None)


def worded(message: Message, template: str, **words: str) -> Message:
    """A message with its text (of a message in parts, the last text) put into a template as `{input}`.

    Other `{names}` of the template are filled from `words`; braces in what is filled in mean nothing.
    """

    def filled(text: str) -> str:
        known = {**words, "input": text}
        return _PLACE.sub(lambda found: known.get(found[1], found[0]), template)

    content: Any = message.get("content")
    if isinstance(content, str):
        return {**message, "content": filled(content)}
    parts: list[Mapping[str, Any]] = list(content or ())
    for at in reversed(range(len(parts))):
        if parts[at].get("type") == "text":
            parts[at] = {**parts[at], "text": filled(parts[at]["text"])}
            break
    return {**message, "content": parts} if parts else message
