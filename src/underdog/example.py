"""Example: one row of a task, as it is asked and with what it should be answered.

How a row becomes an Example is in `data/`; how an answer is compared with the target is in `scorers/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from underdog.answerer import Message, Request, Sampling


@dataclass(frozen=True)
class Example:
    """One thing to be answered.

    Attributes:
        id: unique in its task.
        group: examples of one group (document, user, conversation) never stand in two splits.
        messages: what is asked, as OpenAI chat messages.
        target: the gold answer as a JSON value; None when there is none.
        tools, response_format: passed on with every request.
        fields: the row as it came, for scorers that need more than the target.
        where: its place in the data, "tickets.jsonl:17".
        placed: the split that the data themselves name for it, or None.
    """

    id: str
    group: str
    messages: tuple[Message, ...]
    target: Any = None
    tools: tuple[Mapping[str, Any], ...] = ()
    response_format: Mapping[str, Any] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""
    placed: str | None = None

    def request(self, sampling: Sampling) -> Request:
        """What is asked of an answerer, under these sampling settings."""
        return Request(
            self.messages,
            tools=self.tools,
            response_format=self.response_format,
            sampling=sampling,
            example=self.id,
        )

    def place(self) -> str:
        """Where to look for it, for error sentences."""
        return self.where or f"example {self.id!r}"
