"""Reward: a verifier that is a trained reward model, asked about a whole answer or about each of its steps.

Outcome and process reward models as in Snell et al. (arXiv 2408.03314), which score a solution by its last
step; pooling by the weakest step and by the mean is in arXiv 2502.06703. `makers/reward.py` trains one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from underdog.answerer import Answer, Request, Steps, Tool, act
from underdog.levers.candidate import worded

REWARD = Tool("reward")
"""`reward(model, messages, texts, identity)`: a number in [0, 1] for each beginning of an answer."""


@dataclass(frozen=True)
class Reward:
    """A verdict on the last message of a conversation, as the confidence of the Answer.

    Attributes:
        model: a sequence-classification checkpoint with one label: hf/FOLDER or hf/OWNER/ID.
        pool: `last` asks about the whole answer alone; `min` and `mean` about every beginning that ends at
            `delimiter`, which a model trained on whole answers has never seen.
        delimiter: what ends a step.
        identity: the hash of the checkpoint; another one in its place is refused.

    The Answer's text names the weakest step where there is more than one.
    """

    model: str
    pool: Literal["last", "min", "mean"] = "last"
    delimiter: str = "\n"
    identity: str | None = None

    def steps(self, request: Request) -> Steps:
        *before, candidate = request.messages
        text = str(worded(candidate)["content"] or "")
        texts = beginnings(text, self.delimiter) if self.pool != "last" else [text]
        values: list[float] = yield from act(
            REWARD,
            model=self.model,
            messages=before,
            texts=texts,
            identity=self.identity,
        )
        return Answer(weakest(texts, values), confidence=pooled(values, self.pool))


def beginnings(text: str, delimiter: str) -> list[str]:
    """What there is of a text after each of its steps; the last is the whole."""
    found, last, at = [], 0, text.find(delimiter)
    while at >= 0:
        end = at + len(delimiter)
        if text[last:end].strip() and text[end:].strip():
            found.append(text[:end])
            last = end
        at = text.find(delimiter, end)
    return [*found, text]


def pooled(values: Sequence[float], pool: str) -> float:
    """One verdict from those of the steps."""
    if pool == "min":
        return min(values)
    return sum(values) / len(values) if pool == "mean" else values[-1]


def weakest(texts: Sequence[str], values: Sequence[float]) -> str:
    """A sentence on the step with the lowest number; nothing to say of one step."""
    if len(texts) < 2:
        return ""
    at = min(range(len(values)), key=values.__getitem__)
    step = texts[at][len(texts[at - 1]) if at else 0 :].strip()
    return f"step {at + 1} of {len(texts)} looks weakest ({values[at]:.2f}): {step}"
