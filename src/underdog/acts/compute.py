"""The act `compute`: a program of the user's answers a conversation. Where it runs is `code.py`'s."""

from __future__ import annotations

from collections.abc import Sequence

from underdog.acts.code import Code
from underdog.answerer import Failure, Message, canonical
from underdog.levers.program import Program


class Computer:
    """Answers with programs in the processes of `code`."""

    def __init__(self, code: Code) -> None:
        self._code = code

    async def compute(self, program: str, digest: str, messages: Sequence[Message]) -> str | Failure | None:
        """The function's value as text (JSON where it is none), or None.

        The function is called with those of `messages` (the conversation) and `text` (the last user message's
        text) that its signature names.
        """
        said = [one.get("content") for one in messages if one.get("role") == "user"]
        text = said[-1] if said and isinstance(said[-1], str) else ""
        offered = {"messages": list(messages), "text": text}
        value = await self._code.run("given", Program(program, digest), offered)
        if value is None or isinstance(value, str | Failure):
            return value
        return canonical(value).decode()
