"""Clusters: k-means over the questions, and per cluster what each answerer scores and costs.

Avengers-Pro as published (Zhang et al., arXiv 2508.12631): alpha x accuracy + (1 - alpha) x (1 - cost
normalised within the cluster), summed over the nearest clusters. The knob is its alpha.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from underdog.routing.embeddings import Vectors
from underdog.routing.kmeans import centres, distances, nearest
from underdog.routing.seen import Asked, Expected, Forecast, Seen
from underdog.statistics.vectors import Floats, Ints


@dataclass(frozen=True)
class Clusters:
    """`number` clusters, of which the `nearest` speak; `prior` rows of the overall mean steady each cluster.

    The paper's values are 60, 4 and no prior.
    """

    number: int = 60
    nearest: int = 4
    prior: float = 0.0
    seed: int = 0

    def fit(self, seen: Seen) -> FittedClusters:
        middle, quality, cost = clustered(seen, self.number, self.prior, self.seed)
        dearest = cost.max(axis=1, keepdims=True)
        cost = np.divide(cost, dearest, out=np.zeros_like(cost), where=dearest > 0)
        return FittedClusters(middle, quality, cost, self.nearest)


@dataclass(frozen=True, eq=False)
class FittedClusters:
    """Centres, shape (c, d), and means by cluster and answerer, shape (c, k)."""

    middle: Vectors = field(repr=False)
    quality: Floats = field(repr=False)
    cost: Floats = field(repr=False)
    nearest: int

    def forecast(self, asked: Asked) -> Forecast:
        near = nearest_few(asked.vectors, self.middle, self.nearest)
        return Expected(self.quality[near].mean(axis=1), self.cost[near].mean(axis=1))


def clustered(seen: Seen, number: int, prior: float, seed: int) -> tuple[Vectors, Floats, Floats]:
    """Centres of the questions, shape (c, d), and mean scores and relative costs there, shape (c, k)."""
    middle = centres(seen.asked.vectors, number, seed)
    return middle, *cluster_means(seen, nearest(seen.asked.vectors, middle), len(middle), prior)


def cluster_means(seen: Seen, label: Ints, number: int, prior: float) -> tuple[Floats, Floats]:
    """Mean score and relative cost by cluster and answerer, shape (number, k).

    Where an answerer was never scored in a cluster its overall mean stands.
    """
    overall, price = seen.means, seen.costs.mean(axis=0)
    known = ~np.isnan(seen.scores)
    counts = np.zeros((number, seen.scores.shape[1]))
    sums, costs = np.zeros_like(counts), np.zeros_like(counts)
    np.add.at(counts, label, known)
    np.add.at(sums, label, np.where(known, seen.scores, 0.0))
    np.add.at(costs, label, seen.costs)
    sizes = np.bincount(label, minlength=number)[:, None].astype(np.float64)
    weight = np.where(counts + prior > 0, prior, 1.0)
    quality = (sums + weight * overall) / (counts + weight)
    spread = np.where(sizes + prior > 0, prior, 1.0)
    return quality, (costs + spread * price) / (sizes + spread)


def nearest_few(vectors: Vectors, middle: Vectors, few: int) -> Ints:
    """The numbers of the nearest centres, nearest first, shape (n, min(few, c))."""
    apart = distances(vectors, middle)
    few = min(few, len(middle))
    part = np.argpartition(apart, few - 1, axis=1)[:, :few]
    order = np.take_along_axis(apart, part, axis=1).argsort(axis=1, kind="stable")
    return np.take_along_axis(part, order, axis=1)
