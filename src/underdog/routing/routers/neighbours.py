"""Guarded kNN: leave the default only where the neighbours' paired lower bound says that another is better.

Plain kNN matches or beats learned routers (arXiv 2505.12601); the guard keeps it from moving on noise. With
`doubt` 0 it is plain kNN.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from underdog.routing.embeddings import Vectors
from underdog.routing.seen import Asked, Forecast, Seen
from underdog.statistics.vectors import Floats, Ints

REMEMBERED = 5_000
"""As many rows are kept as one decision can look at in well under a millisecond."""
CHUNK = 1_024
"""So many questions are compared with them at once."""


@dataclass(frozen=True)
class Neighbours:
    """The `number` nearest questions; `doubt` standard errors come off every advantage over the default."""

    number: int = 40
    doubt: float = 0.5

    def fit(self, seen: Seen) -> FittedNeighbours:
        kept = seen.thinned(REMEMBERED)
        vectors = np.ascontiguousarray(kept.asked.vectors)
        return FittedNeighbours(vectors, kept.scores, kept.costs, seen.default, self.number, self.doubt)


@dataclass(frozen=True, eq=False)
class FittedNeighbours:
    """The questions that are remembered, shape (m, d), with their scores and relative costs, shape (m, k)."""

    vectors: Vectors = field(repr=False)
    scores: Floats = field(repr=False)
    costs: Floats = field(repr=False)
    default: int
    number: int
    doubt: float

    def forecast(self, asked: Asked) -> Forecast:
        parts = [
            self._moments(nearest_rows(asked.vectors[start : start + CHUNK], self.vectors, self.number))
            for start in range(0, max(len(asked), 1), CHUNK)
        ]
        joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
        return Advantage(self.doubt, *joined)

    def _moments(self, near: Ints) -> tuple[Floats, ...]:
        """Of the advantages over the default: means, second moments and counts, each of shape (n, k)."""
        gain = self.scores[near] - self.scores[near, self.default][:, :, None]
        extra = self.costs[near] - self.costs[near, self.default][:, :, None]
        known = ~np.isnan(gain)
        gain = np.where(known, gain, 0.0)
        extra = np.where(known, extra, 0.0)
        n = np.maximum(known.sum(axis=1), 1)
        means = (gain.sum(axis=1) / n, extra.sum(axis=1) / n)
        squares = ((gain**2).sum(axis=1) / n, (extra**2).sum(axis=1) / n, (gain * extra).sum(axis=1) / n)
        return (*means, *squares, known.sum(axis=1).astype(np.float64))


@dataclass(frozen=True, eq=False)
class Advantage:
    """Paired advantages over the default among the neighbours, each of shape (n, k)."""

    doubt: float
    gain: Floats
    extra: Floats
    gain2: Floats
    extra2: Floats
    product: Floats
    n: Floats

    def merits(self, knob: float) -> Floats:
        rest = 1 - knob
        mean = knob * self.gain - rest * self.extra
        square = knob**2 * self.gain2 - 2 * knob * rest * self.product + rest**2 * self.extra2
        error = np.sqrt(np.maximum(square - mean**2, 0.0) / np.maximum(self.n - 1, 1.0))
        bound: Floats = np.where(self.n > 1, mean - self.doubt * error, -np.inf)
        return bound


def nearest_rows(vectors: Vectors, known: Vectors, number: int) -> Ints:
    """The places of the nearest known rows by inner product, shape (n, min(number, m)), in no order."""
    number = min(number, len(known))
    near = vectors @ known.T
    return np.argpartition(-near, number - 1, axis=1)[:, :number].astype(np.int64)
