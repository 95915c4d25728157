"""What a request demands of the form of its answer, whichever of its fields says so; engines enforce it.

OpenAI's `response_format`, vLLM's `structured_outputs` and the `guided_*` fields that it had before 0.12 mean
the same four things; here they become one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from underdog.answerer import Request

Kind = Literal["json", "choice", "regex", "grammar"]

OLDER: dict[str, Kind] = {
    "guided_json": "json",
    "guided_choice": "choice",
    "guided_regex": "regex",
    "guided_grammar": "grammar",
}
"""vLLM's fields before 0.12."""

FIELDS = frozenset({"structured_outputs", *OLDER})
"""The fields of `Request.extra` that constrain."""

ANY_OBJECT: Mapping[str, Any] = {"type": "object"}


class Unmet(ValueError):
    """A constraint that is malformed or that an engine cannot enforce; the message is one sentence."""


@dataclass(frozen=True)
class Constraint:
    """One demand. `form` is a JSON schema, a tuple of texts, a regular expression or a grammar's text."""

    kind: Kind
    form: Any
    field: str
    """The field that said it, for messages: `structured_outputs.regex`."""


def constraint_of(request: Request) -> Constraint | None:
    """The demand that a request makes, or None.

    Raises:
        Unmet: a field has another shape than its kind needs, is not known, or there is more than one.
    """
    found = [*_formats(request), *_structured(request), *_older(request)]
    if len(found) > 1:
        named = " and ".join(one.field for one in found)
        raise Unmet(f"an answer can have one form only; got {named}: keep one of them")
    return _checked(found[0]) if found else None


def constrained(request: Request) -> bool:
    """Whether a request demands a form at all, a malformed one included."""
    plain = (request.response_format or {}).get("type", "text") == "text"
    return not plain or any(request.extra.get(name) for name in FIELDS)


def unconstrained(request: Request) -> Request:
    """The request without any demand on the form of its answer."""
    extra = {name: value for name, value in request.extra.items() if name not in FIELDS}
    return replace(request, response_format=None, extra=extra)


def call_schema(functions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A JSON schema of one call, `{"name": ..., "arguments": ...}`, of one of these functions as declared."""
    calls = [
        {
            "type": "object",
            "properties": {
                "name": {"const": function.get("name")},
                "arguments": function.get("parameters") or ANY_OBJECT,
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for function in functions
    ]
    return calls[0] if len(calls) == 1 else {"anyOf": calls}


def _formats(request: Request) -> Iterator[Constraint]:
    body = request.response_format or {}
    kind = body.get("type", "text")
    if kind == "json_schema":
        inside = body.get("json_schema")
        schema = inside.get("schema") if isinstance(inside, Mapping) else None
        yield Constraint("json", schema, "response_format.json_schema")
    elif kind == "json_object":
        yield Constraint("json", body.get("schema", ANY_OBJECT), "response_format")
    elif kind != "text":
        raise Unmet(f"response_format must be of type text, json_object or json_schema; got {kind!r}")


def _structured(request: Request) -> Iterator[Constraint]:
    body = request.extra.get("structured_outputs") or {}
    if not isinstance(body, Mapping):
        raise Unmet(f"structured_outputs must be an object; got {type(body).__name__}")
    for name, form in body.items():
        where = f"structured_outputs.{name}"
        if form is None or form is False:
            continue
        if name == "json_object":
            yield Constraint("json", ANY_OBJECT, where)
        elif name in ("json", "choice", "regex", "grammar"):
            yield Constraint(name, form, where)
        else:
            raise Unmet(f"structured_outputs takes json, json_object, choice, regex or grammar; got {name!r}")


def _older(request: Request) -> Iterator[Constraint]:
    for name, kind in OLDER.items():
        if (form := request.extra.get(name)) is not None:
            yield Constraint(kind, form, name)


def _checked(one: Constraint) -> Constraint:
    """The demand with its form in the one shape of its kind."""
    kind, form = one.kind, one.form
    if kind == "choice":
        if isinstance(form, list | tuple) and form and all(isinstance(text, str) and text for text in form):
            return Constraint(kind, tuple(form), one.field)
        raise Unmet(f"{one.field} must be a list of texts that are not empty; got {form!r:.80}")
    if not isinstance(form, Mapping | str if kind == "json" else str):
        wanted = "a JSON schema" if kind == "json" else "a text"
        raise Unmet(f"{one.field} must be {wanted}; got {form!r:.80}")
    return one
