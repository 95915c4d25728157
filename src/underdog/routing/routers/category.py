"""Category table: the best answerer by category, from counts alone. A router, and a control of routers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from underdog.routing.routers.clusters import cluster_means
from underdog.routing.seen import Asked, Expected, Forecast, Seen
from underdog.statistics.vectors import Floats


@dataclass(frozen=True)
class CategoryTable:
    """Means by category, steadied by `prior` rows of the overall mean, which unknown categories get."""

    prior: float = 5.0

    def fit(self, seen: Seen) -> FittedCategories:
        given = seen.asked.categories or ("",) * len(seen)
        names = tuple(sorted(set(given)))
        place = {name: i for i, name in enumerate(names)}
        label = np.array([place[name] for name in given], dtype=np.int64)
        quality, cost = cluster_means(seen, label, len(names), self.prior)
        overall = (seen.means[None], seen.costs.mean(axis=0)[None])
        return FittedCategories(names, np.vstack([quality, overall[0]]), np.vstack([cost, overall[1]]))


@dataclass(frozen=True, eq=False)
class FittedCategories:
    """Means, shape (categories + 1, k): the last row is for a category that was never seen."""

    names: tuple[str, ...]
    quality: Floats = field(repr=False)
    cost: Floats = field(repr=False)

    def forecast(self, asked: Asked) -> Forecast:
        place = {name: i for i, name in enumerate(self.names)}
        given = asked.categories or ("",) * len(asked)
        at = np.array([place.get(name, len(self.names)) for name in given], dtype=np.int64)
        return Expected(self.quality[at], self.cost[at])
