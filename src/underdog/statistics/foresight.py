"""How a race would end, judged from what it has seen, and which arms are worth the calls they still take.

Stochastic curtailment (Lan, Simon and Halperin 1982, Commun Stat C 1:207) by predictive distributions
(Spiegelhalter, Freedman and Blackburn 1986, Control Clin Trials 7:8), for all arms and the choice rule at
once. Nothing here claims anything of an arm: it only says which calls could still change the choice.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from underdog.statistics.choice import odds_of_certificate, preferred
from underdog.statistics.vectors import Floats

Masks = npt.NDArray[np.bool_]

DRAWS = 200
_SEED = 1982_207


@dataclass(frozen=True, slots=True)
class Goal:
    """What the choice at the end goes by: the margin, and the fresh pairs of the certificate where known."""

    margin: float
    confidence: float = 0.95
    pairs: int | None = None


def final_choices(scores: Floats, costs: Floats, units: int, goal: Goal) -> Floats:
    """The odds of each arm to be the choice once all `units` are measured, shape (arms - 1,); they sum to 1.

    `scores` and `costs` have shape (arms, n), the last row the large model's, over the same first n units;
    NaN is a unit that failed. A draw weighs the seen units by a flat Dirichlet, so scaled that a mean varies
    as s^2 (1/n - 1/units): arms stay paired, and the rule itself is asked about each draw. Every mean is
    moved by one imagined unit more, lest arms that never differed be taken for equal. Seeded.
    """
    n = scores.shape[1]
    generator = np.random.default_rng(_SEED)
    if n < units:
        weights = generator.gamma(units / (units - n) - 1.0 / n, size=(n, DRAWS))
        wobble = generator.normal(size=(len(scores), DRAWS)) * np.sqrt(1.0 - n / units) / n
    else:
        weights, wobble = np.ones((n, 1)), np.zeros((len(scores), 1))
    weights = weights / weights.sum(axis=0)
    known_scores, known_costs = _filled(scores), _filled(costs)
    means = known_scores @ weights + wobble
    odds = None
    if goal.pairs is not None:
        d = known_scores[:-1] - known_scores[-1]
        helps, harms = np.maximum(d, 0.0) ** 2 @ weights, np.maximum(-d, 0.0) ** 2 @ weights
        gaps = means[:-1] - means[-1]
        odds = odds_of_certificate(
            gaps, helps, harms, units, margin=goal.margin, pairs=goal.pairs, confidence=goal.confidence
        )
    paid = known_costs @ weights
    picks = preferred(means[:-1], paid[:-1], paid[-1], goal.margin, odds)
    counts: Floats = np.bincount(picks, minlength=len(scores) - 1) / len(picks)
    return counts


def worth_asking(odds: Floats, calls: Masks, made: Masks, risk: float) -> Masks:
    """The arms to go on with, shape (arms,): 1 - risk of the odds, for as few calls as a greedy search finds.

    `calls`, shape (arms, units, calls), says which calls each arm made on some seen units, and `made`, shape
    (units, calls), which are made in any case; what arms share counts once. Arms are taken by odds per call
    that they add. One that adds none always stays: to give it up would save nothing.
    """
    kept = np.zeros(len(odds), dtype=np.bool_)
    made = made.copy()
    while odds[kept].sum() < 1.0 - risk and not kept.all():
        added = (calls & ~made).sum(axis=(1, 2)) / len(made)
        best = int(np.where(kept, -1.0, (odds + 1e-12) / (added + 1e-6)).argmax())
        kept[best] = True
        made |= calls[best]
    free: Masks = ~np.any(calls & ~made, axis=(1, 2))
    stays: Masks = kept | free
    return stays


def tabulated(calls: Mapping[str, Sequence[Iterable[Hashable]]], arms: Sequence[str]) -> Masks:
    """The calls of each arm on each unit, shape (arms, units, calls); the last axis is numbered by unit."""
    units = len(calls[arms[0]])
    places: list[dict[Hashable, int]] = [{} for _ in range(units)]
    found = [
        (row, unit, places[unit].setdefault(key, len(places[unit])))
        for row, arm in enumerate(arms)
        for unit, keys in enumerate(calls[arm])
        for key in keys
    ]
    table = np.zeros((len(arms), units, max(map(len, places), default=0)), dtype=np.bool_)
    if found:
        table[tuple(np.array(found).T)] = True
    return table


def _filled(values: Floats) -> Floats:
    """NaN as the mean of what the arm is known for; rows of nothing but NaN stay."""
    known = ~np.isnan(values)
    sums, counts = np.where(known, values, 0.0).sum(axis=1), known.sum(axis=1)
    means = np.divide(sums, counts, out=np.full(len(values), np.nan), where=counts > 0)
    return np.where(known, values, means[:, None])
