"""Ladder: cheap members answer in turn; after each a fitted score keeps, doubts or hands over.

A cascade of any number of rungs that looks at all answers so far, not at the last one alone. Scores and
thresholds are fitted and certified on recorded outcomes by `routing/planner.py` (docs/cascades.md).
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from underdog.answerer import Answer, Answerer, Ask, Failure, Request, Steps, try_ask
from underdog.errors import StudyError
from underdog.levers.agree import Agree
from underdog.levers.asked import asked_text
from underdog.levers.panel import turn
from underdog.routing.accept import AcceptScore
from underdog.routing.cascades import CascadePolicy
from underdog.routing.experience import Experience
from underdog.routing.planner import CascadePlan
from underdog.routing.signals import Said, proposed, signals


@dataclass(frozen=True)
class Ladder:
    """Members are asked in turn, the cheapest first, and `otherwise` where none of their answers is kept.

    After the j-th answer `scores[j]` weighs what all of them said. From `accept[j]` on, the most frequent
    answer stands (ties: the member named first in `trust`) with the score as its confidence; below `defer[j]`
    `otherwise` is asked at once; in between the next member is. A failed member is as good as one that could
    not be read. A study fits scores and thresholds on what the members did; without them all have to agree.

    Raises:
        StudyError: scores, thresholds or trust are not one a member.
    """

    members: tuple[Answerer, ...]
    otherwise: Answerer
    scores: tuple[AcceptScore, ...] = ()
    trust: tuple[int, ...] = ()
    accept: tuple[float, ...] = ()
    defer: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        fitted = (self.scores, self.trust, self.accept, self.defer)
        if any(fitted) and {len(part) for part in fitted} != {len(self.members)}:
            raise StudyError(
                f"ladder: {len(self.members)} members need as many scores, trust, accept and defer; got "
                f"{', '.join(str(len(part)) for part in fitted)}: take them from one fitted policy"
            )
        if sorted(self.trust) != list(range(len(self.trust))):
            raise StudyError(f"ladder: trust must name every member's place once; got {self.trust}")

    @property
    def unfitted(self) -> bool:
        """Whether it has no scores yet."""
        return not self.scores

    @property
    def pool(self) -> tuple[Answerer, ...]:
        """Whose outcomes scores and thresholds are fitted on."""
        return (*self.members, self.otherwise)

    def fit_on(self, experience: Experience) -> Ladder:
        """The cascade that should be certified: the members worth asking, in the order that costs least.

        Raises:
            Declined: none should be built.
        """
        plan = experience.cascade
        named = dict(zip(experience.table.answerers, self.pool, strict=True))
        return laddered(plan.policies[plan.aimed], named)

    def at(self, plan: CascadePlan) -> list[Ladder]:
        """This lever at every policy of the plan that it was fitted by, from the safest to the boldest."""
        return [replace(self, accept=one.accept, defer=one.defer) for one in plan.policies]

    def steps(self, request: Request) -> Steps:
        if not self.scores:
            return (yield from Agree(self.members, self.otherwise).steps(request))
        answers: list[Answer | None] = []
        question = asked_text(request)
        for place, (score, accept, defer) in enumerate(
            zip(self.scores, self.accept, self.defer, strict=True)
        ):
            answers.append((yield from self._asked(place, request)))
            kept, value = standing(question, answers, self.trust, score)
            if kept is not None and value >= accept:
                return replace(kept, confidence=value)
            if value < defer:
                break
        return Ask(self.otherwise, request)

    def _asked(self, place: int, request: Request) -> Generator[Ask, Any, Answer | None]:
        result = yield from try_ask(self.members[place], turn(self.members, place, request))
        return result if isinstance(result, Answer) else None


def standing(
    question: str, answers: list[Answer | None], trust: tuple[int, ...], score: AcceptScore
) -> tuple[Answer | None, float]:
    """The answer that stands after these, and its score; (None, -1) when nothing could be read."""
    chosen = proposed([answer.final if answer else None for answer in answers], trust)
    if chosen is None:
        return None, -1.0
    said = {place: said_by(answer) for place, answer in enumerate(answers)}
    return answers[chosen], score.value(signals(question, said, chosen))


def said_by(answer: Answer | Failure | None) -> Said:
    """What a score sees of an answer, or of none; tokens are unknown where nobody counted them."""
    if not isinstance(answer, Answer):
        return Said(None)
    return Said(answer.final, answer.spend.tokens_out or None, answer.confidence)


def laddered(policy: CascadePolicy, members: Mapping[str, Answerer]) -> Ladder:
    """A policy as a lever, its names looked up in `members`.

    Raises:
        StudyError: a name is missing.
    """
    missing = [name for name in (*policy.members, policy.large) if name not in members]
    if missing:
        raise StudyError(
            f"ladder: the cascade asks {missing[0]!r}, which is not among the members given "
            f"({', '.join(members) or 'none'})"
        )
    return Ladder(
        members=tuple(members[name] for name in policy.members),
        otherwise=members[policy.large],
        scores=policy.scores,
        trust=policy.trust,
        accept=policy.accept,
        defer=policy.defer,
    )
