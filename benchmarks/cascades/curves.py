"""Cascade routing beside the planner's cascades and the static mix: the score that a budget buys.

No promises here: every policy is fitted on 40 % of the questions and read on the rest, at the same mean cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from benchmarks.cascades.pairs import PAIRS, Pair
from benchmarks.truth.table import Table

from underdog.routing.accept import Answered
from underdog.routing.cascade_routing import cascade_route, fit_estimates
from underdog.routing.cascades import walk
from underdog.routing.planner import Aim, CascadePlan, plan_cascade

Floats = npt.NDArray[np.float64]
Curve = list[tuple[float, float]]
BUDGETS = (0.3, 0.5, 0.7)


def tables(splits: int, seed: int, only: Sequence[str] = ()) -> list[Table]:
    """Points above or below the large model at a share of its cost."""
    runs = max(1, splits // 100)
    budgets = tuple(f"at x{budget:g}" for budget in BUDGETS)
    table = Table(
        f"Points against the large model at equal cost, {runs} splits", ("pair", "policy", *budgets)
    )
    for pair in PAIRS:
        if not only or pair.name in only:
            _rows(table, pair, runs, seed)
    return [table]


def _rows(table: Table, pair: Pair, runs: int, seed: int) -> None:
    answered = pair.read((*pair.members, pair.large))
    found: dict[str, list[list[float]]] = {"static mix": [], "planner": [], "cascade routing": []}
    for split in range(runs):
        order = np.random.default_rng([seed, split]).permutation(len(answered.table))
        cut = round(0.4 * len(order))
        old, new = answered.rows(order[:cut]), answered.rows(order[cut:])
        for name, curve in (
            ("static mix", _singles(new)),
            ("planner", _planner(old, new)),
            ("cascade routing", _routing(old, new)),
        ):
            hull = [(1.0, 0.0), *curve]
            found[name].append([_at(hull, budget) for budget in BUDGETS])
    for name, values in found.items():
        table.add(pair.name, name, *(f"{100 * value:+.2f}" for value in np.mean(values, axis=0)))


def _singles(new: Answered) -> Curve:
    costs, large = new.costs.mean(axis=0) / new.large_costs.mean(), new.large_scores.mean()
    return list(zip(costs.tolist(), (new.scores.mean(axis=0) - large).tolist(), strict=True))


def _planner(old: Answered, new: Answered) -> Curve:
    plan = plan_cascade(old, Aim())
    if not isinstance(plan, CascadePlan):
        return []
    walks = [walk(new, policy) for policy in plan.policies]
    return [_point(new, done.costs, done.scores) for done in walks]


def _routing(old: Answered, new: Answered) -> Curve:
    """The large model joins the pool as one of its members."""
    halves = [replace(half, members=(*half.members, half.large)) for half in (old, new)]
    estimates = fit_estimates(halves[0])
    unit = float(old.large_costs.mean())
    done = [
        cascade_route(estimates, halves[1], float(price) / unit) for price in np.geomspace(2.0, 0.005, 16)
    ]
    return [_point(new, one.costs, one.scores) for one in done]


def _point(new: Answered, costs: Floats, scores: Floats) -> tuple[float, float]:
    return float(costs.mean() / new.large_costs.mean()), float((scores - new.large_scores).mean())


def _at(curve: Curve, budget: float) -> float:
    """The best mix of two policies of the curve that costs the budget, NaN where all are dearer."""
    best = float("nan")
    for cost, score in curve:
        if cost <= budget:
            best = score if np.isnan(best) else max(best, score)
        for other, higher in curve:
            if cost <= budget < other:
                mixed = score + (higher - score) * (budget - cost) / (other - cost)
                best = mixed if np.isnan(best) else max(best, mixed)
    return best
