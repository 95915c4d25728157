"""Prompt: change how the inner answerer is asked: system text, template, demonstrations.

Demonstrations are earlier turns, the shape chat models are trained on (Brown et al., arXiv 2005.14165, as
turns). `shots` asks the study to draw that many from the fit split; `fit` returns the lever that holds them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from underdog.answerer import Answerer, Ask, Message, Request, Steps
from underdog.errors import StudyError
from underdog.example import Example

Written: TypeAlias = Callable[[Example], str | None]
"""An example's gold answer as an assistant would write it, or None without one."""


@dataclass(frozen=True)
class Prompt:
    """`inner` asked in other words.

    Attributes:
        system: replaces the system message, or adds one.
        template: wraps the last user message (of a message in parts, the last text); `{input}` is its text.
        shots: how many demonstrations to draw from fit, with `seed`.
        demonstrations: what was drawn: (user, assistant) pairs of texts; filled in by `fit`.
    """

    inner: Answerer
    system: str | None = None
    template: str | None = None
    shots: int = 0
    seed: int = 0
    demonstrations: tuple[tuple[str, str], ...] = ()

    def steps(self, request: Request) -> Steps:
        return Ask(self.inner, replace(request, messages=self.rewrite(request.messages)))
        yield  # a generator without a step of its own: it only hands over

    def rewrite(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """The messages as the inner answerer gets them."""
        first = [m for m in messages if m["role"] in ("system", "developer")]
        rest = [m for m in messages if m["role"] not in ("system", "developer")]
        if self.system is not None:
            first = [{"role": "system", "content": self.system}]
        shown: list[Message] = []
        for user, assistant in self.demonstrations:
            shown.append({"role": "user", "content": self._wrap(user)})
            shown.append({"role": "assistant", "content": assistant})
        last = max((i for i, m in enumerate(rest) if m["role"] == "user"), default=None)
        if self.template is not None and last is not None:
            rest[last] = {**rest[last], "content": self._wrap(rest[last].get("content"))}
        return (*first, *shown, *rest)

    def fit(self, examples: Sequence[Example], written: Written) -> Prompt:
        """The same lever with its demonstrations drawn; `written` gives an example's gold as it is answered.

        Raises:
            StudyError: fewer examples with a text and a gold answer than `shots`.
        """
        pairs = [pair for example in examples if (pair := demonstration(example, written)) is not None]
        if len(pairs) < self.shots:
            raise StudyError(
                f"prompt: {self.shots} shots need as many fit examples with a text and a gold answer; "
                f"there are {len(pairs)}: lower `shots` or give fit a larger share"
            )
        drawn = random.Random(self.seed).sample(pairs, self.shots)
        return replace(self, demonstrations=tuple(drawn))

    def _wrap(self, content: Any) -> Any:
        """A text, or the last text among the parts of a message, put into the template."""
        if self.template is None:
            return content
        if isinstance(content, str):
            return self.template.replace("{input}", content)
        parts = list(content or ())
        for i in reversed(range(len(parts))):
            if parts[i].get("type") == "text":
                parts[i] = {**parts[i], "text": self._wrap(parts[i]["text"])}
                break
        return parts


def demonstration(example: Example, written: Written) -> tuple[str, str] | None:
    """The (user, assistant) texts of an example, or None when it has no plain text or no gold answer."""
    users = [m for m in example.messages if m["role"] == "user"]
    if not users or not isinstance(users[-1]["content"], str):
        return None
    gold = written(example)
    return None if gold is None else (users[-1]["content"], gold)
