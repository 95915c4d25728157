"""Render: the client sees the final answer alone, in its canonical form.

A lenient reading may be certified only with this rendering: what is certified must be what the client gets.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from underdog.answerer import Answer, Answerer, Request, Steps, ToolCall, ask
from underdog.errors import ContractError


@dataclass(frozen=True)
class Render:
    """`inner`'s answer with its text replaced by the final answer; an unread answer passes as it came.

    With `tools` the final answer is a list of calls, as the reading rule `tool_call` writes it, and the
    client gets OpenAI tool calls instead of a text.
    """

    inner: Answerer
    tools: bool = False

    def steps(self, request: Request) -> Steps:
        answer = yield from ask(self.inner, request)
        if answer.final is None:
            return answer
        # The words that the log-probabilities belong to are gone.
        answer = replace(answer, text=answer.final, tool_calls=(), finish="stop", logprobs=None)
        return called(answer, answer.text) if self.tools else answer


def called(answer: Answer, final: str) -> Answer:
    """The answer that makes the calls of a canonical list and says nothing else.

    Raises:
        ContractError: the final answer is no such list.
    """
    try:
        calls = tuple(
            ToolCall(call["name"], json.dumps(call["arguments"], ensure_ascii=False), f"call_{index}")
            for index, call in enumerate(json.loads(final))
        )
    except (ValueError, TypeError, KeyError):
        raise ContractError(
            f"Render(tools=True) needs a final answer that is a list of calls; got {final[:80]!r}: "
            "put Read with the rule `tool_call` inside it"
        ) from None
    return replace(answer, text="", tool_calls=calls, finish="tool_calls" if calls else "stop")
