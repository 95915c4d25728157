"""From logits to tokens for a batch whose rows ask for different things. Imports torch: imported late.

Each row draws from its own stream of uniforms, one a token, by inverting its cumulative distribution: what a
row draws does not depend on its neighbours, and a batch needs one uniform a row and not one a vocabulary
entry, as Gumbel noise would. Python's generator is used because its stream is the same on every version and
device. Log-probabilities are those of the model, before temperature, top-p and what a grammar forbids.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
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

    def choose(self, logits: torch.Tensor, allowed: Mapping[int, bytes] | None = None) -> Chosen:
        """Logits of shape (rows, vocabulary) to one token a row.

        `allowed` holds, for rows that may not write everything, one bit a token, the lowest first; the logits
        of these rows are changed in place.
        """
        scores = logits.float()
        # log-softmax of the few entries that are asked for, without writing out the whole vocabulary.
        total = scores.logsumexp(-1, keepdim=True) if self._logprobs else None
        best = scores.topk(min(self._top, scores.shape[-1]), dim=-1) if self._top else None
        if allowed:
            _forbid(scores, allowed)
        tokens = scores.argmax(-1)
        if any(self._drawn):
            tokens = torch.where(self._sampled, self._draw(scores), tokens)
        ids: list[int] = tokens.tolist()
        if total is None:
            return Chosen(ids)
        chosen = (scores.gather(-1, tokens[:, None]) - total)[:, 0].tolist()
        if best is None:
            return Chosen(ids, chosen)
        pairs = zip(best.indices.tolist(), (best.values - total).tolist(), strict=True)
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


def _forbid(scores: torch.Tensor, allowed: Mapping[int, bytes]) -> None:
    """Set what these rows may not choose to minus infinity. The bits travel packed to the device."""
    packed = torch.frombuffer(bytearray(b"".join(allowed.values())), dtype=torch.uint8)
    packed = packed.view(len(allowed), -1, 1).to(scores.device)
    bits = packed.bitwise_right_shift(torch.arange(8, dtype=torch.uint8, device=scores.device)).bitwise_and(1)
    forbidden = bits.flatten(1)[:, : scores.shape[-1]] == 0
    rows = torch.tensor(list(allowed), device=scores.device)
    scores[rows] = scores[rows].masked_fill(forbidden, -torch.inf)
