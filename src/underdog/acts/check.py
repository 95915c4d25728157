"""The act `check`: a program of the user's judges an answer. Where it runs is `code.py`'s."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from underdog.acts.code import Code
from underdog.answerer import Failure, Message
from underdog.levers.program import Program


class Checker:
    """Judges answers with programs in the processes of `code`."""

    def __init__(self, code: Code) -> None:
        self._code = code

    async def check(
        self, program: str, digest: str, messages: Sequence[Message], text: str, final: str | None
    ) -> Any:
        """The verdict as `{"score": number in [0, 1], "message": text or None}`, or a Failure.

        The function is called with those of `messages` (the conversation before the answer), `text` (the
        answer as it came) and `final` (what was read out of it, or None) that its signature names. It
        returns a number in [0, 1], a truth value, or one of them and a message.
        """
        offered = {"messages": list(messages), "text": text, "final": final}
        value = await self._code.run("given", Program(program, digest), offered)
        return value if isinstance(value, Failure) else verdict_of(value, program)


def verdict_of(value: Any, program: str) -> dict[str, Any] | Failure:
    """What a checker returned, as a verdict; anything else than it may return is its failure."""
    score, message = value if isinstance(value, list) and len(value) == 2 else (value, None)
    if not isinstance(score, int | float) or not 0 <= score <= 1 or not isinstance(message, str | None):
        allowed = "a number from 0 to 1, a truth value, or one of them and a message"
        return Failure("act_failed", f"{program} must return {allowed}; it returned {value!r:.80}")
    return {"score": float(score), "message": message}
