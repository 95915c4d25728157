"""Sticky: who answers is decided on a conversation's opening and stays so, in tool loops and later turns.

A lever that chooses anew on every request bounces a conversation between models: tool loops lose their thread
and every change pays for a whole prompt that the other model had cached (`routing/prompt_cache.py` counts
it). Here the choice is made on the opening, which every later request repeats, so nothing is remembered
anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from underdog.answerer import Answer, Answerer, Ask, Model, Request, Steps
from underdog.errors import ContractError
from underdog.levers.conversation import Span, opening


@dataclass(frozen=True)
class Sticky:
    """`inner` chooses on the opening, and whom it chose there answers the request.

    For levers that choose among answerers: route, split, cascade, ladder, agree, fallback. A route costs
    nothing more. A cascade asks its cheap rungs about the opening again on every later request, a short
    prompt, because the request alone does not say who answered before; at a temperature above 0 they may say
    something else then. On the opening itself `inner` answers as it always does. With `span` turn the choice
    is made anew on each user message and holds for the tool calls that follow it.
    """

    inner: Answerer
    span: Span = "conversation"

    def steps(self, request: Request) -> Steps:
        first = opening(request, self.span)
        if first is request or isinstance(self.inner, Model):
            return Ask(self.inner, request)
        said: list[tuple[Ask, Any]] = []
        walk = self.inner.steps(first)
        result: Any = None
        while True:
            try:
                effect = walk.send(result)
            except StopIteration as ended:
                return _again(ended.value, said, first, request)
            result = yield effect
            said += _asks(effect, result)


def _again(decided: Answer | Ask, said: list[tuple[Ask, Any]], first: Request, request: Request) -> Ask:
    """The ask whose answer was decided for, with the whole request in the opening's place."""
    if isinstance(decided, Ask):
        chosen = decided
    else:
        chosen = next((a for a, result in said if _same(result, decided)), None) or _unknown(decided)
    if chosen.request.messages != first.messages:
        raise ContractError(
            "Sticky stands around a lever that chooses who is asked; its inner lever asks in other words: "
            "put those words (Prompt) inside the members instead"
        )
    asked = replace(chosen.request, messages=request.messages)
    return Ask(chosen.answerer, asked, then=chosen.then)


def _unknown(decided: Answer) -> Ask:
    raise ContractError(
        f"Sticky cannot tell whom its inner lever chose: it answered itself ({decided.text[:40]!r}); "
        "put Sticky around a lever that chooses one of its members' answers"
    )


def _asks(effect: Any, result: Any) -> Iterator[tuple[Ask, Any]]:
    if isinstance(effect, tuple):
        yield from ((e, r) for e, r in zip(effect, result, strict=True) if isinstance(e, Ask))
    elif isinstance(effect, Ask):
        yield effect, result


def _same(result: Any, decided: Answer) -> bool:
    """The same words and calls; levers that choose an answer may state another confidence."""
    return isinstance(result, Answer) and replace(result, confidence=decided.confidence) == decided
