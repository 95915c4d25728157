"""Prompt: change how the inner answerer is asked: another system text, a template around what users say.

Demonstrations are FewShot's (few_shot.py), passages Retrieve's (retrieve.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from underdog.answerer import Answerer, Ask, Message, Request, Steps
from underdog.levers.asked import worded


@dataclass(frozen=True)
class Prompt:
    """`inner` asked in other words.

    Attributes:
        system: replaces the system message, or adds one.
        template: wraps the user messages (of a message in parts, the last text); `{input}` is their text.
            Every one of them, so that earlier turns and demonstrations look as they did when they were
            asked, and a provider finds the same beginning in its prompt cache turn after turn.
    """

    inner: Answerer
    system: str | None = None
    template: str | None = None

    def steps(self, request: Request) -> Steps:
        return Ask(self.inner, replace(request, messages=self.rewrite(request.messages)))
        yield  # a generator without a step of its own: it only hands over

    def rewrite(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """The messages as the inner answerer gets them."""
        first = [m for m in messages if m["role"] in ("system", "developer")]
        rest = [m for m in messages if m["role"] not in ("system", "developer")]
        if self.system is not None:
            first = [{"role": "system", "content": self.system}]
        if self.template is not None:
            rest = [worded(m, self.template) if m["role"] == "user" else m for m in rest]
        return (*first, *rest)
