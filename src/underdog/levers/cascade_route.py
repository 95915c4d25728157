"""CascadeRoute: after every answer the member worth asking next, in any order, or the best answer so far.

The live form of `routing/cascade_routing.py` (Dekoninck et al., arXiv 2410.10347). A Ladder keeps one order
and has thresholds that can be certified; this one may skip members, and its one knob is the price of cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from underdog.answerer import Answer, Answerer, Failure, Request, Steps, try_ask
from underdog.errors import AskFailed, StudyError
from underdog.levers.asked import asked_text
from underdog.levers.fallback import Fallback
from underdog.levers.ladder import said_by
from underdog.levers.panel import turn
from underdog.routing.cascade_routing import Choice, Estimates, best_of
from underdog.routing.experience import Experience
from underdog.routing.signals import QUESTION, proposed, question_signals, signals
from underdog.statistics.vectors import Floats


@dataclass(frozen=True)
class CascadeRoute:
    """Members in the order of the estimates' answerers; the answer of the highest estimate is returned.

    `price` is quality, of scores in [0, 1], per unit of the cost that the estimates were fitted on (None: 0).
    The answer's confidence is its estimate. A failed member is as good as one that could not be read; when
    all that were asked failed, the first failure is the result. A study fits the estimates on what the
    members did, and a price that is None so that the score stays near the last member's: put the safest
    there. Without estimates the first member whose answer can be read answers.

    Raises:
        StudyError: there are not as many members as the estimates have answerers.
    """

    members: tuple[Answerer, ...]
    estimates: Estimates | None = None
    price: float | None = None

    def __post_init__(self) -> None:
        if self.estimates is not None and len(self.estimates.answerers) != len(self.members):
            raise StudyError(
                f"cascaderoute: the estimates are about {len(self.estimates.answerers)} answerers "
                f"({', '.join(self.estimates.answerers)}), so the lever needs as many members, in this "
                f"order; got {len(self.members)}"
            )

    @property
    def unfitted(self) -> bool:
        """Whether it has no estimates yet."""
        return self.estimates is None

    @property
    def pool(self) -> tuple[Answerer, ...]:
        """Whose outcomes the estimates are fitted on."""
        return self.members

    def fit_on(self, experience: Experience) -> CascadeRoute:
        """The lever with estimates, and a price where it has none.

        Raises:
            Declined: no price saves anything near the last member, or there are too many members.
        """
        estimates, price = experience.estimates(self.price)
        return replace(self, estimates=estimates, price=price)

    def steps(self, request: Request) -> Steps:
        if self.estimates is None:
            return (yield from Fallback(self.members).steps(request))
        question, asked = asked_text(request), 0
        results: dict[int, Answer | Failure] = {}
        while True:
            qualities = expected(self.estimates, question, results)
            following = int(Choice(self.estimates, asked, self.price or 0.0).following(qualities)[0])
            if following < 0:
                break
            results[following] = yield from try_ask(
                self.members[following], turn(self.members, following, request)
            )
            asked |= 1 << following
        answers = {place: one for place, one in results.items() if isinstance(one, Answer)}
        if not answers:
            raise AskFailed(next(iter(results.values())))
        readable = {place: one for place, one in answers.items() if one.final is not None}
        best = int(best_of(qualities, sum(1 << place for place in readable or answers))[0])
        return replace(answers[best], confidence=float(qualities[0, best]))


def expected(estimates: Estimates, question: str, results: Mapping[int, Answer | Failure]) -> Floats:
    """Every member's expected score after these results, shape (1, members)."""
    asked = sum(1 << place for place in results)
    found: dict[str, float | None] = dict(zip(QUESTION, question_signals(question), strict=True))
    if results:
        places = sorted(results)
        said = {place: said_by(results[place]) for place in places}
        trust = [places.index(place) for place in estimates.trust if place in said]
        chosen = proposed([said[place].final for place in places], trust)
        found = signals(question, said, places[trust[0] if chosen is None else chosen])
    return np.array([[score.value(found) for score in estimates.scores[asked]]])
