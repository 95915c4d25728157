"""tool_call: which tools are called with which arguments, as a canonical JSON list of {"name", "arguments"}.

Strict: the answer's own tool calls; else the whole text is JSON ({"name", "arguments"}, a list of those,
{"tool_calls": [...]}, or {NAME: arguments}) or Python (`[f(a=1), g(b="x")]`), whichever `dialect` declares.
Lenient: also inside fences, tags and prose, under other keys ("parameters", "params", "args"), several
objects one after another, a name on one line and its JSON on the next, "Action:" with "Action Input:",
positional arguments of offered tools, JSON's true, false and null inside Python calls, and single quotes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from underdog.reading import python_call
from underdog.reading.json_text import MAX_CHARS, MISSING, dump, embedded, parse
from underdog.reading.rule import Options, Rule, Said
from underdog.reading.wrapping import fenced, unthought

NAMES = ("name", "function", "tool", "tool_name", "function_name", "action")
ARGUMENTS = ("arguments", "parameters", "params", "args", "input", "action_input", "kwargs")
TAGGED = re.compile(
    r"<\|?(tool_call|function_call|functioncall|tool|function)\|?>(.*?)(?:</\|?\1|(?=<\|?\1\|?>)|\Z)",
    re.DOTALL,
)
NAMED_JSON = re.compile(
    r"(?:^|\n)[ \t]*(?:Action:[ \t]*)?`?([A-Za-z_][\w.\-]*)`?[ \t]*\n\s*(?:Action Input:[ \t]*)?(?=\{)"
)

Call = dict[str, Any]


def strict(said: Said, options: Options) -> str | None:
    if said.calls:
        return listed([(call.name, call.arguments) for call in said.calls])
    text = said.text.strip()
    if options.dialect in ("any", "json"):
        calls = from_json(parse(text), lenient=False)
        if calls is not None:
            return dump(calls, exact=True)
    if options.dialect in ("any", "python"):
        found = python_call.parse(text, {})
        return dump(found, exact=True) if found else None
    return None


def lenient(said: Said, options: Options) -> str | None:
    exact = strict(said, options)
    text = unthought(said.text)
    if exact is not None or said.calls or len(text) > MAX_CHARS:
        return exact
    found = next((calls for calls in attempts(text, said.tools) if calls), None)
    return dump(found, exact=True) if found else None


def listed(pairs: list[tuple[str, str]]) -> str | None:
    """The answer's own calls; None when any of their arguments is no JSON object."""
    calls = []
    for name, arguments in pairs:
        value = parse(arguments) if arguments.strip() else {}
        if not isinstance(value, dict):
            return None
        calls.append({"name": name, "arguments": value})
    return dump(calls, exact=True)


def from_json(value: Any, lenient: bool) -> list[Call] | None:
    """The calls that a JSON value stands for; an empty list stands for no call; None when it is no call."""
    if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        value = value["tool_calls"]
    if isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        return None
    calls = [one_from_json(one, lenient) for one in value]
    return None if None in calls else [call for call in calls if call]


def one_from_json(value: Any, lenient: bool) -> Call | None:
    """One call: {"name", "arguments"}, OpenAI's {"function": {...}} around it, or {NAME: arguments}."""
    if not isinstance(value, dict):
        return None
    inner = value.get("function")
    if isinstance(inner, dict):
        return one_from_json(inner, lenient)
    for key in NAMES if lenient else NAMES[:1]:
        for place in ARGUMENTS if lenient else ARGUMENTS[:2]:
            if isinstance(value.get(key), str) and place in value:
                return as_call(value[key], value[place])
    if len(value) == 1:
        [(name, arguments)] = value.items()
        return as_call(name, arguments)
    if lenient and isinstance(value.get("name"), str) and "description" not in value:
        return {"name": value["name"], "arguments": {k: v for k, v in value.items() if k != "name"}}
    return None


def as_call(name: str, arguments: Any) -> Call | None:
    """A call when the arguments are an object, or the JSON text of one."""
    if isinstance(arguments, str):
        arguments = parse(arguments) if arguments.strip() else {}
    return {"name": name, "arguments": arguments} if isinstance(arguments, dict) else None


