"""The acts `describe` and `call`: a typed function of the user's as a tool. Where it runs is `code.py`'s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from underdog.acts.code import Code
from underdog.answerer import Failure, canonical
from underdog.levers.program import Program


class Functions:
    """Describes and calls functions in the processes of `code`."""

    def __init__(self, code: Code) -> None:
        self._code = code

    async def describe(self, program: str, digest: str) -> dict[str, Any] | Failure:
        """The function as OpenAI's tools are declared: types and docstring are what the model is told."""
        told = await self._code.run("describe", Program(program, digest), {})
        if isinstance(told, Failure):
            return told
        return {"type": "function", "function": {"name": Program(program, digest).function, **told}}

    async def call(self, program: str, digest: str, arguments: Mapping[str, Any]) -> str | Failure:
        """The function's value as text: a text as it is, anything else as JSON."""
        value = await self._code.run("call", Program(program, digest), arguments)
        return value if isinstance(value, str | Failure) else canonical(value).decode()
