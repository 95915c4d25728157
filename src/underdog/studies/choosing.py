"""Which arm of the ladder goes on to be certified and judged. Uses tune's numbers only."""

from __future__ import annotations

from collections.abc import Sequence

from underdog.answerer import Answerer
from underdog.studies.findings import Arm
from underdog.studies.spec import Spec

LENIENT = "~lenient"
"""Suffix of the arms that read leniently: a diagnosis, never a candidate (what clients would see differs)."""

# A local model's FLOPs depend a little on what its batch shares.
_SAME_COST = 1.05


def choose(ladder: Sequence[Arm], margin: float) -> str:
    """The name of the arm to judge.

    Of the arms cheaper than `large` (all but it where costs are unknown or none is cheaper), the cheapest
    whose score lies within half a margin of the best of them: a dearer arm must earn its price. Of arms that
    cost the same within a twentieth, the one named first: models stand before levers, so the plainer one.
    """
    arms = {arm.name: arm for arm in ladder if not arm.name.endswith(LENIENT)}
    large = arms.pop("large")
    scored = [arm for arm in arms.values() if arm.score.estimate is not None]
    if not scored:
        return "small"
    cheaper = [
        arm for arm in scored if arm.cost is not None and large.cost is not None and arm.cost < large.cost
    ]
    pool = cheaper or scored
    best = max(_score(arm) for arm in pool)
    near = [arm for arm in pool if _score(arm) >= best - margin / 2]
    if any(arm.cost is None for arm in near):
        return max(near, key=_score).name
    least = min(_cost(arm) for arm in near)
    return next(arm for arm in near if _cost(arm) <= least * _SAME_COST).name


def _score(arm: Arm) -> float:
    assert arm.score.estimate is not None
    return arm.score.estimate


def _cost(arm: Arm) -> float:
    assert arm.cost is not None
    return arm.cost


def lenient_twins(spec: Spec) -> dict[str, Answerer]:
    """Small and large read leniently: the same calls, so they cost nothing, and the gap is the format's."""
    return {name + LENIENT: spec.read(name, lenient=True) for name in ("small", "large")}
