"""Which of the arms that were all measured on the same examples is judged, and the lenient twins beside them.

The rule is `statistics/choice.py`'s; a race goes by the same one.
"""

from __future__ import annotations

from collections.abc import Sequence

from underdog.answerer import Answerer
from underdog.statistics import cheapest_near_best
from underdog.studies.findings import Arm
from underdog.studies.spec import Spec

LENIENT = "~lenient"
"""Suffix of the arms that read leniently: a diagnosis, never a candidate (what clients would see differs)."""


def choose(ladder: Sequence[Arm], margin: float) -> str:
    """The name of the arm to judge, out of arms of which one is `large`, by `cheapest_near_best`.

    `small` where nothing was scored.
    """
    arms = {arm.name: arm for arm in ladder if not arm.name.endswith(LENIENT)}
    large = arms.pop("large")
    scores = {name: arm.score.estimate for name, arm in arms.items() if arm.score.estimate is not None}
    if not scores:
        return "small"
    return cheapest_near_best(scores, {name: arms[name].cost for name in scores}, large.cost, margin)


def lenient_twins(spec: Spec) -> dict[str, Answerer]:
    """Small and large read leniently: the same calls, so they cost nothing, and the gap is the format's."""
    return {name + LENIENT: spec.read(name, lenient=True) for name in ("small", "large")}
