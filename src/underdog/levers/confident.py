"""Confident: put a number in [0, 1] on an answer, from its log-probabilities or from the model's own word.

Sources: length-normalised sequence probability and the weakest token (arXiv 2404.10136 shows the bias of
the plain product towards short answers); verbalised confidence (Tian et al., arXiv 2305.14975). Such numbers
are signals to put a fitted threshold on, not probabilities.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from underdog.answerer import Answerer, Ask, Request, Steps, TokenLogprob, ask

_QUESTION = (
    "How likely is it that the answer you just gave is correct? "
    "Reply with one whole number from 0 to 100 and nothing else."
)
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*%?")


@dataclass(frozen=True)
class Confident:
    """`inner`'s answer with a confidence.

    `mean_logprob`: the geometric mean probability of its tokens. `min_logprob`: its weakest token's
    probability. `verbalised`: one more greedy call asks `inner` itself, so a Prompt belongs around this
    lever, not inside it. A signal that is missing (a server without log-probabilities, a reply that is no
    number) leaves the confidence None: a cascade hands over.
    """

    inner: Answerer
    by: Literal["mean_logprob", "min_logprob", "verbalised"] = "mean_logprob"

    def steps(self, request: Request) -> Steps:
        if self.by != "verbalised":
            request = request.sampled(logprobs=True)
            by = self.by
            return Ask(
                self.inner,
                request,
                then=lambda answer: replace(answer, confidence=sureness(answer.logprobs, by)),
            )
        answer = yield from ask(self.inner, request)
        said = [*request.messages, {"role": "assistant", "content": answer.text}]
        asked = request.fresh([*said, {"role": "user", "content": _QUESTION}], max_tokens=16)
        reply = yield from ask(self.inner, asked)
        return replace(answer, confidence=stated(reply.text))


def sureness(logprobs: Sequence[TokenLogprob] | None, by: str) -> float | None:
    """Geometric mean or smallest token probability; None without log-probabilities."""
    values = [token.logprob for token in logprobs or ()]
    if not values:
        return None
    pooled = sum(values) / len(values) if by == "mean_logprob" else min(values)
    return math.exp(min(0.0, pooled))


def stated(text: str) -> float | None:
    """The first number of a reply as a share of 100; None when there is none or it is out of range."""
    match = _NUMBER.search(text)
    if match is None:
        return None
    value = float(match.group(1)) / 100
    return value if 0 <= value <= 1 else None
