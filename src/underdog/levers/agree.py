"""Agree: cheap members answer in turn; where they do not agree, the large model is asked.

Agreement of several small models is the strong deferral signal (Yue et al., arXiv 2310.03094; Chen et al.,
FrugalGPT, arXiv 2305.05176). Members are asked one after another, so that a member is paid for only while
agreement is still possible and not yet reached.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from underdog.answerer import Answer, Answerer, Ask, Request, Steps, try_ask
from underdog.levers.panel import turn


@dataclass(frozen=True)
class Agree:
    """The answer that `need` of the members share (None: all of them), or else the answer of `otherwise`.

    Unread answers and failures agree with nobody. `confidence` is the share of the asked members that gave
    the accepted answer; a handed-over answer keeps its own.
    """

    members: tuple[Answerer, ...]
    otherwise: Answerer
    need: int | None = None

    def steps(self, request: Request) -> Steps:
        need = len(self.members) if self.need is None else self.need
        counts: dict[str, int] = {}
        first: dict[str, Answer] = {}
        for asked, member in enumerate(self.members, start=1):
            result = yield from try_ask(member, turn(self.members, asked - 1, request))
            if isinstance(result, Answer) and result.final is not None:
                first.setdefault(result.final, result)
                counts[result.final] = counts.get(result.final, 0) + 1
                if counts[result.final] >= need:
                    return replace(first[result.final], confidence=counts[result.final] / asked)
            left = len(self.members) - asked
            if max(counts.values(), default=0) + left < need:
                break
        return Ask(self.otherwise, request)
