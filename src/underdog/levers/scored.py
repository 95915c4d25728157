"""Scored: an answer with a learned confidence, from what can be seen of it and of who agrees.

The signal to put a threshold on where a model's own word and its log-probabilities are poor ones: Cascade and
Abstain read it. Fitted by `routing/accept.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from underdog.answerer import Answer, Answerer, Ask, Request, Steps, ask_all
from underdog.levers.asked import asked_text
from underdog.levers.ladder import standing
from underdog.levers.panel import turn
from underdog.levers.vote import plurality
from underdog.routing.accept import AcceptScore
from underdog.routing.experience import Experience


@dataclass(frozen=True)
class Scored:
    """All members answer; the most frequent answer stands, with the score's value as its confidence.

    Ties go to the member named first. Members that failed or could not be read agree with nobody; when every
    member failed, the first failure is the result. A study fits the score on what the members did; without
    one, or when nothing could be read, the confidence is None: a cascade hands over.
    """

    members: tuple[Answerer, ...]
    score: AcceptScore | None = None

    @property
    def unfitted(self) -> bool:
        """Whether it has no score yet."""
        return self.score is None

    @property
    def pool(self) -> tuple[Answerer, ...]:
        """Whose outcomes the score is fitted on."""
        return self.members

    def fit_on(self, experience: Experience) -> Scored:
        """The lever with a score of how likely its answer is right.

        Raises:
            Declined: the members failed on nearly all of the experience.
        """
        return replace(self, score=experience.score)

    def steps(self, request: Request) -> Steps:
        asked = [Ask(member, turn(self.members, i, request)) for i, member in enumerate(self.members)]
        results = yield from ask_all(asked)
        winner = replace(plurality(results), confidence=None)
        if self.score is None or winner.final is None:
            return winner
        answers = [result if isinstance(result, Answer) else None for result in results]
        kept, value = standing(asked_text(request), answers, tuple(range(len(answers))), self.score)
        return winner if kept is None else replace(kept, confidence=value)
