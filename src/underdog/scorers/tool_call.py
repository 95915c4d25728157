"""tool_call: the right tools are called with right arguments, as the AST check of BFCL decides it.

BFCL is the Berkeley Function Calling Leaderboard (Patil et al., ICML 2025; github.com/ShishirPatil/gorilla).
The rules below are its rules; its recorded verdicts are reproduced in tests/scorers/test_bfcl.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from underdog.errors import StudyError
from underdog.example import Example
from underdog.reading import Reading
from underdog.reading.json_text import MISSING, dump, parse
from underdog.scorers.scorer import wrong_target
from underdog.scorers.tool_values import fits, from_text

NUMBERED = re.compile(r"[_ ]\d+$")
NAMES = ("either", "dotted", "underscored")


@dataclass(frozen=True)
class Wanted:
    """One call that the target wants: argument -> the values that are right, "" if it may be left out."""

    tool: str
    arguments: Mapping[str, list[Any]]


@dataclass(frozen=True)
class ToolCalls:
    """1 when the calls are the target's calls, in any order (in its order with `ordered`), else 0.

    The target is BFCL's ({NAME: {ARGUMENT: [VALUE, ...]}}, or a list of those; "" among the values means
    that the argument may be left out), or plain calls ([{"name": ..., "arguments": {...}}], with the one
    value of each argument), or an empty list: no tool is to be called. Arguments are checked against the
    schemas of the example's tools: required ones are there, none is invented, types are right (a whole
    number does for a float). Texts are compared without case and punctuation, as BFCL does.

    `names`: endpoints refuse dots in tool names, so models see `a.b` as `a_b`. "either" takes both;
    "dotted" and "underscored" take only one, as BFCL does for models with and without such endpoints.
    `texts`: a value may also come as the text of itself ("5", "true"), as in BFCL's Java and JavaScript.
    """

    ordered: bool = False
    names: str = "either"
    texts: bool = False

    name: ClassVar[str] = "tool_call"

    def __post_init__(self) -> None:
        if self.names not in NAMES:
            raise StudyError(f"score: names must be one of {', '.join(NAMES)}; got {self.names!r}")

    @property
    def reading(self) -> Reading:
        return Reading("tool_call")

    def score(self, final: str, example: Example) -> float:
        calls = parse(final)
        wanted = self.wanted(example)
        if not isinstance(calls, list) or len(calls) != len(wanted):
            return 0.0
        schemas = schemas_of(example)
        left = list(calls)
        for want in wanted:
            candidates = left[:1] if self.ordered else left
            found = next((call for call in candidates if self.right(call, want, schemas)), None)
            if found is None:
                return 0.0
            left.remove(found)
        return 1.0

    def right(self, call: Any, want: Wanted, schemas: Mapping[str, Any]) -> bool:
        """Whether one call is the wanted one."""
        if not isinstance(call, dict) or not isinstance(call.get("arguments"), dict):
            return False
        if not self.named(call.get("name"), want.tool):
            return False
        arguments = call["arguments"]
        schema = schemas.get(want.tool, {})
        properties = schema.get("properties")
        if any(key not in arguments for key in schema.get("required") or ()):
            return False
        for key, value in arguments.items():
            known = key in want.arguments and (properties is None or key in properties)
            if not known or not self.fit(value, want.arguments[key], (properties or {}).get(key, {})):
                return False
        return all(key in arguments or "" in values for key, values in want.arguments.items())

    def fit(self, value: Any, right: list[Any], schema: Mapping[str, Any]) -> bool:
        """Whether an argument's value is right, perhaps as the text of itself."""
        if fits(value, right, schema):
            return True
        inside = from_text(value) if self.texts and isinstance(value, str) else MISSING
        return inside is not MISSING and fits(inside, right, schema)

    def named(self, name: Any, tool: str) -> bool:
        """Whether a name means the tool."""
        flat = tool.replace(".", "_")
        return name in {"dotted": (tool,), "underscored": (flat,), "either": (tool, flat)}[self.names]

    def wanted(self, example: Example) -> list[Wanted]:
        """The calls that the target wants.

        Raises:
            DataError: the target is no list of calls, or calls a tool that the example does not offer.
        """
        target = parse(example.target) if isinstance(example.target, str) else example.target
        if isinstance(target, Mapping) and not plain(target):
            target = [{name: arguments} for name, arguments in target.items()]
        calls = [target] if isinstance(target, Mapping) else target
        if not isinstance(calls, list):
            raise wrong_target(example, self.name, "tool calls")
        offered = list(schemas_of(example))
        wanted = [wanted_call(call, offered) for call in calls]
        if any(want is None for want in wanted):
            shown = f" of {', '.join(offered)}" if offered else ""
            raise wrong_target(example, self.name, f"tool calls{shown}")
        return [want for want in wanted if want is not None]

    def gold(self, example: Example) -> str | None:
        schemas = schemas_of(example)
        calls = []
        for want in self.wanted(example):
            name = want.tool.replace(".", "_") if self.names == "underscored" else want.tool
            required = schemas.get(want.tool, {}).get("required") or ()
            given = {
                key: settled(next((one for one in values if one != ""), ""))
                for key, values in want.arguments.items()
                if key in required or "" not in values
            }
            calls.append({"name": name, "arguments": given})
        return dump(calls, exact=True)


def plain(call: Mapping[str, Any]) -> bool:
    """Whether a target's call is {"name": ..., "arguments": {...}}."""
    return set(call) >= {"name", "arguments"} and isinstance(call["name"], str)


def wanted_call(call: Any, offered: list[str]) -> Wanted | None:
    """A target's call; None when it is none, or of a tool that is not offered."""
    if not isinstance(call, Mapping):
        return None
    if plain(call) and isinstance(call["arguments"], Mapping):
        name, arguments = call["name"], {key: [value] for key, value in call["arguments"].items()}
    elif len(call) == 1:
        [(name, arguments)] = call.items()
        if not isinstance(arguments, Mapping):
            return None
        arguments = {key: v if isinstance(v, list) else [v] for key, v in arguments.items()}
    else:
        return None
    tool = offered_as(name, offered) if offered else name
    return Wanted(tool, arguments) if tool else None


def offered_as(name: str, offered: list[str]) -> str | None:
    """The offered tool that a target means; BFCL numbers the calls of one tool and drops some prefixes."""
    if name in offered:
        return name
    unnumbered = NUMBERED.sub("", name)
    if unnumbered in offered:
        return unnumbered
    like = [tool for tool in offered if NUMBERED.sub("", tool.rpartition(".")[2]) == unnumbered]
    return like[0] if len(like) == 1 else None


def settled(value: Any) -> Any:
    """An alternative as a value: inside an object, BFCL lists the alternatives of each key."""
    if isinstance(value, Mapping):
        return {
            key: settled(options[0] if isinstance(options, list) and options else options)
            for key, options in value.items()
            if not isinstance(options, list) or "" not in options
        }
    if isinstance(value, list):
        return [settled(one) if isinstance(one, Mapping) else one for one in value]
    return value


def schemas_of(example: Example) -> dict[str, Any]:
    """Tool name -> the schema of its parameters, for the tools that an example offers."""
    found: dict[str, Any] = {}
    for tool in example.tools:
        function = tool.get("function", tool)
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            found[function["name"]] = function.get("parameters") or {}
    return found
