"""When one argument's value is right: BFCL's rules for types and values.

Not a scorer; tool_call.py stands on it. Its names of types are BFCL's ("dict", "float", "tuple", "any") and
JSON Schema's ("object", "number", "array").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from underdog.reading.json_text import parse

TYPES: Mapping[str, type] = {
    "string": str,
    "any": str,
    "integer": int,
    "float": float,
    "number": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "object": dict,
}
SUFFIXED = re.compile(r"^(-?\d+(?:\.\d+)?)[LlFfDdn]$")
IGNORED = re.compile(r"[ ,./\-_*^]")


def fits(value: Any, right: list[Any], schema: Mapping[str, Any]) -> bool:
    """Whether a value is one of the right ones, given the schema of its parameter ({} when unknown).

    A value of the type that the right ones have, where that is not the schema's type, is taken as the name
    of a variable and compared exactly. An empty list where the argument may be left out leaves it out.
    """
    if value == [] and "" in right:
        return True
    answered = next((type(one) for one in right if one != ""), None)
    wanted = TYPES.get(str(schema.get("type")), answered)
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        return type(value) is answered and value in right
    return items_fit(value, right, schema) and alike(value, right)


def from_text(text: str) -> Any:
    """The value that a text spells in JSON, or with Java's suffixes (5L, 2.5f); MISSING if there is none."""
    text = SUFFIXED.sub(r"\1", text.strip())
    return parse(text.lower() if text.lower() in ("true", "false", "null") else text)


def items_fit(value: Any, right: list[Any], schema: Mapping[str, Any]) -> bool:
    """Whether the elements of a list have the type that the schema names for them, one level deep."""
    items = schema.get("items")
    wanted = TYPES.get(str(items.get("type"))) if isinstance(items, Mapping) else None
    if not isinstance(value, list) or wanted is None:
        return True
    named = {type(one) for option in right if isinstance(option, list) for one in option}
    allowed = {wanted, *named, *((int,) if wanted is float else ())}
    return all(type(one) in allowed for one in value)


def alike(value: Any, right: list[Any]) -> bool:
    """Whether a value is among the right ones, texts compared without case and punctuation."""
    return any(equal(value, one) for one in right)


def equal(value: Any, one: Any) -> bool:
    """Whether two JSON values are the same argument, texts compared as BFCL does."""
    if isinstance(value, dict) and isinstance(one, Mapping):
        return objects(value, one)
    if isinstance(value, list) and isinstance(one, list):
        return len(value) == len(one) and all(map(equal, value, one))
    if isinstance(value, bool) != isinstance(one, bool):
        return False
    return bool(normal(value) == normal(one))


def objects(value: Mapping[str, Any], one: Mapping[str, Any]) -> bool:
    """Whether an object is the right one, whose keys each have a list of right values (or an object)."""
    for key, inner in value.items():
        if key not in one:
            return False
        options = one[key] if isinstance(one[key], list) else [one[key]]
        if not alike(inner, options) and not equal(inner, one[key]):
            return False
    return all(key in value or (isinstance(rest, list) and "" in rest) for key, rest in one.items())


def normal(value: Any) -> Any:
    """A text as it is compared: no spaces, no ,./-_*^, lower case, one kind of quotes."""
    if not isinstance(value, str):
        return value
    return IGNORED.sub("", value).lower().replace("'", '"')
