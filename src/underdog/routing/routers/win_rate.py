"""Win rate: between two answerers, ask the strong one where it is likely enough to win. RouteLLM's way.

The win rate is that of similar questions, weighed by similarity: its `sw_ranking` router (Ong et al., arXiv
2406.18665), which for one pair of answerers needs no fitted Bradley-Terry scores. A tie counts half. The knob
is the share of questions that the strong one gets, as calibrated on the questions learned from: a threshold
on the bare win rate means something else on every table.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from underdog.routing.embeddings import Vectors
from underdog.routing.routers.neighbours import CHUNK, REMEMBERED
from underdog.routing.seen import Asked, Forecast, Seen, spread
from underdog.statistics.vectors import Floats


@dataclass(frozen=True)
class WinRate:
    """`sharpness`: how many times as much a question of cosine 1 counts as one of cosine 0 (RouteLLM: 10).

    The strong answerer is the default; the weak one is the best of those that cost at most half of it, or
    else the cheapest other.
    """

    sharpness: float = 10.0

    def fit(self, seen: Seen) -> FittedWinRate:
        strong = seen.default
        weak = weaker(seen)
        first, second = seen.scores[:, strong], seen.scores[:, weak]
        known = np.flatnonzero(~np.isnan(first) & ~np.isnan(second))
        known = known[spread(len(known), REMEMBERED)]
        wins = (np.sign(first[known] - second[known]) + 1) / 2
        vectors = np.ascontiguousarray(seen.asked.vectors[known])
        bare = FittedWinRate(vectors, wins, np.empty(0), strong, weak, seen.scores.shape[1], self.sharpness)
        rates = bare.rates(vectors, leave_out=True)
        return FittedWinRate(
            vectors, wins, np.sort(rates), strong, weak, seen.scores.shape[1], self.sharpness
        )


@dataclass(frozen=True, eq=False)
class FittedWinRate:
    """Remembered questions, shape (m, d), whether the strong one won there, and the calibration rates."""

    vectors: Vectors = field(repr=False)
    wins: Floats = field(repr=False)
    calibration: Floats = field(repr=False)
    strong: int
    weak: int
    answerers: int
    sharpness: float

    def forecast(self, asked: Asked) -> Forecast:
        return Rates(self.rates(asked.vectors), self.calibration, self.strong, self.weak, self.answerers)

    def rates(self, vectors: Vectors, leave_out: bool = False) -> Floats:
        """Win rates of the strong one, shape (n,); `leave_out` keeps each remembered row from its own."""
        made = np.full(len(vectors), 0.5)
        if not len(self.vectors):
            return made
        for start in range(0, len(vectors), CHUNK):
            cosine = vectors[start : start + CHUNK] @ self.vectors.T
            weights = np.exp(np.log(self.sharpness) * cosine.astype(np.float64))
            if leave_out:
                rows = np.arange(len(weights))
                weights[rows, start + rows] = 0.0
            total = np.maximum(weights.sum(axis=1), 1e-300)
            made[start : start + CHUNK] = weights @ self.wins / total
        return made


@dataclass(frozen=True, eq=False)
class Rates:
    """Win rates, shape (n,), beside those of the questions learned from, ascending."""

    rates: Floats
    calibration: Floats
    strong: int
    weak: int
    answerers: int

    def merits(self, knob: float) -> Floats:
        made = np.full((len(self.rates), self.answerers), -np.inf)
        made[:, self.weak] = 0.0
        made[:, self.strong] = np.where(self.asks_strong(knob), 1.0, -1.0)
        return made

    def asks_strong(self, knob: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether the win rate is among the highest share `knob` of those learned from, shape (n,)."""
        if knob >= 1.0 or knob <= 0.0 or not len(self.calibration):
            return np.full(len(self.rates), knob >= 1.0)
        return np.asarray(self.rates >= np.quantile(self.calibration, 1 - knob))


def weaker(seen: Seen) -> int:
    """The best answerer at no more than half the default's cost, or the cheapest other one."""
    means, costs = seen.means, seen.costs.mean(axis=0)
    others = [i for i in range(len(means)) if i != seen.default]
    if not others:
        return seen.default
    cheap = [i for i in others if costs[i] <= costs[seen.default] / 2]
    if cheap:
        return max(cheap, key=lambda i: (means[i], -costs[i]))
    return min(others, key=lambda i: (costs[i], -means[i]))
