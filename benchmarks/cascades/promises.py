"""What a certified cascade costs, and how often its promise is broken.

Each planning split draws 40 % of the questions to plan on; the rest is the population that the promise is
about. Labels are drawn from it with replacement, so that its own mean is the truth and no luck of a test half
counts as a broken promise. Given the plan, every draw breaks its promise with probability at most 5 %, so the
number broken among all draws may be tested against 5 % although some share a plan.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from benchmarks.cascades.pairs import PAIRS, Pair
from benchmarks.truth.table import Table, percent
from scipy.stats import binom

from underdog.routing.accept import Answered, Matrix, fit_score, score_values, trusted
from underdog.routing.cascades import walk
from underdog.routing.planner import Aim, CascadePlan, plan_cascade
from underdog.statistics import Candidate
from underdog.statistics.certificate import Test, worst_case
from underdog.statistics.unconditional import noninferiority_p

Floats = npt.NDArray[np.float64]
PLANNED, RISK = 0.4, 0.05
HEADER = (
    *("pair", "cascade", "test", "certified", "accepted", "cost", "published", "mean loss"),
    *("broken", "of", "p", "naive broken"),
)


@dataclass(frozen=True)
class Steps:
    """A sequence of policies on the population: differences plan minus large (steps, n), costs and shares."""

    differences: Floats
    costs: Floats
    kept: Floats


@dataclass
class Tally:
    """What happened over all draws of one row."""

    certified: list[bool] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    broken: int = 0
    naive_broken: int = 0

    def add(self, steps: Steps | None, drawn: Floats | None, margin: float, test: Test) -> None:
        """One draw of labels, shape (steps, labels): the boldest certified step, and the naive choice."""
        best = -1
        if steps is not None and drawn is not None:
            best = boldest(drawn, margin, test)
            truth = steps.differences.mean(axis=1)
            looks = np.flatnonzero(drawn.mean(axis=1) >= -margin)
            self.naive_broken += bool(len(looks) and truth[looks[-1]] < -margin)
        self.certified.append(best >= 0)
        if steps is None or best < 0:
            self.costs.append(1.0)  # refused: the large model answers everything
            return
        self.kept.append(float(steps.kept[best]))
        self.costs.append(float(steps.costs[best]))
        self.losses.append(-float(steps.differences[best].mean()))
        self.broken += bool(steps.differences[best].mean() < -margin)


def boldest(drawn: Floats, margin: float, test: Test) -> int:
    """Fixed-sequence testing, as `certify` does it, without its bounds and sentences; -1 when none passes."""
    n = drawn.shape[1]
    for place, d in enumerate(drawn):
        helps, harms = int((d > 0).sum()), int((d < 0).sum())
        if test == "score":
            passed = noninferiority_p(helps, harms, n, margin) <= RISK
        else:
            passed = worst_case(Candidate("", n, helps, harms), 1 - RISK) < margin
        if not passed:
            return place - 1
    return len(drawn) - 1


def tables(splits: int, seed: int, only: Sequence[str] = (), draws: int = 10) -> Iterator[Table]:
    """`splits` draws of labels at 3 points and 300 labels, a fifth of them elsewhere; `draws` a plan."""
    for margin, labels, share in ((0.03, 300, 1.0), (0.03, 1000, 0.2), (0.01, 1000, 0.2)):
        plans = max(1, round(splits * share / draws))
        title = f"{margin:.0%} margin, {labels} labels: {plans} plans x {draws} draws of labels"
        table = Table(title, HEADER)
        for pair in PAIRS:
            if not only or pair.name in only:
                _rows(table, pair, Aim(margin, labels), (plans, draws), seed)
        yield table


def _rows(table: Table, pair: Pair, aim: Aim, runs: tuple[int, int], seed: int) -> None:
    answered = pair.read((*pair.members, pair.large))
    tallies = {(kind, test): Tally() for kind, (_, tests) in KINDS.items() for test in tests}
    for split in range(runs[0]):
        generator = np.random.default_rng([seed, split])
        order = generator.permutation(len(answered.table))
        cut = round(PLANNED * len(order))
        old, new = answered.rows(order[:cut]), answered.rows(order[cut:])
        rows = generator.integers(0, len(new.table), size=(runs[1], aim.labels))
        for kind, (build, tests) in KINDS.items():
            for test in tests:
                steps = build(old, new, replace(aim, test=test))
                for drawn in rows:
                    labels = None if steps is None else steps.differences[:, drawn]
                    tallies[kind, test].add(steps, labels, aim.margin, test)
    for names, tally in tallies.items():
        _row(table, pair, names, tally, aim)


def _row(table: Table, pair: Pair, names: tuple[str, str], tally: Tally, aim: Aim) -> None:
    runs, known = len(tally.certified), pair.published.get((aim.margin, aim.labels))
    table.add(
        pair.name,
        *names,
        percent(float(np.mean(tally.certified))),
        percent(float(np.mean(tally.kept))) if tally.kept else "-",
        f"x{np.mean(tally.costs):.3f}",
        "-" if known is None else f"x{known:.2f}",
        f"{100 * np.mean(tally.losses):+.2f}" if tally.losses else "-",
        percent(tally.broken / runs),
        runs,
        f"{binom.sf(tally.broken - 1, runs, RISK):.2f}",
        percent(tally.naive_broken / runs),
    )
    print(*table.rows[-1], sep=" | ", file=sys.stderr, flush=True)  # so that a long run shows how far it is


def published(old: Answered, new: Answered, aim: Aim) -> Steps | None:
    """Every member is always asked; P(right) from who agrees, lengths and category; 20 thresholds."""
    everyone, trust = range(len(old.members)), trusted(old.scores)
    seen = [_plain(half, half.matrix(everyone, trust)) for half in (old, new)]
    goal = old.scores[np.arange(len(seen[0].owner)), seen[0].owner]
    score = fit_score(seen[0], goal, "right")
    levels = np.quantile(score_values(score, seen[0]), np.linspace(0.95, 0.0, 20), method="lower")
    mine = new.scores[np.arange(len(seen[1].owner)), seen[1].owner]
    values = score_values(score, seen[1])
    kept = np.array([(values >= level) & (values >= 0) for level in dict.fromkeys(levels.tolist())])
    costs = new.costs.sum(axis=1) + np.where(kept, 0.0, new.large_costs)
    differences = np.where(kept, mine - new.large_scores, 0.0)
    return Steps(differences, costs.mean(axis=1) / new.large_costs.mean(), kept.mean(axis=1))


def _plain(half: Answered, matrix: Matrix) -> Matrix:
    named = [at for at, name in enumerate(matrix.names) if name.split()[0] in ("agrees", "read", "written")]
    categories = half.table.categories or ()
    known = sorted(set(categories))
    dummies = np.array([[one == category for category in known] for one in categories], dtype=np.float64)
    names = (*(matrix.names[at] for at in named), *(f"category {name}" for name in known))
    return Matrix(names, np.hstack([matrix.values[:, named], dummies]), matrix.owner, matrix.readable)


def at_once(old: Answered, new: Answered, aim: Aim) -> Steps | None:
    """The planner's scores and members, all of them asked before anything is decided."""
    return _planned(plan_cascade(old, aim, in_turn=False), new)


def in_turn(old: Answered, new: Answered, aim: Aim) -> Steps | None:
    """The planner with everything."""
    return _planned(plan_cascade(old, aim), new)


def _planned(plan: object, new: Answered) -> Steps | None:
    if not isinstance(plan, CascadePlan):
        return None
    walks = [walk(new, policy) for policy in plan.policies]
    differences = np.array([done.scores - new.large_scores for done in walks])
    costs = np.array([done.costs.mean() for done in walks]) / new.large_costs.mean()
    return Steps(differences, costs, np.array([done.kept.mean() for done in walks]))


KINDS: dict[str, tuple[Callable[[Answered, Answered, Aim], Steps | None], tuple[Test, ...]]] = {
    "as published": (published, ("clopper-pearson", "score")),
    "better scores, all asked": (at_once, ("score",)),
    "better scores, in turn": (in_turn, ("clopper-pearson", "score")),
}
