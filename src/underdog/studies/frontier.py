"""What is to be had at which price: cost against score of all arms that raced.

A frontier of estimates, each with its interval and its own n: it shows what there is to choose from and
promises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from underdog.studies.findings import Arm, Point
from underdog.studies.limits import Needs


def frontier(ladder: Sequence[Arm], needed: Mapping[str, Needs]) -> list[Point]:
    """The arms with a known cost, cheapest first, and which of them no other betters in both."""
    known = [arm for arm in ladder if arm.cost is not None and arm.score.estimate is not None]
    known.sort(key=lambda arm: (arm.cost or 0.0, -(arm.score.estimate or 0.0)))
    points, highest = [], -1.0
    for arm in known:
        score = arm.score.estimate or 0.0
        points.append(Point(arm.name, arm.score, arm.cost, needed[arm.name], score > highest))
        highest = max(highest, score)
    return points
