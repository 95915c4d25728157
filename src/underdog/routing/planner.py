"""Plan a cascade from recorded outcomes: who is asked, in which order, on what score, and whether it pays at
all.

The planner does the arithmetic before anything is certified: what each rung costs, how many questions reach
it, what share is handed over; and it refuses a cascade that would cost more than asking the large model, with
the sums. It looks at the planning rows alone; `certify_cascade` then tests the policies, from the safest to
the boldest, on rows that nothing was planned on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np

from underdog.routing.accept import (
    TARGETS,
    AcceptScore,
    Answered,
    Matrix,
    Target,
    fit_score,
    score_values,
    trusted,
    wanted,
)
from underdog.routing.cascades import NEVER, CascadePolicy, Path, Rung, Walk, stopping, walk, walked
from underdog.routing.folds import folds
from underdog.statistics.certificate import Candidate, Certificate, Refusal, Test, certifiable, certify
from underdog.statistics.vectors import Floats, Ints


@dataclass(frozen=True)
class Aim:
    """What a cascade is planned for: the margin, the confidence, how many labels will certify it and how."""

    margin: float = 0.03
    labels: int = 300
    confidence: float = 0.95
    test: Test = "score"


@dataclass(frozen=True)
class RungCost:
    """One rung's part of the sum: `asked` and `kept` are shares of all questions, `cost` is per answer."""

    member: str
    asked: float
    kept: float
    cost: float


@dataclass(frozen=True)
class CascadePlan:
    """Policies from the safest to the boldest; `aimed` is the one expected to be certified.

    `rungs`, `handed_over` and `cost` are its arithmetic on the planning rows; `cost` and `large_cost` are per
    question. `loss` is large minus plan there.
    """

    policies: tuple[CascadePolicy, ...]
    aimed: int
    rungs: tuple[RungCost, ...]
    handed_over: float
    cost: float
    large_cost: float
    loss: float
    target: Target
    n: int

    @property
    def sentence(self) -> str:
        """The arithmetic in words."""
        parts = [f"{one.member} answers {one.asked:.0%} at {one.cost:.3g}" for one in self.rungs]
        return (
            f"{', then '.join(parts)}; {self.handed_over:.0%} are handed over: {self.cost:.3g} a question, "
            f"{self.cost / self.large_cost:.0%} of {self.large_cost:.3g} for {self.policies[0].large} alone "
            f"(planned on {self.n} questions)"
        )


@dataclass(frozen=True)
class NoCascade:
    """No cascade should be built, and why, with the sums."""

    reason: str


@dataclass(frozen=True)
class _Draft:
    """A cascade thought of: whom it asks, by which target, at which stops, at what cost when planned."""

    order: tuple[int, ...]
    target: Target
    stops: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]
    aimed: int
    cost: float


_Stops: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]

# What a smaller set of members has to save for each member that it leaves out, as a share of the large
# model's cost: the cheapest of many drafts is partly the luckiest, and who is left out no longer agrees.
_DOUBT = 0.03
_FOLDS = 3
_STEPS = 20
_PRICES = np.geomspace(1000.0, 0.5, 40)


def plan_cascade(
    answered: Answered,
    aim: Aim | None = None,
    targets: Sequence[Target] = TARGETS,
    most: int = 3,
    in_turn: bool = True,
) -> CascadePlan | NoCascade:
    """The cheapest cascade of at most `most` of the members that should be certified with the aim's labels.

    Every subset of the members is tried with every target, all of it asked; the best one's orders are then
    given thresholds at every rung, unless `in_turn` is off (asked at once, they answer sooner).

    Raises:
        ValueError: there are no rows or no members to plan with.
    """
    aim = aim or Aim()
    planner = _Planner(answered, aim)
    if planner.large_cost <= 0.0:
        return NoCascade(f"{answered.large} costs nothing here, so no cascade is cheaper: ask it")
    drafts = [planner.asking_all(subset, target) for subset in planner.subsets(most) for target in targets]
    able = [draft for draft in drafts if draft.aimed >= 0]
    if not able:
        return NoCascade(
            f"no cascade of {', '.join(answered.members)} should be certified within {aim.margin:g} of "
            f"{answered.large} with {aim.labels} labels: give it more, or allow a larger margin"
        )
    best = min(able, key=planner.wary)
    orders = (best.order, best.order[::-1]) if in_turn else ()
    turns = [planner.in_turn(order, best.target) for order in orders]
    best = min([best, *(one for one in turns if one.aimed >= 0)], key=lambda draft: draft.cost)
    plan = planner.finished(best)
    if plan.cost >= plan.large_cost:
        return NoCascade(
            f"the cheapest cascade would cost more than it saves: {plan.sentence}: ask {answered.large}"
        )
    return plan


