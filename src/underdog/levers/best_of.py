"""BestOf: ask n times and keep the answer that a verifier likes best, or the one with most of its weight.

Best-of-n and weighted voting as in Snell et al. (arXiv 2408.03314) and Cobbe et al. (arXiv 2110.14168). What
scores the steps of a solution pools them itself, so a verdict here is one number a candidate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from math import ceil, fsum
from typing import Any, Literal

from underdog.answerer import Answer, Answerer, Ask, Failure, Request, Steps, ask_all, canonical
from underdog.errors import StudyError
from underdog.levers.candidate import said, shown, worded
from underdog.levers.vote import answered, batches, plurality

Verdicts = dict[bytes, float | None]
"""What a verifier said, by the candidate's message: the same words are verified once."""


@dataclass(frozen=True)
class BestOf:
    """The best of at most `n` draws, as `verifier` sees them; without one, by the draws' own confidence.

    `by="max"` keeps the draw with the highest verdict, which becomes its confidence; ties go to the more
    frequent final answer, then to the draw made first. `by="sum"` adds the verdicts of draws with equal
    final answers and keeps the heaviest; confidence is its share of the weight, and draws without a candidate
    (failed or unread) weigh as much as the average. Of its draws it shows the one with the highest verdict.
    `keep` lets only that share of the draws, those with the highest verdicts, into a sum.

    With `batch`, that many are drawn at a time, and no more once the confidence is at least `enough`: for an
    exact checker, once a draw has passed.

    Draws that could not be read are not verified and come last; when none could be read, all are candidates.
    A verifier that fails, or whose verdict is not a number in [0, 1], leaves that candidate unverified,
    behind every verified one; when all are unverified the plain plurality stands. A failed draw does not
    throw the others away; when every draw failed, the first failure is the result.

    Raises:
        StudyError: a setting is out of range, or one that its companion gives no meaning.
    """

    inner: Answerer
    n: int = 8
    verifier: Answerer | None = None
    by: Literal["max", "sum"] = "max"
    temperature: float | None = 0.7
    keep: float = 1.0
    batch: int | None = None
    enough: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1 or (self.keep < 1 and self.by == "max"):
            raise StudyError(
                f"bestof: keep must lie in (0, 1] and chooses who is in a sum; got {self.keep:g} with by: "
                f"{self.by}: say by: sum"
            )
        if self.batch is not None and self.batch < 1:
            raise StudyError(f"bestof: batch must be at least 1; got {self.batch}")
        if not 0 < self.enough <= 1 or (self.enough < 1 and self.batch is None):
            raise StudyError(
                f"bestof: enough must lie in (0, 1] and ends draws made in batches; got {self.enough:g} with "
                f"batch {self.batch}: give how many draws to ask at a time"
            )

    def steps(self, request: Request) -> Steps:
        sampled = request if self.temperature is None else request.sampled(temperature=self.temperature)
        results: list[Answer | Failure] = []
        known: Verdicts = {}
        best: Answer | None = None
        for draws in batches(self.n, self.batch):
            results += yield from ask_all([Ask(self.inner, sampled.drawn(i)) for i in draws])
            if any(isinstance(result, Answer) for result in results):
                verdicts = yield from verified(self.verifier, request, candidates(results), known)
                best = chosen(results, verdicts, self.by, self.keep)
                if any(verdict is not None for verdict in verdicts) and (best.confidence or 0) >= self.enough:
                    break
        return best or plurality(results)


def candidates(results: Sequence[Answer | Failure]) -> list[Answer]:
    """What can be chosen: the answers that could be read, or all of them when none could.

    Raises:
        AskFailed: every result is a Failure.
    """
    answers = answered(results)
    return [answer for answer in answers if answer.final is not None] or answers


def verified(
    verifier: Answerer | None, request: Request, answers: Sequence[Answer], known: Verdicts
) -> Generator[Any, Any, list[float | None]]:
    """One verdict a candidate, None where there is none; `known` holds those had before and takes the new."""
    if verifier is None:
        return [_verdict(answer) for answer in answers]
    keys = [canonical(worded(said(answer))) for answer in answers]  # ids of tool calls differ by chance
    fresh = {key: answer for key, answer in zip(keys, answers, strict=True) if key not in known}
    if fresh:
        replies = yield from ask_all([Ask(verifier, shown(request, answer)) for answer in fresh.values()])
        known.update(zip(fresh, map(_verdict, replies), strict=True))
    return [known[key] for key in keys]


def chosen(
    results: Sequence[Answer | Failure],
    verdicts: Sequence[float | None],
    by: Literal["max", "sum"],
    keep: float = 1.0,
) -> Answer:
    """The best of `results`; `verdicts` are those of their `candidates`, in the same order."""
    pool = [
        _Candidate(answer, -1.0 if verdict is None else verdict)
        for answer, verdict in zip(candidates(results), verdicts, strict=True)
    ]
    judged = sorted((one for one in pool if one.verdict >= 0), key=lambda one: -one.verdict)
    if not judged:
        return plurality(results)
    counts = Counter(one.vote for one in pool)
    if by == "max":
        best = max(judged, key=lambda one: (one.verdict, counts[one.vote]))
        return replace(best.answer, confidence=best.verdict)
    voting = judged[: ceil(keep * len(judged) - 1e-9)]
    backed = dict.fromkeys(one.vote for one in pool if one.verdict >= 0)
    weights = {vote: fsum(one.verdict for one in voting if one.vote == vote) for vote in backed}
    heaviest = max(weights, key=lambda vote: (weights[vote], counts[vote]))
    best = next(one for one in judged if one.vote == heaviest)
    total = fsum(weights.values())
    share = weights[heaviest] / total * len(pool) / len(results) if total else 0.0
    return replace(best.answer, confidence=share)


@dataclass(frozen=True)
class _Candidate:
    """An answer with its verdict, -1 where there is none."""

    answer: Answer
    verdict: float

    @property
    def vote(self) -> str:
        """What it votes for: the final answer, or the text where none could be read."""
        return self.answer.text if self.answer.final is None else self.answer.final


def _verdict(reply: Answer | Failure) -> float | None:
    """A confidence in [0, 1]; None for a failure, NaN and what is out of range."""
    value = reply.confidence if isinstance(reply, Answer) else None
    return value if value is not None and 0 <= value <= 1 else None
