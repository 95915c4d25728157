"""Clusters by rank: the variant of Avengers-Pro that its authors released, for comparison.

Accuracy and cost are normalised within the cluster and weighed by alpha; only the ranks that follow are
kept, and those of the nearest clusters are summed with softmax weights. Magnitudes are thrown away, so the
published formula (`clusters.py`) is the better thing to use.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from underdog.routing.embeddings import Vectors
from underdog.routing.routers.clusters import clustered, nearest_few
from underdog.routing.seen import Asked, Forecast, Seen
from underdog.statistics.vectors import Floats, Ints


@dataclass(frozen=True)
class RankedClusters:
    """The released settings: 32 clusters, the nearest 3 weighed by softmax(-9 x cosine distance)."""

    number: int = 32
    nearest: int = 3
    beta: float = 9.0
    seed: int = 0

    def fit(self, seen: Seen) -> FittedRankedClusters:
        middle, quality, cost = clustered(seen, self.number, 0.0, self.seed)
        low, high = quality.min(axis=1, keepdims=True), quality.max(axis=1, keepdims=True)
        relative = np.divide(quality - low, high - low, out=np.ones_like(quality), where=high > low)
        dearest = cost.max(axis=1, keepdims=True)
        cheap = 1 - np.divide(cost, dearest, out=np.zeros_like(cost), where=dearest > 0)
        return FittedRankedClusters(middle, relative, cheap, self.nearest, self.beta)


@dataclass(frozen=True, eq=False)
class FittedRankedClusters:
    """Centres, shape (c, d); normalised accuracy and cheapness by cluster, shape (c, k)."""

    middle: Vectors = field(repr=False)
    quality: Floats = field(repr=False)
    cheapness: Floats = field(repr=False)
    nearest: int
    beta: float

    def forecast(self, asked: Asked) -> Forecast:
        near = nearest_few(asked.vectors, self.middle, self.nearest)
        lengths = np.maximum(np.linalg.norm(self.middle, axis=1), 1e-12)
        cosine = np.take_along_axis(asked.vectors @ (self.middle / lengths[:, None]).T, near, axis=1)
        weights = np.exp(self.beta * (cosine - cosine.max(axis=1, keepdims=True)).astype(np.float64))
        return Ranked(self.quality, self.cheapness, near, weights / weights.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Ranked:
    """Which clusters speak for each question, shape (n, p), with which weights."""

    quality: Floats
    cheapness: Floats
    near: Ints
    weights: Floats

    def merits(self, knob: float) -> Floats:
        balance = knob * self.quality + (1 - knob) * self.cheapness
        ranks = (-balance).argsort(axis=1, kind="stable").argsort(axis=1)
        summed: Floats = (self.weights[:, :, None] / (ranks[self.near] + 1.0)).sum(axis=1)
        return summed