def certify_cascade(
    plan: CascadePlan,
    answered: Answered,
    margin: float,
    confidence: float = 0.95,
    test: Test = "score",
) -> tuple[CascadePolicy | None, Certificate | Refusal]:
    """The boldest policy of the plan that keeps the promise on these rows; None where it is refused.

    The rows must be others than those it was planned on; examples of one group count as one.
    """
    large, groups = answered.large_scores, answered.table.groups
    candidates = [
        Candidate.from_scores(f"step {place + 1}", walk(answered, policy).scores, large, groups)
        for place, policy in enumerate(plan.policies)
    ]
    ruling = certify(candidates, margin, confidence, test)
    return (None if isinstance(ruling, Refusal) else plan.policies[ruling.index]), ruling


class _Planner:
    """The planning rows and what was already fitted on them."""

    def __init__(self, answered: Answered, aim: Aim) -> None:
        if len(answered.table) == 0 or not answered.members:
            raise ValueError("a cascade is planned from at least one row and one member")
        self.answered, self.aim = answered, aim
        self.trust = trusted(answered.scores)
        self.folds = folds(answered.table.groups, None, _FOLDS)
        self.large_cost = float(answered.large_costs.mean())
        self._matrices: dict[tuple[int, ...], Matrix] = {}
        self._fitted: dict[tuple[tuple[int, ...], Target], tuple[AcceptScore, Rung]] = {}

    def subsets(self, most: int) -> Iterator[tuple[int, ...]]:
        """Every set of at most `most` members, the cheapest member first."""
        cheap = np.argsort(self.answered.costs.mean(axis=0), kind="stable").tolist()
        for size in range(1, min(most, len(cheap)) + 1):
            yield from combinations(cheap, size)

    def wary(self, draft: _Draft) -> float:
        """A draft's cost, dearer for each member that it leaves out."""
        left_out = len(self.answered.members) - len(draft.order)
        return draft.cost + _DOUBT * left_out * self.large_cost

    def asking_all(self, order: tuple[int, ...], target: Target) -> _Draft:
        """The whole set is asked before anything is decided: thresholds at the last rung alone."""
        return self._draft(order, target, self._last_only(order, target))

    def _last_only(self, order: tuple[int, ...], target: Target) -> list[_Stops]:
        _, rung = self._rung(order, target)
        levels = np.unique(rung.values[rung.values >= 0])[::-1]
        if len(levels) > _STEPS * 2:
            levels = np.unique(np.quantile(rung.values, np.linspace(0, 1, _STEPS * 2), method="lower"))[::-1]
        idle = (NEVER,) * (len(order) - 1), (-NEVER,) * (len(order) - 1)
        return [((*idle[0], float(t)), (*idle[1], float(t))) for t in levels if t >= 0]

    def in_turn(self, order: tuple[int, ...], target: Target) -> _Draft:
        """Every rung may keep or hand over: the cheapest thresholds at one price of loss after another.

        Steps that keep less than the dearest price does come first: a sequence has to begin where it is safe.
        """
        rungs = [self._rung(order[: depth + 1], target)[1] for depth in range(len(order))]
        large = self.answered.large_scores
        path = Path(
            np.stack([rung.values for rung in rungs]),
            np.stack([_expected_loss(rung, large) for rung in rungs]),
            self.answered.costs[:, list(order)].T,
            self.answered.large_costs,
        )
        stops = dict.fromkeys(stopping(path, float(price) * self.large_cost) for price in _PRICES)
        least = self._kept(order, target, next(iter(stops)))
        safer = [one for one in self._last_only(order, target) if self._kept(order, target, one) < least]
        return self._draft(order, target, [*safer, *stops])

    def finished(self, draft: _Draft) -> CascadePlan:
        """The draft as policies by name, with its arithmetic on the planning rows."""
        a, order = self.answered, draft.order
        scores = tuple(self._exported(order, depth, draft.target) for depth in range(1, len(order) + 1))
        trust = tuple(order.index(i) for i in self.trust if i in order)
        names = tuple(a.members[i] for i in order)
        policies = tuple(CascadePolicy(names, a.large, scores, trust, *stops) for stops in draft.stops)
        done = self._walk(order, draft.target, draft.stops[draft.aimed])
        rungs = tuple(
            RungCost(
                member=name,
                asked=float((done.asked > depth).mean()),
                kept=float(((done.asked == depth + 1) & (done.kept == 1)).mean()),
                cost=float(a.costs[:, place].mean()),
            )
            for depth, (name, place) in enumerate(zip(names, order, strict=True))
        )
        return CascadePlan(
            policies=policies,
            aimed=draft.aimed,
            rungs=rungs,
            handed_over=float((done.kept == 0).mean()),
            cost=float(done.costs.mean()),
            large_cost=self.large_cost,
            loss=float((a.large_scores - done.scores).mean()),
            target=draft.target,
            n=len(a.table),
        )

    def _draft(self, order: tuple[int, ...], target: Target, stops: list[_Stops]) -> _Draft:
        """The stops thinned out to so many steps, and how far along them a certificate should come."""
        kept: list[tuple[_Stops, float]] = []
        aimed, cost, last = -1, float("inf"), -1.0
        for one in stops:
            done = self._walk(order, target, one)
            share = float(done.kept.mean())
            if share <= last + 0.8 / _STEPS:
                continue
            last = share
            if aimed == len(kept) - 1 and self._certifiable(done):
                aimed, cost = len(kept), float(done.costs.mean())
            kept.append((one, share))
        return _Draft(order, target, tuple(one for one, _ in kept), aimed, cost)

    def _certifiable(self, done: Walk) -> bool:
        """Whether the labels should certify it, at the rates of help and harm of the planning rows."""
        d, aim = done.scores - self.answered.large_scores, self.aim
        rates = float(np.maximum(d, 0.0).mean()), float(np.maximum(-d, 0.0).mean())
        return certifiable(rates, aim.labels, aim.margin, aim.confidence, aim.test)

    def _walk(self, order: tuple[int, ...], target: Target, stops: _Stops) -> Walk:
        rungs = [self._rung(order[: depth + 1], target)[1] for depth in range(len(order))]
        return walked(rungs, self.answered, order, stops)

    def _kept(self, order: tuple[int, ...], target: Target, stops: _Stops) -> float:
        return float(self._walk(order, target, stops).kept.mean())

    def _rung(self, order: tuple[int, ...], target: Target) -> tuple[AcceptScore, Rung]:
        """A score fitted on all rows, and its values on rows that it was not fitted on."""
        members = tuple(sorted(order))
        if (members, target) not in self._fitted:
            matrix = self._matrix(members)
            mine = self.answered.scores[np.arange(len(matrix.owner)), matrix.owner]
            goal = wanted(target, mine, self.answered.large_scores)
            score = fit_score(matrix, goal, target)
            values = _held_out(matrix, goal, score, self.folds)
            self._fitted[members, target] = score, Rung(values, mine)
        return self._fitted[members, target]

    def _matrix(self, members: tuple[int, ...]) -> Matrix:
        if members not in self._matrices:
            self._matrices[members] = self.answered.matrix(members, self.trust)
        return self._matrices[members]

    def _exported(self, order: tuple[int, ...], depth: int, target: Target) -> AcceptScore:
        score, _ = self._rung(order[:depth], target)
        return score.placed({member: place for place, member in enumerate(order)})


