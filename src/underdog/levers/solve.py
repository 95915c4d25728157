"""Solve: the model writes a small formal program and a real solver answers.

Small models translate better than they deduce or search: what is exact is left to what is exact (Logic-LM,
arXiv 2305.12295; its self-refinement is `most`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from underdog.answerer import Answer, Answerer, Ask, Message, Request, Steps, Tool, act, ask, canonical
from underdog.errors import StudyError
from underdog.levers.candidate import said
from underdog.reading import Reading

GUIDES = {
    "rules": """Write the problem as facts, rules and a query, each on a line of its own, and nothing else.
The query is the statement that is asked about, as it is asked, also where you think that it is false:
Facts:
Quiet(Bob, True)
Rules:
Quiet($x, True) && Cold($x, True) >>> Smart($x, True)
Query:
Smart(Bob, True)""",
    "constraints": """Write the problem as variables, constraints and options, a line each, and nothing else:
Variables:
red_book [IN] [1, 2, 3]
Constraints:
red_book > blue_book
AllDifferentConstraint([red_book, blue_book, green_book])
Query:
A) red_book == 2""",
    "milp": """Write the problem as a linear program in JSON, and nothing else:
{"maximize": {"a": 5, "b": 4}, "subject_to": [{"terms": {"a": 3, "b": 2}, "at_most": 4}],
"variables": {"a": {"lower": 0, "upper": 1, "integer": true}, "b": {"lower": 0, "upper": null}}}""",
}
"""What a model is told of each kind of program."""

SHOWN = ("answer", "chosen", "values")


@dataclass(frozen=True)
class Solve:
    """`inner` formulates, the solver of `kind` answers; what cannot be solved is `otherwise`'s, or unread.

    Attributes:
        kind: rules (facts and rules), constraints (small whole numbers) or milp (linear programs).
        otherwise: who answers the request itself when no program could be solved.
        guide: what `inner` is told instead of the kind's own text.
        examples: (request, program) pairs that it is shown.
        most: how often a program that is not solved goes back to `inner` with the solver's message.
        show: of a solution, the answer (a word, a letter, the optimum), the names of the variables chosen
            (not 0), or all values as JSON.
        words: what the solver's words are in the task's, such as (("true", "A"), ("false", "B")).
        reading: how the task reads its answers, so that they are written that way.

    Raises:
        StudyError: no such kind, or nothing like it to show.
    """

    inner: Answerer
    kind: str
    otherwise: Answerer | None = None
    guide: str = ""
    examples: tuple[tuple[str, str], ...] = ()
    most: int = 1
    show: str = "answer"
    words: tuple[tuple[str, str], ...] = ()
    reading: Reading = Reading()

    def __post_init__(self) -> None:
        if self.kind not in GUIDES:
            raise StudyError(f"solve: kind must be one of {', '.join(GUIDES)}; got {self.kind!r}")
        if self.show not in SHOWN or (self.kind != "milp" and self.show != "answer"):
            allowed = ", ".join(SHOWN) if self.kind == "milp" else "answer"
            raise StudyError(f"solve: show must be one of {allowed} for {self.kind}; got {self.show!r}")

    def steps(self, request: Request) -> Steps:
        asked, written = self.formulating(request), list[str]()
        while True:
            program = yield from ask(self.inner, asked)
            if program.text in written:
                break
            written.append(program.text)
            result = yield from act(Tool("solve"), kind=self.kind, program=program.text)
            if result["status"] == "solved":
                return self.rendered(result)
            if len(written) > self.most:
                break
            asked = complained(asked, program, result["message"])
        if self.otherwise is not None:
            return Ask(self.otherwise, request)
        return replace(program, final=None, confidence=None)

    def formulating(self, request: Request) -> Request:
        """The request for a program: the guide before its own system text, then the examples."""
        opening = [m for m in request.messages if m["role"] in ("system", "developer")]
        texts = [m["content"] for m in opening if isinstance(m.get("content"), str)]
        guide = "\n\n".join((self.guide or GUIDES[self.kind], *texts))
        shown = [
            {"role": role, "content": text}
            for pair in self.examples
            for role, text in zip(("user", "assistant"), pair, strict=True)
        ]
        rest = (m for m in request.messages if m not in opening)
        messages: tuple[Message, ...] = ({"role": "system", "content": guide}, *shown, *rest)
        return replace(request, messages=messages, tools=(), tool_choice=None, response_format=None)

    def rendered(self, result: Mapping[str, Any]) -> Answer:
        """The solution in the task's words."""
        if self.show == "chosen":
            final = " ".join(name for name, value in result["values"].items() if value)
        elif self.show == "values":
            final = canonical(result["values"]).decode()
        else:
            final = dict(self.words).get(result["answer"], result["answer"])
        return Answer(self.reading.render(final), final=final)


def complained(asked: Request, program: Answer, message: str) -> Request:
    """The conversation with the program and what the solver says of it."""
    complaint = {"role": "user", "content": f"The solver says: {message}. Write the whole program again."}
    return replace(asked, messages=(*asked.messages, said(program), complaint))
