"""A policy or a control on questions that nothing was fitted on: its score, its cost, and two paired tests.

The tests are against the default and against the random mix of single answerers that costs the same: a policy
that does not beat this mix has learned nothing that a coin does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from underdog.routing.controls import Singles, mix_at, oracle
from underdog.routing.curve import known_mean, taken
from underdog.routing.table import OutcomeTable, column_means
from underdog.statistics.intervals import Interval, mean_interval
from underdog.statistics.paired import Paired, paired_difference
from underdog.statistics.vectors import Floats, Ints


@dataclass(frozen=True)
class Judged:
    """What one policy or control does on the held-out questions.

    `cost` is the mean in the table's unit, None when unknown; `relative` is it over the default's. `against`
    is paired with the default, `over_mix` with the mix of the same cost, which `mix` describes (where costs
    are unknown, the best single answerer). Both are None where there is nothing to compare. `shares` says how
    often each answerer is asked.
    """

    name: str
    about: str
    score: Interval
    cost: float | None
    relative: float | None
    against: Paired | None = None
    over_mix: Paired | None = None
    mix: Mapping[str, float] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Figures:
    """LLMRouterBench's figures (arXiv 2601.07206), against the best single answerer of the same questions.

    `gain` is the difference in score, `relative_gain` it over the best single's score, `saved` the share of
    its cost that is not spent, `gap` what the oracle scores above the policy, `closed` the share of the way
    from the best single to the oracle. None where the divisor is 0 or the cost unknown.
    """

    best: str
    gain: float
    relative_gain: float | None
    saved: float | None
    gap: float
    closed: float | None


class Bench:
    """Judges policies on one held-out table, all in the same way."""

    def __init__(self, table: OutcomeTable, alone: Singles, confidence: float) -> None:
        self.table, self.confidence = table, confidence
        self.default, self.best = alone.default, alone.best
        self.groups = table.groups if len(set(table.groups)) < len(table.groups) else None
        self.default_cost = self.mean_cost(table.costs[:, alone.default])

    def mean_cost(self, costs: Floats) -> float | None:
        """The mean of per-question costs, None as long as some answerer's costs are unknown."""
        if np.isnan(self.table.costs).all(axis=0).any():
            return None
        return known_mean(costs)

    def policy(self, name: str, about: str, choice: Ints, confidence: float | None = None) -> Judged:
        """A policy by the answerer it chooses for each question, shape (n,)."""
        counts = np.bincount(choice, minlength=len(self.table.answerers)) / max(len(choice), 1)
        shares = {a: float(s) for a, s in zip(self.table.answerers, counts, strict=True) if s > 0}
        scores, costs = taken(self.table.scores, choice), taken(self.table.costs, choice)
        level = self.confidence if confidence is None else confidence
        return self._row(name, about, scores, costs, level, shares)

    def single(self, name: str, column: int) -> Judged:
        """One answerer alone."""
        return self.policy(name, self.table.answerers[column], np.full(len(self.table), column))

    def ceiling(self) -> Judged:
        """The oracle: the cheapest answerer that scores best on each question."""
        scores, costs = oracle(self.table)
        return self._row("oracle", "a ceiling, not a plan", scores, costs, self.confidence, {})

    def chance(self) -> Judged:
        """A fair draw among all answerers, in expectation."""
        scores, costs = (column_means(values.T) for values in (self.table.scores, self.table.costs))
        return self._row("random", "each answerer equally often", scores, costs, self.confidence, {})

    def figures(self, scores: Floats, costs: Floats) -> Figures:
        """How a policy stands between the best single answerer and the oracle, from scores of shape (n,)."""
        best = self.table.scores[:, self.best]
        top, _ = oracle(self.table)
        gain, gap = known_mean(scores - best) or 0.0, known_mean(top - scores) or 0.0
        level, headroom = known_mean(best) or 0.0, known_mean(top - best) or 0.0
        cost, usual = self.mean_cost(costs), self.mean_cost(self.table.costs[:, self.best])
        return Figures(
            best=self.table.answerers[self.best],
            gain=gain,
            relative_gain=gain / level if level > 0 else None,
            saved=1 - cost / usual if cost is not None and usual else None,
            gap=gap,
            closed=gain / headroom if headroom > 0 else None,
        )

    def _mix(self, cost: float | None) -> tuple[Mapping[str, float], Floats | None]:
        """The mix of single answerers at a cost: weights, and expected scores of shape (n,)."""
        if cost is None:
            return {self.table.answerers[self.best]: 1.0}, self.table.scores[:, self.best]
        mix, scores = mix_at(self.table, cost)
        return mix.weights, scores

    def _row(
        self,
        name: str,
        about: str,
        scores: Floats,
        costs: Floats,
        confidence: float,
        shares: Mapping[str, float],
    ) -> Judged:
        cost = self.mean_cost(costs)
        weights, mixed = self._mix(cost)
        over_mix = None if mixed is None else paired_difference(scores, mixed, confidence, self.groups)
        default = self.table.scores[:, self.default]
        return Judged(
            name=name,
            about=about,
            score=mean_interval(scores, confidence, self.groups),
            cost=cost,
            relative=cost / self.default_cost if cost is not None and self.default_cost else None,
            against=paired_difference(scores, default, confidence, self.groups),
            over_mix=over_mix,
            mix=weights,
            shares=shares,
        )
