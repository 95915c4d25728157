"""Vote: ask n times, answer with the most frequent final answer (self-consistency, arXiv 2203.11171)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from underdog.answerer import Answer, Answerer, Ask, Failure, Request, Steps, ask_all
from underdog.errors import AskFailed, ContractError


@dataclass(frozen=True)
class Vote:
    """The plurality of `n` independent draws; `confidence` is the winner's share of all n.

    Draws that could not be read have no vote but count in n. Ties go to the answer drawn first. With
    `temperature` None the request's own sampling stands (a greedy model then agrees with itself). A failed
    draw does not throw the others away; when every draw failed, the first failure is the result.
    """

    inner: Answerer
    n: int = 5
    temperature: float | None = 0.7

    def steps(self, request: Request) -> Steps:
        if self.temperature is not None:
            request = request.sampled(temperature=self.temperature)
        results = yield from ask_all([Ask(self.inner, request.drawn(i)) for i in range(self.n)])
        return plurality(results)


def plurality(results: Sequence[Answer | Failure]) -> Answer:
    """The first answer that carries the most frequent final, with its share of all as confidence.

    Raises:
        AskFailed: every result is a Failure.
        ContractError: there are no results.
    """
    if not results:
        raise ContractError("a vote needs at least one draw or member")
    answers = [result for result in results if isinstance(result, Answer)]
    if not answers:
        failure = results[0]
        assert isinstance(failure, Failure)
        raise AskFailed(failure)
    counts = Counter(answer.final for answer in answers if answer.final is not None)
    if not counts:
        return replace(answers[0], confidence=0.0)
    final = max(counts, key=counts.__getitem__)
    winner = next(answer for answer in answers if answer.final == final)
    return replace(winner, confidence=counts[final] / len(results))
