"""The part of JSON Schema that answers are checked with; a keyword outside it is refused, never ignored.

Not a scorer; json_fields.py stands on it. Keywords as in JSON Schema 2020-12 (json-schema.org).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from underdog.errors import StudyError
from underdog.reading import near

Schema = Mapping[str, Any]


def kind(value: Any) -> set[str]:
    """The names of JSON Schema's types that a value has; 2.0 is an integer too."""
    match value:
        case None:
            return {"null"}
        case bool():
            return {"boolean"}
        case int():
            return {"integer", "number"}
        case float():
            return {"integer", "number"} if value.is_integer() else {"number"}
        case str():
            return {"string"}
        case list():
            return {"array"}
    return {"object"}


def same(one: Any, other: Any) -> bool:
    """Equal as JSON: 1 is 1.0, but not true."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def types(value: Any, wanted: Any) -> bool:
    return bool(kind(value) & ({wanted} if isinstance(wanted, str) else set(wanted)))


def distinct(value: list[Any]) -> bool:
    return not any(same(one, other) for i, one in enumerate(value) for other in value[:i])


ANY: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": types,
    "enum": lambda value, options: any(same(value, option) for option in options),
    "const": same,
    "anyOf": lambda value, schemas: any(valid(value, schema) for schema in schemas),
    "allOf": lambda value, schemas: all(valid(value, schema) for schema in schemas),
    "oneOf": lambda value, schemas: sum(valid(value, schema) for schema in schemas) == 1,
    "not": lambda value, schema: not valid(value, schema),
}
NUMBERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda value, edge: value >= edge,
    "maximum": lambda value, edge: value <= edge,
    "exclusiveMinimum": lambda value, edge: value > edge,
    "exclusiveMaximum": lambda value, edge: value < edge,
}
STRINGS: Mapping[str, Callable[[Any, Any], bool]] = {
    "minLength": lambda value, edge: len(value) >= edge,
    "maxLength": lambda value, edge: len(value) <= edge,
    "pattern": lambda value, pattern: re.search(pattern, value) is not None,
}
ARRAYS: Mapping[str, Callable[[Any, Any], bool]] = {
    "items": lambda value, schema: all(valid(one, schema) for one in value),
    "minItems": lambda value, edge: len(value) >= edge,
    "maxItems": lambda value, edge: len(value) <= edge,
    "uniqueItems": lambda value, wanted: not wanted or distinct(value),
}
OBJECTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "properties": lambda value, schemas: all(
        valid(value[key], schema) for key, schema in schemas.items() if key in value
    ),
    "required": lambda value, keys: all(key in value for key in keys),
    "minProperties": lambda value, edge: len(value) >= edge,
    "maxProperties": lambda value, edge: len(value) <= edge,
}
NOTES = {"$schema", "$id", "title", "description", "default", "examples", "additionalProperties", "format"}
BY_TYPE = (("number", NUMBERS), ("string", STRINGS), ("array", ARRAYS), ("object", OBJECTS))
KEYWORDS = [*ANY, *NUMBERS, *STRINGS, *ARRAYS, *OBJECTS, *sorted(NOTES)]


def check(schema: Any, where: str = "schema") -> None:
    """Refuse a schema with a keyword that would not be checked.

    Raises:
        StudyError: not an object or a truth value, or an unknown keyword; says where.
    """
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        raise StudyError(f"score: {where} must be an object; got {type(schema).__name__}")
    for keyword, value in schema.items():
        if keyword not in KEYWORDS:
            raise StudyError(
                f"score: {where} has the keyword {keyword!r}, which is not checked here"
                f"{near(keyword, KEYWORDS)}"
            )
        if keyword in ("items", "not", "additionalProperties"):
            check(value, f"{where}.{keyword}")
        elif keyword in ("anyOf", "allOf", "oneOf"):
            for index, one in enumerate(value):
                check(one, f"{where}.{keyword}.{index}")
        elif keyword == "properties":
            for key, one in value.items():
                check(one, f"{where}.{key}")


def valid(value: Any, schema: Schema | bool) -> bool:
    """Whether a JSON value meets a schema that `check` let through."""
    if isinstance(schema, bool):
        return schema
    kinds = kind(value)
    tests = dict(ANY)
    for name, more in BY_TYPE:
        if name in kinds:
            tests.update(more)
    if not all(tests[keyword](value, wanted) for keyword, wanted in schema.items() if keyword in tests):
        return False
    extra = schema.get("additionalProperties", True)
    known = schema.get("properties", {})
    return "object" not in kinds or all(valid(value[key], extra) for key in value if key not in known)
