"""How each router does on questions it did not see: its settings and its knob, by cross-validation.

Inside the questions learned from only. What wins here was picked for winning, so its numbers flatter it: the
judgement is made elsewhere, on questions held out (`advice.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from underdog.routing.curve import KNOBS, Point, chosen, point, taken
from underdog.routing.seen import Router, Seen
from underdog.statistics.vectors import Ints


@dataclass(frozen=True)
class Tried:
    """A router with its settings, and its cross-validated curve."""

    name: str
    router: Router
    curve: tuple[Point, ...]


@dataclass(frozen=True)
class Pick:
    """A router, its settings and a turn of its knob; `point` is what cross-validation saw there."""

    name: str
    router: Router
    point: Point


def tried(
    families: Mapping[str, Sequence[Router]], seen: Seen, fold: Ints, knobs: Sequence[float] = KNOBS
) -> list[Tried]:
    """Every setting's curve on the questions of each fold after fitting on the others.

    `fold` has shape (n,): groups must not be split across folds (`folds.py`).
    """
    parts = [(seen.rows(np.flatnonzero(fold != i)), np.flatnonzero(fold == i)) for i in range(fold.max() + 1)]
    parts = [(learned, left) for learned, left in parts if len(left) and len(learned)]
    asked = [seen.rows(left).asked for _, left in parts]
    made = []
    for name, routers in families.items():
        for router in routers:
            forecasts = [
                router.fit(learned).forecast(one) for (learned, _), one in zip(parts, asked, strict=True)
            ]
            choices = np.empty((len(knobs), len(seen)), dtype=np.int64)
            for (_, left), forecast in zip(parts, forecasts, strict=True):
                for i, knob in enumerate(knobs):
                    choices[i, left] = chosen(forecast, knob)
            made.append(Tried(name, router, _curve(seen, knobs, choices)))
    return made


def _curve(seen: Seen, knobs: Sequence[float], choices: Ints) -> tuple[Point, ...]:
    default = seen.scores[:, seen.default]
    return tuple(
        point(knob, taken(seen.scores, choice), taken(seen.costs, choice), default)
        for knob, choice in zip(knobs, choices, strict=True)
    )


def best(candidates: Iterable[Tried]) -> Pick | None:
    """The greatest gain; of equal gains the cheaper."""
    picks = list(_picks(candidates))
    return min(picks, key=lambda pick: (-round(_gain(pick), 9), pick.point.cost), default=None)


def cheapest(candidates: Iterable[Tried], most_lost: float = 0.0) -> Pick | None:
    """The least cost among those whose gain is not below `-most_lost`; None when there is none."""
    return _least([pick for pick in _picks(candidates) if _gain(pick) >= -most_lost])


def certifiable(candidates: Sequence[Tried], margin: float, judged: int) -> Pick | None:
    """The least cost among those that should be certified within the margin on `judged` questions.

    That is those whose gain stays above the margin's loss by three of its standard errors there: about four
    certificates in five, were cross-validation right. Where nothing is so sure, the cheapest that loses at
    most half the margin.
    """
    sure = [p for p in _picks(candidates) if _gain(p) - 3 * p.point.spread / sqrt(judged) >= -margin]
    return _least(sure) or cheapest(candidates, margin / 2)


def _least(picks: Sequence[Pick]) -> Pick | None:
    return min(picks, key=lambda pick: (pick.point.cost, -_gain(pick)), default=None)


def _gain(pick: Pick) -> float:
    assert pick.point.gain is not None, "points without a gain are no picks"
    return pick.point.gain


def _picks(candidates: Iterable[Tried]) -> Iterable[Pick]:
    for one in candidates:
        for place in one.curve:
            if place.gain is not None:
                yield Pick(one.name, one.router, place)
