"""Where small is unsure, is large right? What its doubts know, and a cascade on them by cross-validation.

Signs of sureness: agreement of small's draws, its own confidence, and whether models that may stand in for
the large one say the same: any two of them, or all (arXiv 2310.03094, 2305.05176). Two cascades are fitted on
four fifths of the groups and scored on the rest, in turn. One has the threshold at which doubts tell most:
its gain over handing over the same share at random says whether they know anything. The other is the cheapest
whose loss to the large model is at most half a margin, the rule by which a study fits cascades: it says what
that is worth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from underdog.statistics import Interval, bonferroni
from underdog.statistics.vectors import Floats, Ints, Mask
from underdog.studies.cost import per_request, shared_unit
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals.panel import panel, strongest_first
from underdog.studies.diagnosis.signals.signal import Point, Signal
from underdog.studies.diagnosis.signals.sureness import agreement, stated
from underdog.studies.diagnosis.signals.table import (
    CONFIDENCE,
    ability,
    against,
    bounded,
    folds,
    sampled,
    scores,
    shares,
)
from underdog.studies.diagnosis.words import gain, listed, share
from underdog.studies.fitting import thresholds

SIGNS = ("agreement of draws", "confidence", "agreement of models")
_DOUBT = 1 / 3
"""The part of the examples that counts as unsure."""
_MOST_MEMBERS = 7


@dataclass(frozen=True)
class First:
    """A first rung: who answers, its scores and sureness, shape (examples,), and the cost of an answer."""

    who: str
    scores: Floats
    sure: Floats
    cost: float | None


@dataclass(frozen=True)
class Fitted:
    """A cascade as each example met it: the rung's score, whether it was handed over, and the rung's cost."""

    first: Floats
    handed: Mask
    cost: Floats
    who: str


def signals(evidence: Evidence, margin: float) -> Iterator[Signal]:
    """For every sign of sureness that there is: what it knows, and the cascade that it allows."""
    large = scores(ability(evidence, evidence.large), evidence)
    rungs = rungs_of(evidence)
    for sign, firsts in rungs.items():
        known = np.logical_not(np.isnan(np.stack([*(one.scores for one in firsts), large])).any(axis=0))
        if known.any():
            fitting = Fitting(firsts, large, known, folds(evidence))
            yield knows(
                evidence, sign, replace(fitting, firsts=firsts[:1]), bonferroni(CONFIDENCE, len(rungs))
            )
            yield from within(evidence, sign, fitting, margin)
            yield doubtful(evidence, sign, fitting)


def rungs_of(evidence: Evidence) -> Mapping[str, Sequence[First]]:
    """The first rungs that the evidence has, by their sign of sureness."""
    small, found = evidence.small, dict[str, Sequence[First]]()
    unit = shared_unit(list(evidence.greedy.values()))
    drawn, own = agreement(evidence, small), stated(evidence, small)
    pair = sampled(evidence, small)
    if drawn is not None and pair is not None:
        price = per_request(pair[0], unit)
        k = len(pair[0].trials) // len(pair[0].examples)
        found[SIGNS[0]] = [First(f"{k} draws of {small}", *drawn, None if price is None else k * price)]
    if own is not None:
        found[SIGNS[1]] = [First(small, *own, per_request(evidence.greedy[small], unit))]
    names = strongest_first(evidence)[:_MOST_MEMBERS]
    prices = {name: per_request(evidence.greedy[name], unit) for name in names}
    sets = [names, *(list(two) for two in combinations(names, 2) if len(names) > 2)]
    if len(names) > 1:
        found[SIGNS[2]] = [
            First(listed(chosen), *panel(evidence, chosen), _total([prices[name] for name in chosen]))
            for chosen in sets
        ]
    return found


@dataclass(frozen=True)
class Fitting:
    """First rungs with one sign, and what their cascades are fitted on: the parts are folds."""

    firsts: Sequence[First]
    large: Floats
    known: Mask
    parts: Ints

    def crossed(self, margin: float | None, price: float | None) -> Fitted:
        """Each example's cascade, fitted on the folds without it: the most telling, or within a margin."""
        shape = len(self.large)
        first, cost = np.full(shape, np.nan), np.full(shape, np.nan)
        handed, used = np.ones(shape, dtype=np.bool_), set[str]()
        for part in np.unique(self.parts):
            train, held = self.known & (self.parts != part), self.known & (self.parts == part)
            if not train.any() or not held.any():
                continue
            options = [one for rung in self.firsts for one in self.options(rung, train, margin, price)]
            _, limit, chosen = max(options, key=lambda option: option[0])
            rung = self.firsts[chosen]
            first[held], handed[held] = rung.scores[held], ~(rung.sure[held] >= limit)
            cost[held] = np.nan if rung.cost is None else rung.cost
            used.add(rung.who)
        return Fitted(first, handed, cost, " or on ".join(sorted(used)))

    def options(
        self, rung: First, train: Mask, margin: float | None, price: float | None
    ) -> Iterator[tuple[float, float, int]]:
        """(worth in training, threshold, rung) of every cascade there may be; handing all over is one."""
        own, large, sure = rung.scores[train], self.large[train], rung.sure[train]
        place = next(i for i, one in enumerate(self.firsts) if one is rung)
        for limit in [float("inf"), *thresholds(sure)]:
            handed = ~(sure >= limit)
            p, plan = float(handed.mean()), np.where(handed, large, own)
            if margin is None:
                yield float((plan - (p * large + (1 - p) * own)).mean()), limit, place
            elif float((plan - large).mean()) >= -margin / 2:
                dear = p if rung.cost is None or not price else rung.cost / price + p
                yield -dear, limit, place
            else:
                break