def attempts(text: str, tools: tuple[Mapping[str, Any], ...]) -> Iterator[list[Call] | None]:
    """What lenient reading tries, the most explicit dialects first."""
    signatures = parameters_of(tools)
    # A fence that says the same again is an echo; a tag that does is a second call.
    pieces = [inside for _, inside in TAGGED.findall(text)] or list(dict.fromkeys(fenced(text)))
    together: list[Call] = []
    for piece in pieces:
        together += in_piece(piece, signatures) or []
    yield together
    yield in_piece(text, signatures)
    yield after_a_name(text)
    values = [from_json(value, lenient=True) for value in embedded(text)]
    yield [call for calls in values for call in calls or ()]
    yield python_in_prose(text, signatures)


def in_piece(piece: str, signatures: dict[str, list[str]]) -> list[Call] | None:
    """The calls that a whole piece of text is, in any dialect, one or several a piece."""
    piece = piece.strip().replace("\\_", "_")
    calls = from_json(parse(piece), lenient=True)
    if calls is None and piece[:1] in ("{", "["):
        calls = from_json(python_value(piece), lenient=True)
    if calls is None:
        lines = [parse(line) for line in piece.splitlines() if line.strip()]
        calls = from_json(lines, lenient=True) if lines and MISSING not in lines else None
    if calls is None:
        calls = python_call.parse(unquoted(piece), signatures, lenient=True)
    return calls or after_a_name(piece)


def unquoted(piece: str) -> str:
    """A list of calls as strings, `["f(a=1)"]`, as a list of calls; a list that was never closed, closed."""
    value = python_value(piece) if piece.startswith("[") else MISSING
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return "[" + ", ".join(value) + "]"
    if piece.startswith("[") and not piece.endswith("]"):
        return piece + "]"
    return piece[:-1] if piece.endswith("]") and not piece.startswith("[") else piece


def python_value(piece: str) -> Any:
    """A Python literal (JSON in single quotes, with True and None), or MISSING."""
    try:
        return ast.literal_eval(piece)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return MISSING


def after_a_name(text: str) -> list[Call] | None:
    """A name on one line and its arguments as JSON on the next."""
    calls = []
    for match in NAMED_JSON.finditer(text):
        values = embedded(text[match.end() :], "{")
        if values and isinstance(values[0], dict):
            calls.append({"name": match[1], "arguments": values[0]})
    return calls or None


def python_in_prose(text: str, signatures: dict[str, list[str]]) -> list[Call]:
    """Python calls of offered tools (any dotted or listed call when none is known) anywhere in the text."""
    names = "|".join(re.escape(name) for name in sorted(signatures, key=len, reverse=True))
    start = re.compile(rf"(?<![\w.])(?:{names})\s*\(" if names else r"(?<![\w.])[A-Za-z_]\w*(?:\.\w+)*\(")
    calls: list[Call] = []
    end = 0
    for match in list(start.finditer(text))[:50]:
        if match.start() < end:
            continue
        close = closing(text, match.end())
        found = python_call.parse(text[match.start() : close], signatures, lenient=True) if close else None
        if found and close:
            calls += found
            end = close
    return calls


def closing(text: str, place: int) -> int | None:
    """Where the bracket that was opened just before `place` is closed, strings apart; None when it is not."""
    depth, quote = 1, ""
    for at in range(place, min(len(text), place + 5000)):
        letter = text[at]
        if quote:
            quote = "" if letter == quote and text[at - 1] != "\\" else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
            if not depth:
                return at + 1
    return None


def parameters_of(tools: tuple[Mapping[str, Any], ...]) -> dict[str, list[str]]:
    """Tool name -> its parameters in the order of its schema."""
    found: dict[str, list[str]] = {}
    for tool in tools:
        function = tool.get("function", tool)
        if isinstance(function, Mapping) and isinstance(function.get("name"), str):
            schema = function.get("parameters")
            properties = schema.get("properties") if isinstance(schema, Mapping) else None
            found[function["name"]] = list(properties) if isinstance(properties, Mapping) else []
    return found


def render(final: str, options: Options) -> str:
    """JSON as it is; for the Python dialect, a list of calls with keyword arguments."""
    calls = parse(final)
    if options.dialect != "python" or not isinstance(calls, list):
        return final
    written = (
        f"{call['name']}({', '.join(f'{key}={value!r}' for key, value in call['arguments'].items())})"
        for call in calls
    )
    return "[" + ", ".join(written) + "]"


RULE = Rule(strict, lenient, render, takes=frozenset({"dialect"}))
