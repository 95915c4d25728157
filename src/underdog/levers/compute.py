"""Compute: a program of the user's answers, and no model is asked.

As an arm it says what plain code gets right. Inside Solve it writes the formulation where requests come in a
fixed shape: then the honest answer is a solver.
"""

from __future__ import annotations

from dataclasses import dataclass

from underdog.answerer import Answer, Request, Steps, Tool, act
from underdog.levers.program import Program


@dataclass(frozen=True)
class Compute:
    """What the program makes of the conversation, as text: its value, or the JSON of it.

    `acts/compute.py` says how it is called. None is an answer that could not be read.
    """

    program: Program

    def steps(self, request: Request) -> Steps:
        text = yield from act(
            Tool("compute", self.program.digest),
            program=self.program.name,
            digest=self.program.digest,
            messages=list(request.messages),
        )
        return Answer(text or "", final=text)
