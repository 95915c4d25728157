"""Abstain: say that there is no answer where the confidence is too low, instead of a doubtful one.

Selective prediction; in a cascade an early abstention also saves what the dearer rungs would have cost (arXiv
2502.09054: error and cost fall together for a few percent of abstentions).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from underdog.answerer import Answerer, Request, Steps, ask


@dataclass(frozen=True)
class Abstain:
    """`inner`'s answer when its confidence reaches the threshold; else `text`, which counts as unread.

    No confidence is no answer. The withheld answer's confidence stays, so that a person can sort what is left
    to them. Where unread answers are asked elsewhere (Fallback, Cascade), abstaining hands over.
    """

    inner: Answerer
    threshold: float = 0.5
    text: str = "I am not sure enough to answer this."

    def steps(self, request: Request) -> Steps:
        answer = yield from ask(self.inner, request)
        if answer.confidence is not None and answer.confidence >= self.threshold:
            return answer
        return replace(
            answer, text=self.text, final=None, tool_calls=(), logprobs=None, refusal=self.text, finish="stop"
        )
