"""Matrix factorisation: a question is projected to a few factors, which meet a vector of each answerer.

P(right) = sigmoid(bias + answerer . (projection x question)), the bilinear form of RouteLLM's `mf` and of
EmbedLLM (Zhuang et al., arXiv 2410.02223). Missing cells are left out of the loss, so a sparse table is
enough.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from underdog.routing.routers.ridge import solved, with_one
from underdog.routing.seen import Asked, Expected, Forecast, Seen
from underdog.statistics.vectors import Floats, Mask

# More rows than this change the factors little and the time a lot.
_MOST_ROWS = 20_000
_COST_PENALTY = 10.0


@dataclass(frozen=True)
class Factors:
    """`rank` factors; `penalty` on the squares of all weights but the biases. Logistic loss, by L-BFGS."""

    rank: int = 16
    penalty: float = 1.0
    rounds: int = 100
    seed: int = 0

    def fit(self, seen: Seen) -> FittedFactors:
        from scipy.optimize import minimize

        kept = seen.thinned(_MOST_ROWS)
        rows = kept.asked.vectors.astype(np.float64)
        loss = _Loss(rows, kept.scores, self.rank, self.penalty)
        found = minimize(
            loss, loss.start(self.seed), jac=True, method="L-BFGS-B", options={"maxiter": self.rounds}
        )
        projection, answerers, bias = loss.parts(found.x)
        cost = solved(with_one(kept.asked.vectors), kept.costs, _COST_PENALTY)
        return FittedFactors(projection @ answerers.T, bias, cost)


@dataclass(frozen=True, eq=False)
class FittedFactors:
    """The product of projection and answerers, shape (d, k), the biases, shape (k,), and linear costs."""

    weights: Floats = field(repr=False)
    bias: Floats = field(repr=False)
    cost: Floats = field(repr=False)

    def forecast(self, asked: Asked) -> Forecast:
        quality = sigmoid(asked.vectors.astype(np.float64) @ self.weights + self.bias)
        return Expected(quality, np.maximum(with_one(asked.vectors) @ self.cost, 0.0))


class _Loss:
    """Penalised cross-entropy over the known cells, and its gradient, of one flat vector of parameters."""

    def __init__(self, rows: Floats, scores: Floats, rank: int, penalty: float) -> None:
        self.rows, self.rank, self.penalty = rows, rank, penalty
        self.known: Mask = ~np.isnan(scores)
        self.target = np.where(self.known, scores, 0.0)
        self.shapes = ((rows.shape[1], rank), (scores.shape[1], rank), (scores.shape[1],))

    def start(self, seed: int) -> Floats:
        """Small random factors, and biases at the answerers' means."""
        generator = np.random.default_rng(seed)
        projection, answerers = (0.1 * generator.standard_normal(shape) for shape in self.shapes[:2])
        counts = np.maximum(self.known.sum(axis=0), 1)
        means = np.clip(self.target.sum(axis=0) / counts, 0.01, 0.99)
        return np.concatenate([projection.ravel(), answerers.ravel(), np.log(means / (1 - means))])

    def parts(self, flat: Floats) -> tuple[Floats, Floats, Floats]:
        """Projection (d, r), answerers (k, r) and biases (k,)."""
        first = self.shapes[0][0] * self.rank
        second = first + self.shapes[1][0] * self.rank
        projection, answerers = flat[:first].reshape(self.shapes[0]), flat[first:second]
        return projection, answerers.reshape(self.shapes[1]), flat[second:]

    def __call__(self, flat: Floats) -> tuple[float, Floats]:
        projection, answerers, bias = self.parts(flat)
        factors = self.rows @ projection
        logits = factors @ answerers.T + bias
        entropy = np.logaddexp(0.0, logits) - self.target * logits
        squares = float((projection**2).sum() + (answerers**2).sum())
        value = float(entropy[self.known].sum()) + 0.5 * self.penalty * squares
        slope = np.where(self.known, sigmoid(logits) - self.target, 0.0)
        turned = self.rows.T @ (slope @ answerers) + self.penalty * projection
        lifted = slope.T @ factors + self.penalty * answerers
        return value, np.concatenate([turned.ravel(), lifted.ravel(), slope.sum(axis=0)])


def sigmoid(values: Any) -> Floats:
    """1 / (1 + exp(-x)) without overflow."""
    bounded: Floats = 0.5 * (1 + np.tanh(0.5 * np.asarray(values, dtype=np.float64)))
    return bounded
