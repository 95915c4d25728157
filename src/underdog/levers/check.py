"""Check: a program of the user's as a verifier, exact and at the price of no tokens.

Where answers can be checked and not foreseen, drawing several and keeping one that checks is worth far more
than a vote (arXiv 2407.21787: coverage grows with samples, choosing among them does not).
"""

from __future__ import annotations

from dataclasses import dataclass

from underdog.answerer import Answer, Request, Steps, Tool, ToolCall, act
from underdog.levers.program import Program
from underdog.reading import Reading


@dataclass(frozen=True)
class Check:
    """The program's verdict on the assistant's last message: its score as `confidence`, its message as text.

    The program is given what `reading` finds in that message as `final`. `acts/check.py` says how it is
    called; a program that fails, hangs or returns no number in [0, 1] is the Failure of this lever.
    """

    program: Program
    reading: Reading = Reading()

    def steps(self, request: Request) -> Steps:
        *before, candidate = request.messages
        text = str(candidate.get("content") or "")
        asked_for = (call["function"] for call in candidate.get("tool_calls") or ())
        calls = tuple(ToolCall(one["name"], one["arguments"]) for one in asked_for)
        verdict = yield from act(
            Tool("check", self.program.digest),
            program=self.program.name,
            digest=self.program.digest,
            messages=before,
            text=text,
            final=self.reading.read(Answer(text, calls), request),
        )
        return Answer(verdict["message"] or "", confidence=verdict["score"])
