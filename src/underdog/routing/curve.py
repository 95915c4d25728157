"""The whole curve of one knob, cost against quality, and the hull of the plans that stand on it.

A curve is what a policy would score and cost at every turn of its knob; nothing here fits or tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from underdog.routing.seen import Forecast
from underdog.statistics.vectors import Floats, Ints

KNOBS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 1.0)
"""From only cost to only quality: finer where curves bend, since costs come as shares of the dearest."""


@dataclass(frozen=True, slots=True)
class Point:
    """What a policy scores and costs on average at one turn of its knob.

    `gain` is the mean difference to the default, over the questions on which both have a score, and `spread`
    the standard deviation of it: what to compare by, since with missing cells each policy's `score` is over
    other questions. `cost` is relative: in cross-validation to the dearest answerer, in an advice to the
    default. `score` and `gain` are None when there is no such question.
    """

    knob: float
    score: float | None
    gain: float | None
    cost: float
    spread: float = 0.0


def chosen(forecast: Forecast, knob: float) -> Ints:
    """The answerer of greatest merit for each question, shape (n,); of equals the first."""
    return np.asarray(forecast.merits(knob).argmax(axis=1), dtype=np.int64)


def taken(values: Floats, choice: Ints) -> Floats:
    """Each question's value in its chosen column, shape (n,) of (n, k)."""
    picked: Floats = values[np.arange(len(choice)), choice]
    return picked


def point(knob: float, scores: Floats, costs: Floats, default: Floats) -> Point:
    """The point of per-question scores and costs, shape (n,), beside the default's scores."""
    gains = scores - default
    spread = float(np.nanstd(gains)) if not np.isnan(gains).all() else 0.0
    return Point(knob, known_mean(scores), known_mean(gains), known_mean(costs) or 0.0, spread)


def known_mean(values: Floats) -> float | None:
    """The mean over what is known; None when nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None


def frontier(points: Sequence[Point]) -> list[Point]:
    """Those that no other beats in gain at the same or a lower cost, cheapest first."""
    kept: list[Point] = []
    for one in sorted(points, key=lambda p: (p.cost, -(p.gain or 0.0))):
        if one.gain is not None and (not kept or one.gain > (kept[-1].gain or 0.0)):
            kept.append(one)
    return kept
