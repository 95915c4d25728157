"""Revise: the model sees its last attempts and answers again; the best of all attempts is kept.

Sequential revisions after Snell et al. (arXiv 2408.03314), here with models that were not trained to revise.
Nothing tells the model what is wrong with an attempt: where a checker can, that is Repair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from underdog.answerer import Answer, Answerer, Ask, Failure, Message, Request, Steps, ask_all
from underdog.errors import StudyError
from underdog.levers.best_of import Verdicts, candidates, chosen, verified
from underdog.levers.candidate import said, worded
from underdog.levers.vote import answered


@dataclass(frozen=True)
class Revise:
    """`width` chains of one attempt and `rounds` revisions each; the last `keep` attempts stand in context.

    The choice is made within each chain, then among the chains' winners, as BestOf makes it: by the verdicts
    of `verifier`, or without one by the attempts' own confidence, or without that by plurality. Revising
    also spoils right answers, so the last attempt has no precedence. Chains grow side by side, a batch a
    round; first attempts are the first draws of a vote.

    A failed attempt leaves its chain as it was; when every attempt failed, the first failure is the result.

    Raises:
        StudyError: `rounds`, `width` or `keep` is below 1.
    """

    inner: Answerer
    rounds: int = 3
    width: int = 1
    keep: int = 4
    verifier: Answerer | None = None
    by: Literal["max", "sum"] = "sum"
    temperature: float | None = 0.7
    nudge: str = "That may be wrong. Check it, and give your full answer once more."

    def __post_init__(self) -> None:
        if min(self.rounds, self.width, self.keep) < 1:
            raise StudyError(
                f"revise: rounds, width and keep must be at least 1; got {self.rounds}, {self.width} and "
                f"{self.keep}"
            )

    def steps(self, request: Request) -> Steps:
        sampled = request if self.temperature is None else request.sampled(temperature=self.temperature)
        chains: list[list[Answer | Failure]] = [[] for _ in range(self.width)]
        for turn in range(self.rounds + 1):
            asks = [
                Ask(self.inner, self._next(sampled, chain).drawn(turn * self.width + place))
                for place, chain in enumerate(chains)
            ]
            results = yield from ask_all(asks)
            for chain, result in zip(chains, results, strict=True):
                chain.append(result)
        answered([result for chain in chains for result in chain])
        return (yield from self._best(request, chains))

    def _next(self, request: Request, chain: Sequence[Answer | Failure]) -> Request:
        """The request for a chain's next attempt."""
        attempts = [one for one in chain if isinstance(one, Answer)][-self.keep :]
        again: Message = {"role": "user", "content": self.nudge}
        turns = [message for attempt in attempts for message in (worded(said(attempt)), again)]
        return replace(request, messages=(*request.messages, *turns))

    def _best(self, request: Request, chains: Sequence[Sequence[Answer | Failure]]) -> Steps:
        """Each chain's best, then the best of those; every attempt is verified in one batch."""
        living = [chain for chain in chains if any(isinstance(one, Answer) for one in chain)]
        known: Verdicts = {}
        yield from verified(self.verifier, request, [one for c in living for one in candidates(c)], known)
        winners: list[Answer] = []
        for chain in living:
            verdicts = yield from verified(self.verifier, request, candidates(chain), known)
            winners.append(chosen(chain, verdicts, self.by))
        if len(winners) == 1:
            return winners[0]
        verdicts = yield from verified(self.verifier, request, candidates(winners), known)
        return chosen(winners, verdicts, self.by)
