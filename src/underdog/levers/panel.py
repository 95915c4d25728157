"""Panel: several different answerers are asked once each; the most frequent final answer wins."""

from __future__ import annotations

from dataclasses import dataclass

from underdog.answerer import Answerer, Ask, Request, Steps, ask_all
from underdog.levers.vote import plurality


@dataclass(frozen=True)
class Panel:
    """The plurality over `members`; `confidence` is the winner's share of all of them.

    Put the strongest member first: ties go to the answer of the member named first. Members are asked at the
    same time, so all of them are paid for; Agree asks in turn and stops early. Failed and unread members have
    no vote but count; when every member failed, the first failure is the result.
    """

    members: tuple[Answerer, ...]

    def steps(self, request: Request) -> Steps:
        asked = [Ask(member, turn(self.members, i, request)) for i, member in enumerate(self.members)]
        results = yield from ask_all(asked)
        return plurality(results)


def turn(members: tuple[Answerer, ...], index: int, request: Request) -> Request:
    """The request for a member: one that was named before must answer anew, not agree with itself."""
    before = members[:index].count(members[index])
    return request.drawn(before) if before else request
