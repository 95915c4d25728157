"""Ridge: one linear model an answerer, from the question's vector to its score and its cost."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from underdog.routing.embeddings import Vectors
from underdog.routing.seen import Asked, Expected, Forecast, Seen
from underdog.statistics.vectors import Floats

# A few hundred weights are settled by far fewer rows.
_MOST_ROWS = 100_000


@dataclass(frozen=True)
class Ridge:
    """`penalty` on the weights, per answerer; the intercept is free."""

    penalty: float = 10.0

    def fit(self, seen: Seen) -> FittedLinear:
        kept = seen.thinned(_MOST_ROWS)
        rows = with_one(kept.asked.vectors)
        quality = solved(rows, kept.scores, self.penalty)
        cost = solved(rows, kept.costs, self.penalty)
        return FittedLinear(quality, cost)


@dataclass(frozen=True, eq=False)
class FittedLinear:
    """Weights, shape (d + 1, k), the intercept last."""

    quality: Floats = field(repr=False)
    cost: Floats = field(repr=False)

    def forecast(self, asked: Asked) -> Forecast:
        rows = with_one(asked.vectors)
        return Expected(np.clip(rows @ self.quality, 0.0, 1.0), np.maximum(rows @ self.cost, 0.0))


def with_one(vectors: Vectors | Floats) -> Floats:
    """The vectors in double precision with a last column of ones, shape (n, d + 1)."""
    return np.hstack([vectors.astype(np.float64), np.ones((len(vectors), 1))])


def solved(rows: Floats, targets: Floats, penalty: float) -> Floats:
    """Least squares with a penalty, column by column over the rows that are known."""
    weights = np.zeros((rows.shape[1], targets.shape[1]))
    known = ~np.isnan(targets)
    ridge = np.diag([penalty] * (rows.shape[1] - 1) + [1e-9])
    whole = known.all(axis=0)
    if whole.any():
        weights[:, whole] = np.linalg.solve(rows.T @ rows + ridge, rows.T @ targets[:, whole])
    for column in np.flatnonzero(~whole & known.any(axis=0)):
        part = rows[known[:, column]]
        weights[:, column] = np.linalg.solve(
            part.T @ part + ridge, part.T @ targets[known[:, column], column]
        )
    return weights
