"""Fallback: ask the members in order until one gives an answer that can be read."""

from __future__ import annotations

from dataclasses import dataclass

from underdog.answerer import Answer, Answerer, Ask, Request, Steps, try_ask
from underdog.errors import ContractError
from underdog.levers.panel import turn


@dataclass(frozen=True)
class Fallback:
    """The first member's answer that is readable; it catches failures and unread answers.

    When none is readable the last answer is returned as it came; when all failed, the last failure.
    """

    members: tuple[Answerer, ...]

    def steps(self, request: Request) -> Steps:
        unread: Answer | None = None
        for index, member in enumerate(self.members):
            asked = turn(self.members, index, request)
            if index == len(self.members) - 1 and unread is None:
                return Ask(member, asked)
            result = yield from try_ask(member, asked)
            if isinstance(result, Answer):
                if result.final is not None:
                    return result
                unread = result
        if unread is None:
            raise ContractError("Fallback needs at least one member")
        return unread
