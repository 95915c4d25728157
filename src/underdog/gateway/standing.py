"""Whether a plan's certificate speaks of a request, and why not when it does not.

A certificate is about requests asked in the way of its study: the same system text, roles, tools, response
format and sampling, answered by the same models. Whatever differs is answered all the same and marked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import msgspec

from underdog.answerer import Request, Sampling
from underdog.drive import Driver
from underdog.plan import Plan, models_of, request_schema
from underdog.wire import OPENAI_DEFAULTS

# Fields that change what the client gets to know, or the bookkeeping, but not the answer.
_NO_MATTER_SAMPLING = frozenset({"seed", "logprobs", "top_logprobs"})
_NO_MATTER_EXTRA = frozenset(
    {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"}
)


class Standing:
    """What a plan's evidence says about a request.

    `sampling` is that of the study: what a client does not say is taken from it.
    """

    def __init__(self, plan: Plan, driver: Driver) -> None:
        evidence = plan.evidence
        self._schemas: Sequence[Mapping[str, Any]] = evidence.get("request_schemas") or [{}]
        self._certified = "bound" in (evidence.get("certificate") or {})
        self._fingerprints: Mapping[str, str] = evidence.get("fingerprints") or {}
        self._models, self._driver = models_of(plan.answerer), driver
        stored = evidence.get("sampling")
        self.sampling = OPENAI_DEFAULTS if stored is None else msgspec.convert(stored, Sampling)

    def header(self, request: Request) -> str:
        """`true`, or `false` and the first reason."""
        reason = self.why_not(request)
        return "true" if reason is None else f"false; {reason}"

    def why_not(self, request: Request | None = None) -> str | None:
        """Why the certificate does not speak of a request (None: of any request); None when it does."""
        if not self._certified:
            return "the study gave no certificate"
        for model in self._models:
            if self._fingerprints.get(model.name) != self._driver.lane(model).engine.fingerprint:
                return f"{model.name} is not the version that was measured"
        return None if request is None else self._asked_otherwise(request)

    def _asked_otherwise(self, request: Request) -> str | None:
        asked = request_schema(request)
        differing = [[n for n, v in asked.items() if v != schema.get(n)] for schema in self._schemas]
        if fewest := min(differing, key=len):
            return f"the study asked with another {fewest[0]}"
        if request.tool_choice not in (None, "auto"):
            return "the study asked with another tool_choice"
        for field in fields(Sampling):
            changed = getattr(request.sampling, field.name) != getattr(self.sampling, field.name)
            if changed and field.name not in _NO_MATTER_SAMPLING:
                return f"the study asked with another {field.name}"
        unknown = request.extra.keys() - _NO_MATTER_EXTRA
        return f"the study asked without {_printable(min(unknown))}" if unknown else None


def _printable(name: str) -> str:
    """A client's field name as it may stand in a header."""
    return name if name.isascii() and name.isidentifier() else "an unknown field"
