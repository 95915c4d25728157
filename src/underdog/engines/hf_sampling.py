"""From logits to tokens for a batch whose rows ask for different things. Imports torch: imported late.

Each row draws from its own stream of uniforms, one a token, by inverting its cumulative distribution: what a
row draws does not depend on its neighbours, and a batch needs one uniform a row and not one a vocabulary
entry, as Gumbel noise would. Python's generator is used because its stream is the same on every version and
device. Log-probabilities are those of the model, before temperature and top-p.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from underdog.answerer import Sampling

_COLDEST = 1e-5  # a lower temperature would overflow float32; it is greedy already
_STEP = 2.0**-23  # uniforms are multiples of this, so that u x total < total in float32


@dataclass(frozen=True, slots=True)
class Chosen:
    """One token a row; `logprobs` in nats, `top` the best (token, logprob) pairs. None when nobody asked."""

    tokens: list[int]
    logprobs: list[float] | None = None
    top: list[list[tuple[int, float]]] | None = None


class Chooser:
    """Chooses for a fixed set of rows; a new one is made when the set changes."""

    def __init__(
        self, settings: Sequence[Sampling], streams: Sequence[random.Random], device: torch.device
    ) -> None:
        self._streams = streams
        self._drawn = [s.temperature > 0 for s in settings]
        self._logprobs = any(s.logprobs or s.top_logprobs for s in settings)
        self._top = max((s.top_logprobs for s in settings), default=0)
        self._temperature = torch.tensor(
            [[max(s.temperature, _COLDEST) if s.temperature > 0 else 1.0] for s in settings], device=device
        )
        self._sampled = torch.tensor(self._drawn, device=device)
        nucleus = any(drawn and s.top_p < 1 for drawn, s in zip(self._drawn, settings, strict=True))
        self._top_p = torch.tensor([[s.top_p] for s in settings], device=device) if nucleus else None

    def choose(self, logits: torch.Tensor) -> Chosen:
        """Logits of shape (rows, vocabulary) to one token a row."""
        scores = logits.float()
        tokens = scores.argmax(-1)
        if any(self._drawn):
            tokens = torch.where(self._sampled, self._draw(scores), tokens)
        ids: list[int] = tokens.tolist()
        if not self._logprobs:
            return Chosen(ids)
        # log-softmax of the few entries that are asked for, without writing out the whole vocabulary.
        total = scores.logsumexp(-1, keepdim=True)
        chosen = (scores.gather(-1, tokens[:, None]) - total)[:, 0].tolist()
        if not self._top:
            return Chosen(ids, chosen)
        best, index = scores.topk(min(self._top, scores.shape[-1]), dim=-1)
        pairs = zip(index.tolist(), (best - total).tolist(), strict=True)
        return Chosen(ids, chosen, [list(zip(i, p, strict=True)) for i, p in pairs])

    def _draw(self, scores: torch.Tensor) -> torch.Tensor:
        uniforms = [
            [int(stream.random() / _STEP) * _STEP if drawn else 0.0]
            for stream, drawn in zip(self._streams, self._drawn, strict=True)
        ]
        points = torch.tensor(uniforms, device=scores.device)
        probabilities = (scores / self._temperature).softmax(-1)
        if self._top_p is None:
            return _invert(probabilities, points)
        ordered, index = probabilities.sort(dim=-1, descending=True, stable=True)
        ahead = ordered.cumsum(-1) - ordered
        ordered = ordered.masked_fill(ahead >= self._top_p, 0.0)
        ordered[:, 0] = ordered[:, 0].clamp_min(_STEP)  # top_p of 0 keeps the best token
        return index.gather(-1, _invert(ordered, points)[:, None])[:, 0]


def _invert(weights: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """The first entry whose cumulative weight exceeds the point: never one of weight zero."""
    cumulative = weights.cumsum(-1)
    return torch.searchsorted(cumulative, points * cumulative[:, -1:], right=True)[:, 0]
