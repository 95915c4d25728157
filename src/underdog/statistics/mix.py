"""Controls that need no lever: the equal-cost random mix of whole answerers, and the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from underdog.statistics.vectors import Floats, Scores, same_length, score_vector


@dataclass(frozen=True, slots=True)
class Mix:
    """Send each request to an arm at random with these weights: what it scores and costs on average.

    Undefined (empty weights) when no arm fits the budget; `note` says why.
    """

    weights: Mapping[str, float]
    score: float | None
    cost: float | None
    note: str = ""

    def per_item(self, scores: Mapping[str, Scores]) -> list[float | None]:
        """Expected score of the mix on each item, to pair with a plan's; None where an arm in it failed."""
        columns = [weight * score_vector(scores[arm]) for arm, weight in self.weights.items()]
        same_length(*columns)
        if not columns:
            raise ValueError(f"this mix has no arms: {self.note}")
        total = np.clip(np.sum(columns, axis=0), 0.0, 1.0)
        return [None if np.isnan(value) else float(value) for value in total]


def static_mix(scores: Mapping[str, float | None], costs: Mapping[str, float | None], budget: float) -> Mix:
    """The best random mix of arms whose average cost stays within `budget`.

    `scores` and `costs` are means by arm. The best mix lies on the upper convex hull of (cost, score), so it
    is one arm or two. Arms with an unknown score or cost are left out and named in `note`. Chosen and read on
    the same items it flatters the mix a little: the claim against it is conservative.
    """
    known = {
        arm: (float(cost), float(score))
        for arm, score in scores.items()
        if score is not None and (cost := costs.get(arm)) is not None
    }
    unknown = sorted(set(scores) - set(known))
    note = f"left out, score or cost unknown: {', '.join(unknown)}" if unknown else ""
    if not known:
        return Mix({}, None, None, note or "no arms")
    cheapest = min(cost for cost, _ in known.values())
    if cheapest > budget:
        return Mix({}, None, None, f"the cheapest arm costs {cheapest:g}, above {budget:g}")
    best = max(
        (_blend(a, b, known, budget) for a in known for b in known if known[a][0] <= budget),
        key=lambda mix: (mix.score or 0.0, -(mix.cost or 0.0)),
    )
    return Mix(best.weights, best.score, best.cost, note)


def _blend(cheap: str, dear: str, known: Mapping[str, tuple[float, float]], budget: float) -> Mix:
    """As much of `dear` as the budget allows if it scores higher, the rest `cheap` (which fits alone)."""
    (low, floor), (high, ceiling) = known[cheap], known[dear]
    if cheap == dear or ceiling <= floor:
        return Mix({cheap: 1.0}, floor, low)
    share = 1.0 if high <= budget else (budget - low) / (high - low)
    if share <= 0.0:
        return Mix({cheap: 1.0}, floor, low)
    if share >= 1.0:
        return Mix({dear: 1.0}, ceiling, high)
    return Mix(
        {cheap: 1.0 - share, dear: share},
        floor + share * (ceiling - floor),
        low + share * (high - low),
    )


def oracle(scores: Mapping[str, Scores]) -> list[float | None]:
    """The best score any arm got on each item: a ceiling, not a plan. None where every arm failed."""
    columns: list[Floats] = [score_vector(values) for values in scores.values()]
    same_length(*columns)
    if not columns:
        return []
    table = np.stack(columns)
    best = np.where(np.isnan(table), -1.0, table).max(axis=0)
    return [None if value < 0 else float(value) for value in best]
