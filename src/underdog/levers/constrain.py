"""Constrain: the answer is held to a form while it is written, so that none is unreadable.

The engine masks what would break the form (constrained decoding; Willard and Louf, arXiv 2307.09702). It can
cost accuracy, since a model is led where it would not have gone (Tam et al., arXiv 2408.02442): the paired
comparison with the free model says how much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from underdog.answerer import Answerer, Ask, Failure, Request, Steps
from underdog.constraint import call_schema, unconstrained
from underdog.errors import AskFailed, ContractError, StudyError
from underdog.example import Example
from underdog.levers.read import reading_of

MOST_CHOICES = 1000
"""More distinct gold answers than this are hardly labels."""


@dataclass(frozen=True)
class Constrain:
    """`inner`, asked for an answer of one form, in place of any that the request brought along.

    Attributes:
        schema: a JSON schema for the answer, or "tools" for one call, `{"name": ..., "arguments": ...}`, of a
            tool that the request offers.
        choices: the texts of which the answer is one, or "labels": those that the inner reading names, else
            the gold answers of the fit split; filled in by `fit`.
        regex: a pattern that the whole answer matches.
        grammar: a grammar in GBNF (`root ::= ...`), or in the words of the engine (locally also Lark's).

    Raises:
        StudyError: not exactly one of the four is given, or there are no choices.
    """

    inner: Answerer
    schema: dict[str, Any] | Literal["tools"] | None = field(default=None, hash=False)
    choices: tuple[str, ...] | Literal["labels"] | None = None
    regex: str | None = None
    grammar: str | None = None

    def __post_init__(self) -> None:
        forms = ("schema", "choices", "regex", "grammar")
        given = [name for name in forms if getattr(self, name) is not None]
        if len(given) != 1:
            came = ", ".join(given) or "none"
            raise StudyError(f"constrain: exactly one of {', '.join(forms)} must be given; got {came}")
        if self.choices is not None and not (self.choices and all(self.choices)):
            raise StudyError(f"constrain: choices must be texts that are not empty; got {self.choices!r}")

    def steps(self, request: Request) -> Steps:
        return Ask(self.inner, self.formed(request))
        yield  # a generator without a step of its own: it only hands over

    def formed(self, request: Request) -> Request:
        """The request as the inner answerer gets it.

        Raises:
            ContractError: the labels were not filled in.
            AskFailed: a call is wanted and the request offers no tool.
        """
        free = unconstrained(request)
        if self.schema is not None:
            schema = _call(request) if self.schema == "tools" else self.schema
            inside = {"name": "answer", "strict": True, "schema": schema}
            return replace(free, response_format={"type": "json_schema", "json_schema": inside})
        if self.choices == "labels":
            raise ContractError('Constrain(choices="labels") is asked after `fit` has filled the labels in')
        form = {"choice": self.choices, "regex": self.regex, "grammar": self.grammar}
        said = {name: value for name, value in form.items() if value is not None}
        return replace(free, extra={**free.extra, "structured_outputs": said})

    def fit(self, examples: Sequence[Example], written: Callable[[Example], str | None]) -> Constrain:
        """The same lever with its labels filled in; `written` gives an example's gold as it is answered.

        Raises:
            StudyError: there are no labels, or so many that they are hardly labels.
        """
        if self.choices != "labels":
            return self
        reader = reading_of(self.inner)
        gold = {text for example in examples if (text := written(example))}
        labels = (reader.labels if reader else ()) or tuple(sorted(gold))
        if not 0 < len(labels) <= MOST_CHOICES:
            raise StudyError(
                f"constrain: labels taken from the fit split must be 1 to {MOST_CHOICES}; there are "
                f"{len(labels)}: list the choices"
            )
        return replace(self, choices=labels)


def _call(request: Request) -> dict[str, Any]:
    functions = [tool.get("function") or {} for tool in request.tools]
    if not functions:
        raise AskFailed(Failure("bad_request", "constrain: a call is wanted and the request offers no tool"))
    return call_schema(functions)
