"""Experience: what a lever's members did on examples to learn from, and the promise that it is to keep.

`route`, `ladder` and what else learns from outcomes are fitted on it (`fit_on`). What comes of it is picked
by cross-validation inside it and promises nothing: it races, is certified and is judged on other examples.
Measuring the members is a study's (`studies/learning.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import sqrt

import numpy as np

from underdog.errors import Declined
from underdog.routing.accept import AcceptScore, Answered, fit_score
from underdog.routing.cascade_routing import Estimates, cascade_route, fit_estimates
from underdog.routing.controls import Singles, mix_at, singles
from underdog.routing.crossvalidation import Pick, Tried, best, certifiable, tried
from underdog.routing.curve import known_mean
from underdog.routing.embeddings import Latent
from underdog.routing.folds import folds
from underdog.routing.planner import Aim, CascadePlan, NoCascade, plan_cascade
from underdog.routing.policy import Policy
from underdog.routing.routers import families
from underdog.routing.seen import Seen
from underdog.routing.table import OutcomeTable
from underdog.statistics.vectors import Floats

LEAST = 40
"""Rows below which nothing is learned from outcomes: the neighbours of a question would be all of them."""

_FOLDS = 5
_PRICES = np.geomspace(4.0, 0.005, 16)
# A gain picked as the best of many turns of many routers flatters itself by about so many standard errors.
_FLATTERED = 2.0


@dataclass(frozen=True, eq=False)
class Experience:
    """Outcomes of members, a column each in the order in which the lever names them, the safest last.

    `written` and `confidences` are tokens written and stated confidences, shape (n, k), NaN where unknown;
    `texts` are what each member wrote, a row for each member, None where that is not known.

    Raises:
        Declined: there are fewer rows, or fewer groups of them, than anything can be learned from.
    """

    table: OutcomeTable
    written: Floats
    confidences: Floats
    aim: Aim = field(default_factory=Aim)
    texts: tuple[tuple[str | None, ...], ...] = ()

    def __post_init__(self) -> None:
        groups = len(set(self.table.groups))
        if len(self.table) < LEAST or groups < _FOLDS:
            raise Declined(
                f"{len(self.table)} examples in {groups} groups are too few to learn from what {self._names} "
                f"answered; at least {LEAST} in {_FOLDS} are needed: bring more, or give fit a larger share"
            )

    def answered(self, members: Sequence[str], priced: bool = True) -> Answered:
        """The rows on which all have a score and a cost, as cascades of these members to the last see them.

        Where costs do not matter (`priced` is off) unknown ones are 0.

        Raises:
            Declined: a member's cost is unknown, or one failed on nearly every row.
        """
        table = self.table if priced else replace(self.table, costs=np.nan_to_num(self.table.costs))
        whole = np.flatnonzero(~(np.isnan(table.scores) | np.isnan(table.costs)).any(axis=1))
        if len(whole) < LEAST:
            raise Declined(
                f"only {len(whole)} of {len(table)} examples have a score and a cost of {self._names}; at "
                f"least {LEAST} are needed: declare the models' prices, or leave out the one that fails"
            )
        kept, large = table.rows(whole), table.answerers[-1]
        return Answered(kept, tuple(members), large, self.written[whole], self.confidences[whole])

    @cached_property
    def cascade(self) -> CascadePlan:
        """The cascade of all members but the last to the last.

        Raises:
            Declined: none should be built; the reason has the sums.
        """
        plan = plan_cascade(self.answered(self.table.answerers[:-1]), self.aim)
        if isinstance(plan, NoCascade):
            raise Declined(f"do not cascade: {plan.reason}")
        return plan

    @cached_property
    def policy(self) -> Policy:
        """The router, its settings and its turn of the knob that cross-validation picks.

        The cheapest policy that should be certified within the margin of the last member, where it is cheaper
        than any single member that would do; else the best one, where it beats every single one. Either must
        beat the mix of single members at its cost.

        Raises:
            Declined: no policy does.
        """
        table = self.table.rows(np.flatnonzero(~np.isnan(self.table.scores).all(axis=1)))
        embedding = Latent.fit(table.questions)
        seen = Seen.of(table, embedding.embed(table.questions), len(table.answerers) - 1)
        routers = families(any(table.questions), table.categories is not None)
        found = tried(routers, seen, folds(table.groups, table.categories, _FOLDS))
        pick = _picked(found, table, seen, self.aim)
        return Policy(table.answerers, pick.router.fit(seen), pick.point.knob, embedding)

    @property
    def score(self) -> AcceptScore:
        """How likely the plurality of all members is right, ties to the first, from all that they said.

        Raises:
            Declined: as for `answered`.
        """
        answered = self.answered(self.table.answerers, priced=False)
        places = range(len(answered.members))
        matrix = answered.matrix(places, places)
        right = answered.scores[np.arange(len(matrix.owner)), matrix.owner]
        return fit_score(matrix, right, "right")

    def estimates(self, price: float | None) -> tuple[Estimates, float]:
        """Estimates of all members, and the price of cost: the one given, or the cheapest that should do.

        Raises:
            Declined: no price saves anything within the margin of the last member.
        """
        answered = self.answered(self.table.answerers)
        estimates = fit_estimates(answered)
        return estimates, _price(answered, self.aim) if price is None else price

    @property
    def _names(self) -> str:
        return ", ".join(self.table.answerers)


def _picked(found: Sequence[Tried], table: OutcomeTable, seen: Seen, aim: Aim) -> Pick:
    """What `Experience.policy` says."""
    alone = singles(table, aim.margin, seen.default)
    cheap, good = certifiable(found, aim.margin, aim.labels), best(found)
    for pick, pays in ((cheap, _cheaper), (good, _better)):
        if pick is not None and pays(pick, alone, seen) and _over_mix(pick, table, seen):
            return pick
    spare, last = table.answerers[alone.cheap], table.answerers[-1]
    near = "" if spare == last else f", which came within the margin of {last}"
    came = "" if good is None else f" (the best router, {good.name}: {100 * _gain(good):+.1f} points)"
    raise Declined(
        f"do not route: on {len(table)} examples no choice by question promises more than {spare} alone, or "
        f"as much at less cost{near}{came}"
    )


def _cheaper(pick: Pick, alone: Singles, seen: Seen) -> bool:
    """Whether it costs less than the cheapest single member within the margin."""
    return seen.unit > 0 and pick.point.cost < (1 - 1e-9) * alone.costs[alone.cheap] / seen.unit


def _better(pick: Pick, alone: Singles, seen: Seen) -> bool:
    """Whether it gains more over every single member than picking the best of many explains."""
    over = _gain(pick) - float(alone.scores[alone.best] - alone.scores[alone.default])
    return over > _flattery(pick, seen)


def _over_mix(pick: Pick, table: OutcomeTable, seen: Seen) -> bool:
    """Whether it scores above the random mix of single members that costs the same, by more than luck."""
    if seen.unit <= 0:
        return True
    _, mixed = mix_at(table, pick.point.cost * seen.unit)
    level = None if mixed is None else known_mean(mixed)
    return level is None or (pick.point.score or 0.0) - level > _flattery(pick, seen)


def _flattery(pick: Pick, seen: Seen) -> float:
    """How much of a gain may come of having been picked."""
    return _FLATTERED * pick.point.spread / sqrt(len(seen))


def _gain(pick: Pick) -> float:
    return pick.point.gain or 0.0


def _price(answered: Answered, aim: Aim) -> float:
    """The price at which cascade routing is cheapest and loses at most half the margin, cross-validated."""
    unit = float(answered.large_costs.mean())
    if unit <= 0.0:
        raise Declined(f"{answered.large} costs nothing here, so nothing is cheaper: ask it")
    prices = _PRICES / unit
    fold = folds(answered.table.groups, None, 2)
    costs, losses = np.zeros(len(prices)), np.zeros(len(prices))
    for half in range(2):
        estimates = fit_estimates(answered.rows(np.flatnonzero(fold != half)))
        rest = answered.rows(np.flatnonzero(fold == half))
        for place, price in enumerate(prices):
            done = cascade_route(estimates, rest, float(price))
            costs[place] += done.costs.sum()
            losses[place] += (rest.large_scores - done.scores).sum()
    n = len(answered.table)
    able = np.flatnonzero((losses / n <= aim.margin / 2) & (costs / n < unit))
    if not len(able):
        raise Declined(
            f"do not route: on {n} examples no order of asking {', '.join(answered.members)} costs less than "
            f"{answered.large} alone and loses at most half of {100 * aim.margin:g} points"
        )
    return float(prices[able[np.argmin(costs[able])]])
