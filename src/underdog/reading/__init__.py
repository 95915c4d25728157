"""How the final answer is read out of what a model said. Pure functions of text: no I/O, never an exception.

`Reading` is a rule with its options: `reading.read(answer)` gives the final answer or None, and
`reading.render(final)` writes one so that a strict reader finds it again. Ways of comparing a final answer
with a target are in `scorers/`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from underdog.answerer import Answer, Request
from underdog.errors import StudyError
from underdog.reading import (
    choice,
    first_line,
    json_value,
    label,
    labels,
    number,
    regex,
    tag,
    text,
    tool_call,
)
from underdog.reading.rule import Options, Rule, Said

__all__ = ["RULES", "Options", "Reading", "near", "reading_from"]

RULES: Mapping[str, Rule] = {
    "choice": choice.RULE,
    "first_line": first_line.RULE,
    "json": json_value.RULE,
    "label": label.RULE,
    "labels": labels.RULE,
    "number": number.RULE,
    "regex": regex.RULE,
    "tag": tag.RULE,
    "text": text.RULE,
    "tool_call": tool_call.RULE,
}
"""The one list of rules; each documents what strict and lenient mean for it."""

DIALECTS = ("any", "json", "python")


@dataclass(frozen=True)
class Reading(Options):
    """A rule and its options.

    Raises:
        StudyError: no such rule, an option the rule does not take, or one it needs and does not have.
    """

    rule: str = "text"
    lenient: bool = False

    def __post_init__(self) -> None:
        check(self.rule, self)

    def read(self, answer: Answer, request: Request | None = None) -> str | None:
        """The final answer, or None when none could be read. Lenient reading uses the request's tools.

        Lenient reading finds something wherever strict reading does.
        """
        said = Said(answer.text, answer.tool_calls, request.tools if request else ())
        final = self.found(self.rule, said)
        if final is not None and self.then:
            final = self.found(self.then, Said(final))
        return self.otherwise if final is None else final

    def found(self, name: str, said: Said) -> str | None:
        """What one rule finds."""
        rule = RULES[name]
        final = rule.lenient(said, self) if self.lenient else None
        return rule.strict(said, self) if final is None else final

    def render(self, final: str) -> str:
        """The text that says just this final answer, so that the strict reading gives it back."""
        inner = RULES[self.then].render(final, self) if self.then else final
        return RULES[self.rule].render(inner, self)


def near(word: str, known: Mapping[str, Any] | list[str] | tuple[str, ...]) -> str:
    """The words ", did you mean 'x'?" when something known looks like the word, else nothing."""
    close = difflib.get_close_matches(str(word), list(known), n=1, cutoff=0.5)
    return f", did you mean {close[0]!r}?" if close else ""


def check(name: str, options: Options) -> None:
    """Refuse what a rule could not act on: no option is ever silently without effect."""
    for one in (name, options.then) if options.then else (name,):
        if one not in RULES:
            raise StudyError(
                f"read: the rule must be one of {', '.join(RULES)}; got {one!r}{near(one, RULES)}"
            )
    rules = [RULES[name], *([RULES[options.then]] if options.then else [])]
    takes = frozenset({"otherwise"}).union(*(rule.takes for rule in rules))
    given = {f.name for f in fields(Options) if getattr(options, f.name) != f.default}
    for option in sorted(given - takes):
        listed = ", ".join(sorted(takes | {"lenient"}))
        raise StudyError(f"read: the rule {name} takes {listed}; got {option!r}")
    for option in sorted(frozenset().union(*(rule.needs for rule in rules)) - given):
        raise StudyError(f"read: the rule {name} needs {option!r}, which was not given")
    if options.dialect not in DIALECTS:
        raise StudyError(f"read: dialect must be one of {', '.join(DIALECTS)}; got {options.dialect!r}")
    try:
        re.compile(options.pattern)
    except re.error as error:
        raise StudyError(
            f"read: pattern must be a regular expression; got {options.pattern!r} ({error})"
        ) from None


def reading_from(spec: str | Mapping[str, Any]) -> Reading:
    """A Reading from a study file: the rule's name, or a mapping of `rule` and its options.

    Raises:
        StudyError: an unknown rule or option, or a value of the wrong type.
    """
    given: dict[str, Any] = {"rule": spec} if isinstance(spec, str) else dict(spec)
    known = {f.name: f.default for f in fields(Reading)}
    for key in given:
        if key not in known:
            raise StudyError(f"read: {key!r} is no option; known are {', '.join(known)}{near(key, known)}")
    if "labels" in given:
        if not isinstance(given["labels"], list | tuple):
            raise StudyError(f"read: labels must be a list; got {type(given['labels']).__name__}")
        given["labels"] = tuple(str(label) for label in given["labels"])
    for key, value in given.items():
        wanted = bool if key == "lenient" else tuple if key == "labels" else str
        if not isinstance(value, wanted):
            raise StudyError(f"read: {key} must be a {wanted.__name__}; got {value!r}")
    return Reading(**given)