def _held_out(matrix: Matrix, goal: Floats, score: AcceptScore, folds: Ints) -> Floats:
    """The score's values where each row was left out of the fit, shape (n,)."""
    values = np.empty(len(goal))
    for fold in np.unique(folds):
        inside = folds == fold
        rest = Matrix(matrix.names, matrix.values[~inside], matrix.owner[~inside], matrix.readable[~inside])
        held = Matrix(matrix.names, matrix.values[inside], matrix.owner[inside], matrix.readable[inside])
        fitted = fit_score(rest, goal[~inside], score.target, score) if len(rest.values) else score
        values[inside] = score_values(fitted, held)
    return values


def _expected_loss(rung: Rung, large: Floats) -> Floats:
    """Large minus standing answer as a smooth function of the score's value, shape (n,); 1 where unread.

    Harms and helps are rare, so each is a logistic in the value's log-odds and not its raw frequency.
    """
    read = rung.values >= 0
    losses = np.ones(len(large))
    if not read.any():
        return losses
    share = np.clip(rung.values[read], 1e-4, 1.0 - 1e-4)
    odds = Matrix(("odds",), np.log(share / (1.0 - share))[:, None], np.zeros(0, np.int64), np.ones(0, bool))
    d = large[read] - rung.scores[read]
    expected = np.zeros(int(read.sum()))
    for sign in (1.0, -1.0):
        fitted = fit_score(odds, np.maximum(sign * d, 0.0), "difference")
        total = odds.values @ np.array(fitted.weights or (0.0,)) + fitted.bias
        total = total - float(np.dot(fitted.weights or (0.0,), fitted.means or (0.0,)))
        expected += sign / (1.0 + np.exp(-total))
    losses[read] = expected
    return losses
