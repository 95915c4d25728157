"""UniRoute: an answerer is a vector of errors over clusters of questions; a new one needs only probes.

Universal model routing (Jitkrittum et al., arXiv 2502.08773): clusters come from questions alone; every
answerer, also one that joins later, is placed by what it scores on a few probe questions of each cluster.
Nothing is trained again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from underdog.routing.embeddings import Vectors
from underdog.routing.kmeans import nearest
from underdog.routing.routers.clusters import cluster_means, clustered
from underdog.routing.seen import Asked, Expected, Forecast, Seen
from underdog.statistics.vectors import Floats, Ints


@dataclass(frozen=True)
class Universal:
    """`number` clusters; each answerer's mean in one is steadied by `prior` rows of its overall mean."""

    number: int = 30
    prior: float = 5.0
    seed: int = 0

    def fit(self, seen: Seen) -> FittedUniversal:
        middle, quality, cost = clustered(seen, self.number, self.prior, self.seed)
        return FittedUniversal(middle, quality, cost, self.prior, seen.unit)


@dataclass(frozen=True, eq=False)
class FittedUniversal:
    """Centres, shape (c, d), and by cluster and answerer mean scores and relative costs, shape (c, k)."""

    middle: Vectors = field(repr=False)
    quality: Floats = field(repr=False)
    cost: Floats = field(repr=False)
    prior: float
    unit: float

    def forecast(self, asked: Asked) -> Forecast:
        at = nearest(asked.vectors, self.middle)
        return Expected(self.quality[at], self.cost[at])

    def joined(self, vectors: Vectors, scores: Floats, costs: Floats) -> FittedUniversal:
        """The router with one more answerer, the last, from its outcomes on probe questions alone.

        Args:
            vectors: the probes, shape (p, d), from the embedding the router was fitted on.
            scores: what it scored there, shape (p,), in [0, 1]; NaN where it was not asked.
            costs: what it cost there, in the table's own unit, shape (p,).

        Raises:
            ValueError: no probe has a score.
        """
        if np.isnan(scores).all():
            raise ValueError("a new answerer joins by probes: at least one must have a score")
        relative = costs / self.unit if self.unit > 0 else np.zeros(len(costs))
        relative = np.where(np.isnan(relative), np.nanmean(relative), relative)
        probes = Seen(Asked(vectors), scores[:, None], relative[:, None], 0, self.unit)
        label = nearest(vectors, self.middle)
        quality, cost = cluster_means(probes, label, len(self.middle), self.prior)
        return replace(self, quality=np.hstack([self.quality, quality]), cost=np.hstack([self.cost, cost]))


def probe_places(vectors: Vectors, middle: Vectors, a_cluster: int) -> Ints:
    """The questions to put to a new answerer: of each cluster those nearest to its centre, shape (p,).

    Ascending places in `vectors`; a cluster with fewer questions gives what it has.
    """
    label = nearest(vectors, middle)
    closeness = np.einsum("ij,ij->i", vectors - middle[label], vectors - middle[label])
    order = np.lexsort((closeness, label))
    sizes = np.bincount(label, minlength=len(middle))
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[rank < a_cluster]).astype(np.int64)
