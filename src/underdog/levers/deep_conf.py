"""DeepConf: how sure a model was in the weakest stretch of its reasoning (arXiv 2508.15260), as a confidence.

For the paper's offline vote put it into BestOf(by="sum", keep=…). Its online form aborts a draw in the middle
of its text; a lever sees whole answers, so here a vote can stop between draws only (BestOf's `batch`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import log
from typing import Literal

from underdog.answerer import Answerer, Ask, Request, Steps, TokenLogprob
from underdog.errors import StudyError

_BOTTOM = 10
"""`bottom` is the mean over the lowest tenth of the groups."""


@dataclass(frozen=True)
class DeepConf:
    """`inner`'s answer with the confidence of its least confident `window` tokens.

    A token's confidence is the negative mean of the `top` best log-probabilities at its place, and a group's
    the mean over `window` tokens in a row. `lowest` takes the lowest group, `bottom` the mean of the lowest
    tenth of the groups, `tail` the last group. In nats this has no upper end, so it is told as its excess
    over a uniform choice among `top`: 1 - ln(top) / confidence, in the same order. Tokens without
    alternatives are left out; None where none has any.

    Raises:
        StudyError: `window` is below 1 or `top` below 2.
    """

    inner: Answerer
    by: Literal["lowest", "bottom", "tail"] = "lowest"
    window: int = 2048
    top: int = 20

    def __post_init__(self) -> None:
        if self.window < 1 or self.top < 2:
            raise StudyError(
                f"deepconf: window must be at least 1 and top at least 2; got {self.window} and {self.top}"
            )

    def steps(self, request: Request) -> Steps:
        asked = request.sampled(logprobs=True, top_logprobs=self.top)
        return Ask(
            self.inner, asked, then=lambda answer: replace(answer, confidence=self.value(answer.logprobs))
        )
        yield  # a generator without a step of its own: it only hands over

    def value(self, logprobs: Sequence[TokenLogprob] | None) -> float | None:
        """The confidence in [0, 1] of an answer's tokens; None without their alternatives."""
        tops = [token.top for token in logprobs or () if len(token.top) > 1]
        if not tops:
            return None
        each = [-sum(logprob for _, logprob in top) / len(top) for top in tops]
        uniform = sum(log(len(top)) for top in tops) / len(tops)
        return max(0.0, 1 - uniform / self._pooled(each))

    def _pooled(self, each: Sequence[float]) -> float:
        """One confidence in nats, out of the tokens'."""
        size = min(self.window, len(each))
        sums = [0.0, *accumulate(each)]
        groups = [(sums[end] - sums[end - size]) / size for end in range(size, len(sums))]
        if self.by == "tail":
            return groups[-1]
        lowest = sorted(groups)[: max(1, len(groups) // _BOTTOM) if self.by == "bottom" else 1]
        return sum(lowest) / len(lowest)
