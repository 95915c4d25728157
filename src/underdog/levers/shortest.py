"""Shortest: of n draws the m shortest vote (short-m@k, arXiv 2505.17813).

Reasoning models that go on for long are more often wrong. A lever sees whole answers, so all n are paid for:
the published saving needs a server that ends the others once m are done.
"""

from __future__ import annotations

from dataclasses import dataclass

from underdog.answerer import Answer, Answerer, Ask, Request, Steps, ask_all
from underdog.errors import StudyError
from underdog.levers.best_of import candidates
from underdog.levers.vote import plurality


@dataclass(frozen=True)
class Shortest:
    """The plurality of the `m` draws of `n` that wrote the fewest tokens; `confidence` is its share of them.

    Draws that could not be read do not count among the m. Where tokens are not reported for every draw,
    characters are counted. A failed draw does not throw the others away; when every draw failed, the first
    failure is the result.

    Raises:
        StudyError: `m` is below 1 or above `n`.
    """

    inner: Answerer
    n: int = 8
    m: int = 3
    temperature: float | None = 0.7

    def __post_init__(self) -> None:
        if not 1 <= self.m <= self.n:
            raise StudyError(f"shortest: m must lie between 1 and n = {self.n}; got {self.m}")

    def steps(self, request: Request) -> Steps:
        if self.temperature is not None:
            request = request.sampled(temperature=self.temperature)
        results = yield from ask_all([Ask(self.inner, request.drawn(i)) for i in range(self.n)])
        pool = candidates(results)
        counted = all(answer.spend.tokens_out for answer in pool)

        def length(answer: Answer) -> int:
            return answer.spend.tokens_out if counted else len(answer.text)

        return plurality(sorted(pool, key=length)[: self.m])
