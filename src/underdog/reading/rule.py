"""What a reading rule is: two ways of finding the final answer in what a model said, and one of writing it.

`strict` takes the answer only where it was asked to be; `lenient` digs it out of what models wrap around it.
The difference between the two, on the same calls, is the share that a format lever can win. This module
holds no rule; each one is a file beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from underdog.answerer import ToolCall


@dataclass(frozen=True, kw_only=True)
class Options:
    """What rules can be told. Each rule names the options it takes; the others must stay as they are.

    `labels`: the labels (label, labels) or the letters (choice). `tag`: the tag's name (tag). `pattern`:
    a regular expression whose first group is the answer (regex). `form`: how a regex answer is written
    out, for example "A: {}" (regex). `path`: the dotted place of the answer in the JSON (json).
    `dialect`: json, python or any (tool_call). `then`: the rule by which what was found is read again,
    number for "$18" in a tag (json, tag, regex, first_line). `otherwise`: what a text in which nothing
    could be read stands for, for example "[]" where calling no tool is an answer (every rule).
    """

    labels: tuple[str, ...] = ()
    tag: str = "answer"
    pattern: str = ""
    form: str = ""
    path: str = ""
    dialect: str = "any"
    then: str = ""
    otherwise: str | None = None


@dataclass(frozen=True)
class Said:
    """What a model said, and the tools it was offered."""

    text: str
    calls: tuple[ToolCall, ...] = ()
    tools: tuple[Mapping[str, Any], ...] = ()


Reader = Callable[[Said, Options], str | None]


@dataclass(frozen=True)
class Rule:
    """One rule. `render` writes a final answer so that the strict reading of it gives it back.

    `needs` are the options that must be given, `takes` those that may be.
    """

    strict: Reader
    lenient: Reader
    render: Callable[[str, Options], str]
    takes: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()


def plainly(final: str, options: Options) -> str:
    """Most final answers are written as they are."""
    return final
