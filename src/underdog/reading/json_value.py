"""json: a JSON value in canonical form, or with `path` the value at that place in it.

Strict: the whole text is JSON. Lenient: the last JSON object or list that is in a code fence or embedded in
the text and that has the path; in broken JSON the last simple value after the path's last key ("answer":
"12"). A string at the path is read as it is, without quotes.
"""

from __future__ import annotations

import re
from typing import Any

from underdog.reading.json_text import MISSING, at_path, dump, embedded, parse
from underdog.reading.rule import Options, Rule, Said
from underdog.reading.wrapping import fenced, unthought

SIMPLE = r'"(?:[^"\\\n]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false'


def final(value: Any, options: Options) -> str | None:
    """The canonical text of the value at the path; None when it is missing or null."""
    if value is MISSING:
        return None
    if not options.path:
        return dump(value)
    inner = at_path(value, options.path)
    if inner is MISSING or inner is None:
        return None
    return (inner.strip() or None) if isinstance(inner, str) else dump(inner)


def strict(said: Said, options: Options) -> str | None:
    return final(parse(said.text.strip()), options)


def lenient(said: Said, options: Options) -> str | None:
    text = unthought(said.text)
    candidates = [parse(text.strip()), *reversed([parse(inside) for inside in fenced(text)])]
    for value in candidates:
        found = final(value, options)
        if found is not None:
            return found
    for value in reversed(embedded(text)):
        found = final(value, options)
        if found is not None:
            return found
    value = broken(text, options.path) if options.path else MISSING
    return value.strip() or None if isinstance(value, str) else final(value, Options())


def broken(text: str, path: str) -> Any:
    """The last simple value after the path's last key in JSON that does not parse, or MISSING."""
    key = re.escape(path.rpartition(".")[2])
    found = re.findall(rf'"{key}"\s*:\s*({SIMPLE})', text)
    return parse(found[-1]) if found else MISSING


def render(answer: str, options: Options) -> str:
    """The JSON text; with a path, the smallest object that holds the answer there."""
    if not options.path:
        return answer
    value: Any = answer
    for part in reversed(options.path.split(".")):
        value = [value] if part == "0" else {part: value}
    return dump(value) or answer


RULE = Rule(strict, lenient, render, takes=frozenset({"path", "then"}))
