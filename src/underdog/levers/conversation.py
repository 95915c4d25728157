"""What names a conversation, from a request alone: no lever, and no state that a gateway would have to keep.

A conversation's opening, its messages up to the first user message, is repeated in every later request of it;
so whatever is decided from the opening is decided alike on every turn, on every replica, after every restart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, TypeAlias

from underdog.answerer import Request, canonical

Span: TypeAlias = Literal["conversation", "turn"]
"""How long a decision holds: the whole conversation, or one user turn with its tool calls."""

NAMED = ("metadata.conversation_id", "metadata.session_id", "conversation", "prompt_cache_key", "user")
"""Where a client may name its conversation, in the order in which they are looked for."""


def opening(request: Request, span: Span = "conversation") -> Request:
    """The request as it stood when the decision was due: up to its first (turn: last) user message."""
    users = [place for place, message in enumerate(request.messages) if message["role"] == "user"]
    if not users:
        return request
    end = users[0] if span == "conversation" else users[-1]
    return (
        request
        if end == len(request.messages) - 1
        else replace(request, messages=request.messages[: end + 1])
    )


def named(request: Request, key: str) -> str | None:
    """A field that the client sent, "user" or "metadata.NAME", when it is a text that says something."""
    value: Any = request.extra
    for part in key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) and value else None


def conversation_key(request: Request, keys: tuple[str, ...] = NAMED) -> str:
    """The conversation's name where the client gives one, else a hash of its opening."""
    for key in keys:
        found = named(request, key)
        if found is not None:
            return f"{key}={found}"
    return hashlib.sha256(canonical(opening(request).messages)).hexdigest()


def place_of(key: str, salt: int = 0) -> float:
    """A number in [0, 1) that a key alone decides, evenly spread over keys."""
    return int.from_bytes(hashlib.sha256(f"{salt}:{key}".encode()).digest()[:7]) / 2**56
