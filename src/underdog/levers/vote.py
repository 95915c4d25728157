"""Vote: ask n times, answer with the most frequent final answer (self-consistency, arXiv 2203.11171).

Asked in batches it stops early: by the odds that the leader leads (Adaptive-Consistency, arXiv 2305.11860),
or at a batch of one mind (ESC, arXiv 2401.10480). Votes with weights are BestOf's, by="sum".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import comb

from underdog.answerer import Answer, Answerer, Ask, Failure, Request, Steps, ask_all
from underdog.errors import AskFailed, ContractError, StudyError


@dataclass(frozen=True)
class Vote:
    """The plurality of at most `n` independent draws; `confidence` is the winner's share of the draws made.

    Draws that could not be read have no vote but count as made. Ties go to the answer drawn first. With
    `temperature` None the request's own sampling stands (a greedy model then agrees with itself). A failed
    draw does not throw the others away; when every draw failed, the first failure is the result.

    With `batch`, that many are drawn at a time, and no more once those to come could not change the winner.
    Beyond that, `sure` ends the vote when the leader is the true majority over the runner-up with at least
    this probability (1 never is, so the winner is always that of all n); without `sure`, a batch ends it
    whose draws all gave one answer.

    Raises:
        StudyError: `batch` or `sure` is out of range, or `sure` is given without a `batch`.
    """

    inner: Answerer
    n: int = 5
    temperature: float | None = 0.7
    batch: int | None = None
    sure: float | None = None

    def __post_init__(self) -> None:
        if self.batch is not None and self.batch < 1:
            raise StudyError(f"vote: batch must be at least 1; got {self.batch}")
        if self.sure is not None and (self.batch is None or not 0 < self.sure <= 1):
            raise StudyError(
                f"vote: sure must lie in (0, 1] and needs a batch; got sure {self.sure:g}, batch "
                f"{self.batch}: give how many draws to ask at a time"
            )

    def steps(self, request: Request) -> Steps:
        if self.temperature is not None:
            request = request.sampled(temperature=self.temperature)
        results: list[Answer | Failure] = []
        for draws in batches(self.n, self.batch):
            latest = yield from ask_all([Ask(self.inner, request.drawn(i)) for i in draws])
            results += latest
            if self._settled(results, latest):
                break
        return plurality(results)

    def _settled(self, results: Sequence[Answer | Failure], latest: Sequence[Answer | Failure]) -> bool:
        first, second = leading(results)
        if first - second > self.n - len(results):
            return True
        if self.sure is None:
            return leading(latest)[0] == len(latest)
        return doubt(first, second) <= 1 - self.sure


def batches(n: int, size: int | None) -> Iterable[range]:
    """The numbers of n draws, `size` at a time; None is all at once."""
    size = size or max(n, 1)
    return (range(start, min(start + size, n)) for start in range(0, n, size))


def leading(results: Sequence[Answer | Failure]) -> tuple[int, int]:
    """How many gave the most frequent final answer, and how many the second."""
    votes = sorted(_counts(results).values(), reverse=True)
    first, second, *_ = (*votes, 0, 0)
    return first, second


def doubt(first: int, second: int) -> float:
    """The probability that the leader, after `first` to `second` votes, is not the majority of the two.

    The share of the leader among the two has the posterior Beta(first + 1, second + 1) under a uniform prior;
    this is its mass below one half, in closed form (the complement of arXiv 2305.11860's criterion).
    """
    votes = first + second + 1
    ways: int = sum(comb(votes, k) for k in range(second + 1))
    return ways / (1 << votes)


def plurality(results: Sequence[Answer | Failure]) -> Answer:
    """The first answer that carries the most frequent final, with its share of all as confidence.

    Raises:
        AskFailed: every result is a Failure.
        ContractError: there are no results.
    """
    answers = answered(results)
    counts = _counts(answers)
    if not counts:
        return replace(answers[0], confidence=0.0)
    final = max(counts, key=counts.__getitem__)
    winner = next(answer for answer in answers if answer.final == final)
    return replace(winner, confidence=counts[final] / len(results))


def answered(results: Sequence[Answer | Failure]) -> list[Answer]:
    """The results that are answers; there is at least one.

    Raises:
        AskFailed: every result is a Failure.
        ContractError: there are no results.
    """
    if not results:
        raise ContractError("a vote needs at least one draw or member")
    answers = [result for result in results if isinstance(result, Answer)]
    if not answers:
        raise AskFailed(results[0])
    return answers


def _counts(results: Sequence[Answer | Failure]) -> Counter[str]:
    finals = (result.final for result in results if isinstance(result, Answer))
    return Counter(final for final in finals if final is not None)
