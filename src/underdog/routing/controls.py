"""What needs no router, and what no router can pass: the controls that belong to every routing claim.

Best single, cheapest single within a margin, the random mix of singles at the same cost (the upper convex
hull of cost and score), random choice, and the oracle. The category table is a router
(`routers/category.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from underdog.routing.seen import best_column
from underdog.routing.table import OutcomeTable, column_means
from underdog.statistics.mix import Mix, static_mix
from underdog.statistics.vectors import Floats


@dataclass(frozen=True)
class Singles:
    """Every answerer alone: mean scores and costs, shape (k,), NaN where unknown, and the chosen ones.

    `best` has the best mean score; `cheap` is the cheapest whose mean score lies at most the margin below
    that of the default (itself, when none is cheaper or costs are unknown).
    """

    scores: Floats
    costs: Floats
    best: int
    default: int
    cheap: int


def singles(table: OutcomeTable, margin: float, default: int | None = None) -> Singles:
    """The single answerers of a table. `default` is the best one unless it is given."""
    scores, costs = column_means(table.scores), column_means(table.costs)
    best = best_column(table.scores, table.costs)
    default = best if default is None else default
    enough = np.flatnonzero((scores >= scores[default] - margin) & ~np.isnan(costs))
    cheap = default
    if len(enough) and not np.isnan(costs[default]):
        least = int(enough[np.lexsort((-scores[enough], costs[enough]))[0]])
        cheap = least if costs[least] < costs[default] else default
    return Singles(scores, costs, best, default, cheap)


def mix_at(table: OutcomeTable, budget: float) -> tuple[Mix, Floats | None]:
    """The best random mix of single answerers at an average cost, and its expected score on each question.

    Chosen and read on the same questions it is a little flattered: a claim against it is conservative.
    The mix is empty and the scores are None when even the cheapest answerer costs more.
    """
    scores, costs = column_means(table.scores), column_means(table.costs)
    known = [i for i in range(len(scores)) if not np.isnan(scores[i]) and not np.isnan(costs[i])]
    names = table.answerers
    mix = static_mix(
        {names[i]: float(scores[i]) for i in known}, {names[i]: float(costs[i]) for i in known}, budget
    )
    if not mix.weights:
        return mix, None
    parts = [weight * table.scores[:, table.column(name)] for name, weight in mix.weights.items()]
    return mix, np.clip(np.sum(parts, axis=0), 0.0, 1.0)


def oracle(table: OutcomeTable) -> tuple[Floats, Floats]:
    """The best score of any answerer on each question, and the least cost at which it was had; shape (n,).

    A ceiling, not a plan: with noisy answers it counts luck as skill. NaN where nobody was scored.
    """
    known = ~np.isnan(table.scores)
    filled = np.where(known, table.scores, -1.0)
    best = filled.max(axis=1, initial=-1.0)
    prices = np.where(known & (filled >= best[:, None] - 1e-12), table.costs, np.inf)
    cost = np.nanmin(np.where(np.isnan(prices), np.inf, prices), axis=1, initial=np.inf)
    return np.where(best < 0, np.nan, best), np.where(np.isinf(cost), np.nan, cost)