def knows(evidence: Evidence, sign: str, fitting: Fitting, confidence: float) -> Signal:
    """The gain of handing over in doubt over handing over as many at random, where doubts tell most."""
    fitted = fitting.crossed(None, None)
    mixed = np.full(len(fitted.first), np.nan)
    for part in np.unique(fitting.parts):
        held = fitting.known & (fitting.parts == part)
        p = float(fitted.handed[held].mean()) if held.any() else 0.0
        mixed[held] = p * fitting.large[held] + (1 - p) * fitted.first[held]
    plan = np.where(fitted.handed, fitting.large, fitted.first)
    found = bounded(plan - mixed, evidence, confidence=confidence)
    sentence = (
        f"Handing over to {evidence.large} in doubt, by {sign}, scores {gain(found)} against handing over as "
        f"many at random ({float(fitted.handed[fitting.known].mean()):.2f} of all)."
    )
    points = curve(evidence, fitting.firsts[0], fitting.large)
    return Signal(f"doubt by {sign}", evidence.small, found, found.n, sentence, points)


def within(evidence: Evidence, sign: str, fitting: Fitting, margin: float) -> Iterator[Signal]:
    """The cascade that loses at most half a margin: what it hands over, scores and costs."""
    small = evidence.small
    price = per_request(evidence.greedy[evidence.large], shared_unit(list(evidence.greedy.values())))
    fitted = fitting.crossed(margin, price)
    over = shares(np.where(fitting.known, fitted.handed, np.nan).astype(np.float64), evidence)
    sentence = f"Fitted to lose at most half a margin, a cascade on {fitted.who} hands over {share(over)}."
    yield Signal(f"handed over by {sign}", small, over, over.n, sentence)
    plan = np.where(fitted.handed, fitting.large, fitted.first)
    loss = against(np.where(fitting.known, plan, np.nan), fitting.large, evidence)
    sentence = f"That cascade by {sign} scores {gain(loss)} against {evidence.large} alone."
    yield Signal(f"cascade against large by {sign}", small, loss, loss.n, sentence)
    own = fitted.cost[fitting.known]
    if price and not np.isnan(own).any():
        bill = billed(over, float(own.mean()) / price)
        sentence = f"It costs {share(bill)} of what {evidence.large} alone costs."
        yield Signal(f"cost by {sign}", small, bill, bill.n, sentence)


def billed(over: Interval, own: float) -> Interval:
    """The cost of a cascade as a share of the large model's: its first rung, and what is handed over."""
    assert over.estimate is not None and over.low is not None and over.high is not None
    return replace(over, estimate=own + over.estimate, low=own + over.low, high=own + over.high)


def curve(evidence: Evidence, first: First, large: Floats) -> tuple[Point, ...]:
    """The score at every threshold, by the share handed over; each point is fitted to nothing."""
    both = ~(np.isnan(first.scores) | np.isnan(large))
    points = []
    for limit in [float("inf"), *thresholds(first.sure[both]), -1.0]:
        keeps = first.sure >= limit
        plan = np.where(both, np.where(keeps, first.scores, large), np.nan)
        points.append(Point(float((~keeps[both]).mean()), shares(plan, evidence), f"threshold {limit:g}"))
    return tuple(points)


def doubtful(evidence: Evidence, sign: str, fitting: Fitting) -> Signal:
    """Large minus first rung on the third of the examples of which the rung is least sure."""
    first, large = fitting.firsts[0], fitting.large
    both = ~(np.isnan(first.scores) | np.isnan(large))
    sure = np.where(np.isnan(first.sure), -1.0, first.sure)
    limit = np.quantile(sure[both], _DOUBT, method="lower")
    unsure = both & (sure <= limit)
    found = against(np.where(unsure, large, np.nan), np.where(unsure, first.scores, np.nan), evidence)
    sentence = (
        f"Where sureness, by {sign}, is least ({found.n:,} of {int(both.sum()):,} examples), "
        f"{evidence.large} scores {gain(found)} against {first.who}."
    )
    return Signal(f"large where unsure by {sign}", evidence.small, found, found.n, sentence)


def _total(prices: Sequence[float | None]) -> float | None:
    known = [price for price in prices if price is not None]
    return sum(known) if len(known) == len(prices) else None
