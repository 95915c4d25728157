"""Kernel ridge: a smooth function of the question an answerer, between kNN (local) and ridge (global).

A Gaussian kernel on the sphere of vectors, by the Nystrom method (Williams and Seeger 2001): the function is
fitted on all questions and stands on a few landmarks, so that a decision looks at these only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from underdog.routing.embeddings import Vectors
from underdog.routing.routers.ridge import solved, with_one
from underdog.routing.seen import Asked, Expected, Forecast, Seen
from underdog.statistics.vectors import Floats

# The fit's time grows with the rows; past this many the function hardly moves.
_MOST_ROWS = 50_000
_FLOOR = 1e-6


@dataclass(frozen=True)
class Kernel:
    """exp(-`sharpness` x squared distance) over `landmarks` questions, with a ridge `penalty`."""

    sharpness: float = 2.0
    penalty: float = 3.0
    landmarks: int = 512
    seed: int = 0

    def fit(self, seen: Seen) -> FittedKernel:
        kept = seen.thinned(_MOST_ROWS)
        drawn = np.random.default_rng(self.seed).permutation(len(kept))[: self.landmarks]
        marks = np.ascontiguousarray(kept.asked.vectors[np.sort(drawn)])
        values, turned = np.linalg.eigh(closeness(marks, marks, self.sharpness))
        turned = turned / np.sqrt(np.maximum(values, _FLOOR))
        rows = with_one(closeness(kept.asked.vectors, marks, self.sharpness) @ turned)
        weights = solved(rows, np.hstack([kept.scores, kept.costs]), self.penalty)
        folded = np.vstack([turned @ weights[:-1], weights[-1:]])
        answerers = seen.scores.shape[1]
        return FittedKernel(marks, folded[:, :answerers], folded[:, answerers:], self.sharpness)


@dataclass(frozen=True, eq=False)
class FittedKernel:
    """Landmarks, shape (m, d), and weights over them, shape (m + 1, k), the intercept last."""

    marks: Vectors = field(repr=False)
    quality: Floats = field(repr=False)
    cost: Floats = field(repr=False)
    sharpness: float

    def forecast(self, asked: Asked) -> Forecast:
        rows = with_one(closeness(asked.vectors, self.marks, self.sharpness))
        return Expected(np.clip(rows @ self.quality, 0.0, 1.0), np.maximum(rows @ self.cost, 0.0))


def closeness(vectors: Vectors, marks: Vectors, sharpness: float) -> Floats:
    """exp(-sharpness x squared distance), shape (n, m)."""
    squares = (vectors**2).sum(axis=1)[:, None] + (marks**2).sum(axis=1) - 2 * (vectors @ marks.T)
    near: Floats = np.exp(-sharpness * np.maximum(squares, 0.0).astype(np.float64))
    return near
