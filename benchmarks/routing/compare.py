"""Every router against every control on a recorded pool: 70/30, several seeds, knobs chosen inside train.

For each router two policies are chosen by five-fold cross-validation within the 70 %: the one with the best
score, and the cheapest that scores at least what the best single model does ("match", None where there is
none). Both are read once on the 30 %.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

import numpy as np

from underdog.routing import Advice, Options, OutcomeTable
from underdog.routing.advice import Split, cross_validated, judge, split
from underdog.routing.controls import mix_at, oracle, singles
from underdog.routing.crossvalidation import Pick, Tried, best, cheapest
from underdog.routing.curve import chosen, taken
from underdog.routing.routers import families


@dataclass(frozen=True)
class Read:
    """One policy or control on one seed's test part, in points; `goal` is best, match or control.

    `gain` is over the best single model of train, `over_mix` over the static mix of the same cost,
    `over_table` over the category table at its best, `gap` below the oracle; `cost` is in best singles.
    """

    pool: str
    seed: int
    name: str
    goal: str
    score: float
    gain: float
    cost: float
    over_mix: float
    over_table: float
    gap: float
    settings: str


def compare(name: str, table: OutcomeTable, seed: int) -> list[Read]:
    """One seed's rows."""
    options = Options(seed=seed)
    parts = split(table, options)
    candidates = cross_validated(parts, families(True, parts.fit.categories is not None), options)
    names = list(dict.fromkeys(one.name for one in candidates))
    reader = _Reader(name, seed, parts, candidates)
    rows = list(reader.controls())
    for family in names:
        own = [one for one in candidates if one.name == family]
        rows += [reader.policy(family, "best", best(own)), reader.policy(family, "match", cheapest(own))]
    rows.append(reader.policy("chosen by cross-validation", "best", best(candidates)))
    rows.append(reader.policy("chosen by cross-validation", "match", cheapest(candidates)))
    return [*rows, reader.advice(judge(parts, candidates, options))]


class _Reader:
    def __init__(self, pool: str, seed: int, parts: Split, candidates: list[Tried]) -> None:
        self.pool, self.seed, self.parts = pool, seed, parts
        self.alone = singles(parts.fit, 0.01)
        self.single = parts.rest.scores[:, self.alone.best]
        self.usual = float(parts.rest.costs[:, self.alone.best].mean())
        self.top, self.top_cost = oracle(parts.rest)
        table = best(one for one in candidates if one.name == "category table")
        self.table = self.single if table is None else self._scores(table)[0]

    def controls(self) -> Iterator[Read]:
        """What needs no router."""
        rest = self.parts.rest
        yield self._row("best single", "control", self.single, rest.costs[:, self.alone.best], "")
        cheap = self.alone.cheap
        shown = rest.answerers[cheap]
        yield self._row("cheapest within 1 %", "control", rest.scores[:, cheap], rest.costs[:, cheap], shown)
        yield self._row("random", "control", rest.scores.mean(axis=1), rest.costs.mean(axis=1), "")
        yield self._row("oracle", "control", self.top, self.top_cost, "")

    def policy(self, name: str, goal: str, pick: Pick | None) -> Read:
        """A picked policy; without a pick the best single model is asked."""
        if pick is None:
            rest = self.parts.rest
            return self._row(name, goal, self.single, rest.costs[:, self.alone.best], "fallback")
        scores, costs = self._scores(pick)
        return self._row(name, goal, scores, costs, f"{pick.router} at {pick.point.knob:g}")

    def advice(self, advice: Advice) -> Read:
        """What the product says to do at a margin of 2 points: its policy, or the answerer to ask alone."""
        rest = self.parts.rest
        if advice.policy is not None:
            choice = advice.policy.choose(rest.questions, rest.categories)
        else:
            choice = np.full(len(rest), rest.column(advice.use))
        scores, costs = taken(rest.scores, choice), taken(rest.costs, choice)
        return self._row("underdog route", str(advice.kind), scores, costs, str(advice))

    def _scores(self, pick: Pick) -> tuple[np.ndarray, np.ndarray]:
        choice = chosen(pick.router.fit(self.parts.seen).forecast(self.parts.asked), pick.point.knob)
        return taken(self.parts.rest.scores, choice), taken(self.parts.rest.costs, choice)

    def _row(self, name: str, goal: str, scores: np.ndarray, costs: np.ndarray, settings: str) -> Read:
        _, mixed = mix_at(self.parts.rest, float(costs.mean()))
        points = {
            "gain": scores - self.single,
            "over_mix": scores - (scores if mixed is None else mixed),
            "over_table": scores - self.table,
            "gap": self.top - scores,
        }
        shown = {key: 100 * float(values.mean()) for key, values in points.items()}
        cost = float(costs.mean()) / self.usual
        return Read(
            self.pool,
            self.seed,
            name,
            goal,
            100 * float(scores.mean()),
            cost=cost,
            settings=settings,
            **shown,
        )


def kept(path: Path) -> list[Read]:
    """The rows of earlier runs."""
    if not path.exists():
        return []
    return [Read(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def markdown(rows: Iterable[Read]) -> str:
    """Means over seeds, with the standard deviation of the gain over seeds, as tables by pool."""
    rows, text = list(rows), []
    for pool in dict.fromkeys(row.pool for row in rows):
        of_pool = [row for row in rows if row.pool == pool]
        seeds = sorted({row.seed for row in of_pool})
        text += [f"### {pool}, seeds {', '.join(map(str, seeds))}", "", *_HEAD]
        for name, goal in dict.fromkeys((row.name, row.goal) for row in of_pool):
            some = [row for row in of_pool if (row.name, row.goal) == (name, goal)]
            text.append(_line(name, goal, some))
        said = [f"{row.seed}: {row.settings}" for row in of_pool if row.name == "underdog route"]
        if said:
            text += ["", "What `underdog route` says, by seed:", "", *(f"- {one}" for one in said)]
        text.append("")
    return "\n".join(text)


_HEAD = [
    "| | goal | score | over best single (sd) | × cost | over mix | over table | below oracle | fell back |",
    "|---|---|---|---|---|---|---|---|---|",
]


def _line(name: str, goal: str, some: list[Read]) -> str:
    def mean(field: str) -> float:
        return fmean(getattr(row, field) for row in some)

    spread = stdev([row.gain for row in some]) if len(some) > 1 else 0.0
    back = sum(row.settings == "fallback" for row in some)
    return (
        f"| {name} | {goal} | {mean('score'):.1f} | {mean('gain'):+.2f} ({spread:.2f}) | {mean('cost'):.2f} "
        f"| {mean('over_mix'):+.2f} | {mean('over_table'):+.2f} | {mean('gap'):.1f} | {back} of {len(some)} |"
    )
