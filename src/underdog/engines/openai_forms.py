"""How a form that is demanded of an answer goes out to each kind of server, and how the answer is read back.

`response_format` goes out as it is. What underdog asks for in vLLM's words (choices, patterns, grammars, a
message to continue) is said in the server's own; where it has none, choices become an enumeration inside a
JSON schema, and the rest is refused: an answer without its form would answer something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from underdog.answerer import Answer, Request
from underdog.constraint import FIELDS, Constraint, Unmet, constraint_of
from underdog.engines.openai_quirks import Quirks
from underdog.reading.json_text import parse

_GO_ON = ("continue_final_message", "include_stop_str_in_output")
_META = re.compile(r"([\\.^$*+?{}\[\]|()])")


def formed(body: Mapping[str, Any], request: Request, quirks: Quirks, kind: str) -> dict[str, Any]:
    """The body as a server of this kind is told the form of its answer.

    Raises:
        Unmet: the server has no words for it.
    """
    wanted = dict(body)
    if not quirks.goes_on and any(wanted.get(name) for name in _GO_ON):
        raise Unmet(
            f"a server of kind {kind} is not known to continue an assistant's message; those of kind vllm, "
            "sglang and underdog are: declare the endpoint's kind if it is one"
        )
    if quirks.forms == "sglang" and wanted.pop("include_stop_str_in_output", False):
        wanted["no_stop_trim"] = True
    asked = _asked(request)
    if asked is None or quirks.forms == "vllm":
        return wanted
    for name in FIELDS:
        wanted.pop(name, None)
    return wanted | _said(asked, quirks.forms, kind)


def wraps(request: Request, quirks: Quirks) -> bool:
    """Whether the answer comes inside a JSON object that nobody asked for."""
    asked = _asked(request) if quirks.forms == "openai" else None
    return asked is not None and asked.kind == "choice"


def unwrapped(answer: Answer) -> Answer:
    """The choice alone; an answer that holds none (cut off, refused) stays as it came."""
    value = parse(answer.text)
    choice = value.get("choice") if isinstance(value, dict) else None
    # The log-probabilities are of the JSON around it.
    return replace(answer, text=choice, logprobs=None) if isinstance(choice, str) else answer


def _asked(request: Request) -> Constraint | None:
    """What is demanded in vLLM's words."""
    return constraint_of(request) if any(request.extra.get(name) for name in FIELDS) else None


def _said(asked: Constraint, forms: str, kind: str) -> dict[str, Any]:
    if asked.kind == "json":
        schema = parse(asked.form) if isinstance(asked.form, str) else asked.form
        if not isinstance(schema, Mapping):
            raise Unmet(f"{asked.field} must be a JSON schema; got {asked.form!r:.80}")
        return {"response_format": _schema("answer", schema)}
    if forms == "sglang":
        if asked.kind == "choice":
            return {"regex": "|".join("(" + _META.sub(r"\\\1", text) + ")" for text in asked.form)}
        return {"ebnf" if asked.kind == "grammar" else "regex": asked.form}
    if forms == "llamacpp" and asked.kind != "regex":
        choices = " | ".join(json.dumps(text, ensure_ascii=False) for text in asked.form)
        return {"grammar": f"root ::= {choices}" if asked.kind == "choice" else asked.form}
    if asked.kind == "choice":
        return {"response_format": _schema("choice", _one_of(asked.form))}
    raise Unmet(
        f"a server of kind {kind} cannot hold an answer to {asked.field}; give a JSON schema or choices, or "
        "declare the endpoint's kind if it is vllm or sglang"
    )


def _one_of(choices: Sequence[str]) -> dict[str, Any]:
    properties = {"choice": {"type": "string", "enum": list(choices)}}
    return {"type": "object", "properties": properties, "required": ["choice"], "additionalProperties": False}


def _schema(name: str, schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}}
