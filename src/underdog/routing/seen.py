"""What a router learns from and is asked about: vectors, categories, scores and relative costs.

A router knows no texts and no dollars: costs come as shares of what the dearest answerer costs on average, so
that one knob means the same on every table.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from underdog.routing.embeddings import Vectors
from underdog.routing.table import OutcomeTable, column_means
from underdog.statistics.vectors import Floats, Ints


@dataclass(frozen=True, eq=False)
class Asked:
    """Questions as a router sees them: vectors, shape (n, d), and categories, shape (n,), or None."""

    vectors: Vectors
    categories: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.vectors)


@dataclass(frozen=True, eq=False)
class Seen:
    """Questions whose outcomes are known.

    `scores` has shape (n, k), NaN where missing. `costs` has shape (n, k) and no gaps: a missing cell holds
    its answerer's mean, and everything is 0 where the table knows no costs. `default` is the answerer that
    a router falls back to, `unit` what a relative cost of 1 is in the table's own unit (0 without costs).
    """

    asked: Asked
    scores: Floats
    costs: Floats
    default: int
    unit: float

    @classmethod
    def of(cls, table: OutcomeTable, vectors: Vectors, default: int | None = None) -> Seen:
        """A table's outcomes; `default` is the best single answerer unless it is given."""
        means = column_means(table.costs)
        unit = 0.0 if np.isnan(means).any() else float(means.max(initial=0.0))
        filled = np.where(np.isnan(table.costs), means, table.costs)
        costs = filled / unit if unit > 0 else np.zeros(table.costs.shape)
        best = best_column(table.scores, table.costs) if default is None else default
        return cls(Asked(vectors, table.categories), table.scores, costs, best, unit)

    def __len__(self) -> int:
        return len(self.scores)

    def rows(self, at: Ints) -> Seen:
        """The questions at these places."""
        categories = self.asked.categories
        kept = None if categories is None else tuple(categories[i] for i in at.tolist())
        asked = Asked(self.asked.vectors[at], kept)
        return Seen(asked, self.scores[at], self.costs[at], self.default, self.unit)

    def thinned(self, most: int) -> Seen:
        """At most so many of the questions, evenly spread over them."""
        return self if len(self) <= most else self.rows(spread(len(self), most))

    @property
    def means(self) -> Floats:
        """Each answerer's mean score, shape (k,); 0 for one that was never scored."""
        return np.nan_to_num(column_means(self.scores))


class Forecast(Protocol):
    """What a router expects of questions, before the knob is turned."""

    def merits(self, knob: float) -> Floats:
        """Shape (n, k): the answerer of greatest merit is chosen. `knob`: 1 only quality, 0 only cost."""
        ...


class Fitted(Protocol):
    """A router that has learned: a frozen dataclass of arrays and plain values, so that it can be saved."""

    def forecast(self, asked: Asked) -> Forecast: ...


class Router(Protocol):
    """A frozen dataclass of settings; `fit` is deterministic."""

    def fit(self, seen: Seen) -> Fitted: ...


def spread(n: int, most: int) -> Ints:
    """At most `most` of n places, evenly spread and ascending."""
    return np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(np.int64)


def described(router: Any) -> str:
    """A router's settings for people: those that are not its defaults, or "defaults"."""
    said = []
    for item in fields(router):
        value = getattr(router, item.name)
        if isinstance(value, tuple):
            said.append(" + ".join(f"{type(one).__name__} ({described(one)})" for one in value))
        elif value != item.default:
            said.append(f"{item.name} {value:g}")
    return ", ".join(said) or "defaults"


@dataclass(frozen=True, eq=False)
class Expected:
    """Expected scores and relative costs, each of shape (n, k), weighed as merit = knob s - (1 - knob) c.

    The best of all query-only policies when the expectations are right (Dekoninck et al., arXiv 2410.10347).
    """

    quality: Floats
    cost: Floats

    def merits(self, knob: float) -> Floats:
        return knob * self.quality - (1 - knob) * self.cost


def best_column(scores: Floats, costs: Floats) -> int:
    """The answerer with the best mean score; of equals the cheaper, then the first."""
    means, prices = column_means(scores), column_means(costs)
    order = np.lexsort((np.nan_to_num(prices, nan=np.inf), -np.nan_to_num(means, nan=-1.0)))
    return int(order[0])
