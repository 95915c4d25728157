"""Render: the client sees the final answer alone, in its canonical form.

A lenient reading may be certified only with this rendering: what is certified must be what the client gets.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from underdog.answerer import Answer, Answerer, Request, Steps, ToolCall, ask


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
        if not self.tools:
            return replace(answer, text=answer.final, tool_calls=())
        return called(answer, answer.final)


def called(answer: Answer, final: str) -> Answer:
    """The answer that makes the calls of a canonical list and says nothing else."""
    calls = tuple(
        ToolCall(call["name"], json.dumps(call["arguments"], ensure_ascii=False), f"call_{index}")
        for index, call in enumerate(json.loads(final))
    )
    return replace(answer, text="", tool_calls=calls, finish="tool_calls" if calls else answer.finish)
