"""Does the race claim what is not so, and find what is? Races over drawn scores, with the truth known.

Six levers stand between a small and a large model; all of them find the same examples hard, as models do. A
race may spend a third of the grid's calls, and its choice is then judged on 1,000 fresh examples. Beside it
stand the two usual ways to fool oneself on the same draws: looking at a plain 95 % interval of every lever
after each 50 examples and stopping at the first that says yes, and measuring everything, picking the best and
quoting its plain interval.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from benchmarks.truth.cores import on_all_cores
from benchmarks.truth.recordings import Floats
from benchmarks.truth.table import Table, at_least, at_most, percent
from scipy.stats import norm

from underdog.statistics import Claim, Finish, Rules, paired_difference, run_race
from underdog.statistics.paired import score_variance
from underdog.studies.verdict import Kind, judge

MARGIN, UNITS, FRESH, LOOK = 0.05, 800, 1_000, 50
SMALL, LARGE = 0.60, 0.80
RULES = Rules(MARGIN, floor=0)
COSTS = {"small": 1.0, **{f"lever {i}": 1.0 + i for i in range(1, 7)}, "large": 30.0}
_LIKENESS = 0.6
_Z = float(norm.ppf(0.975))

CASES: Mapping[str, tuple[float, ...]] = {
    "nothing helps": (SMALL,) * 6,
    "all are a margin below large": (LARGE - MARGIN,) * 6,
    "all are as good as large": (LARGE,) * 6,
    "one helps a little": (SMALL, SMALL, 0.66, SMALL, SMALL, SMALL),
    "one helps": (SMALL, SMALL, 0.70, SMALL, SMALL, SMALL),
    "one is as good as large": (SMALL, 0.62, 0.64, LARGE, 0.66, SMALL),
    "one beats large": (SMALL, 0.62, 0.64, 0.85, 0.66, SMALL),
}
"""What the six levers truly score; every lever costs more than the one before it."""
NULLS = ("nothing helps", "all are a margin below large", "all are as good as large")
"""Where false claims are counted; of the other cases a quarter of the runs shows what is found."""


@dataclass(frozen=True)
class Draw:
    """What one drawn study came to, said of the truth. `held` is that every interval of the race did."""

    false_claim: bool
    true_claim: bool
    held: bool
    best: bool
    spent: float
    false_verdict: bool
    verdict: Kind
    peeking: bool
    picking: bool


def tables(runs: int, seed: int) -> list[Table]:
    """False claims and verdicts, beside the naive ways; and what the race finds."""
    found = {case: draws(case, runs if case in NULLS else max(runs // 4, 1), seed) for case in CASES}
    return [errors(found), powers(found)]


def draws(case: str, runs: int, seed: int) -> list[Draw]:
    """A case's studies, each from a seed of its own."""
    number = list(CASES).index(case)
    return on_all_cores(drawn, [(case, (seed, number, run)) for run in range(runs)])


def errors(found: Mapping[str, list[Draw]]) -> Table:
    """Claims and verdicts that are not so."""
    header = (
        "the levers", "races", "false claims", "", "all intervals hold", "", "false verdicts", "",
        "peeking: false claims", "picking the best: false claims",
    )  # fmt: skip
    table = Table("The race at 95 %: what it claims that is not so", header)
    for case, results in found.items():
        n = len(results)
        claims, verdicts = sum(r.false_claim for r in results), sum(r.false_verdict for r in results)
        held = sum(r.held for r in results)
        table.add(
            case,
            n,
            percent(claims / n),
            at_most(claims, n, 0.05),
            percent(held / n),
            at_least(held, n, 0.95),
            percent(verdicts / n),
            at_most(verdicts, n, 0.05),
            percent(sum(r.peeking for r in results) / n),
            percent(sum(r.picking for r in results) / n),
        )
    return table


def powers(found: Mapping[str, list[Draw]]) -> Table:
    """How often something is found, and what it takes."""
    header = ("the levers", "true claims", "the best is chosen", "calls", *(kind.value for kind in Kind))
    table = Table("The race: what it finds for how many of the grid's calls", header)
    for case, results in found.items():
        n = len(results)
        table.add(
            case,
            percent(sum(r.true_claim for r in results) / n),
            percent(sum(r.best for r in results) / n) if len(set(CASES[case])) > 1 else "-",
            percent(float(np.mean([r.spent for r in results]))),
            *(percent(sum(r.verdict is kind for r in results) / n) for kind in Kind),
        )
    return table


def drawn(job: tuple[str, tuple[int, ...]]) -> Draw:
    """One study of a case: a race, a verdict on fresh examples, and what the naive ways would have said."""
    case, seed = job
    truth = {"small": SMALL, **dict(zip(list(COSTS)[1:-1], CASES[case], strict=True)), "large": LARGE}
    generator = np.random.default_rng(seed)
    scores = alike(generator, truth, UNITS)
    costs = {name: np.full(UNITS, cost) for name, cost in COSTS.items()}
    finish = run_race(scores, RULES, costs)
    chosen = finish.chosen
    fresh = alike(generator, truth, FRESH)
    verdict = judge(paired_difference(fresh[chosen], fresh["large"]), MARGIN).kind
    return Draw(
        false_claim=not so(finish.claim, chosen, truth),
        true_claim=finish.claim is not Claim.NOTHING and so(finish.claim, chosen, truth),
        held=intervals_hold(finish, truth),
        best=truth[chosen] == max(CASES[case]),
        spent=finish.spent / (len(COSTS) * UNITS),
        false_verdict=wrong(verdict, truth[chosen] - LARGE),
        verdict=verdict,
        peeking=any(_claims_falsely(scores, truth, n) for n in range(LOOK, UNITS + 1, LOOK)),
        picking=_claims_falsely(scores, truth, UNITS, best_only=True),
    )


def alike(generator: np.random.Generator, truth: Mapping[str, float], units: int) -> dict[str, Floats]:
    """0/1 scores with these means, tied by a common hardness of the examples (normal copula)."""
    common = generator.normal(size=units)
    return {
        name: (
            sqrt(_LIKENESS) * common + sqrt(1 - _LIKENESS) * generator.normal(size=units) < norm.ppf(share)
        ).astype(np.float64)
        for name, share in truth.items()
    }


def so(claim: Claim, arm: str, truth: Mapping[str, float]) -> bool:
    """Whether what a race claims of an arm is true."""
    if claim is Claim.GOOD_ENOUGH:
        return truth[arm] > truth["large"] - MARGIN + 1e-9
    return claim is Claim.NOTHING or truth[arm] > truth["small"]


def intervals_hold(finish: Finish, truth: Mapping[str, float]) -> bool:
    """Whether every interval of a race, against large and the incumbent, holds the true difference."""
    pairs = [(s.against_large, truth[s.arm] - truth["large"]) for s in finish.standings.values()]
    pairs += [
        (s.against_incumbent, truth[s.arm] - truth["small"])
        for s in finish.standings.values()
        if s.arm != "small"
    ]
    return all(
        interval.low is None or interval.high is None or interval.low <= difference <= interval.high
        for interval, difference in pairs
    )


def wrong(kind: Kind, difference: float) -> bool:
    """Whether a verdict is false, given the true difference to the large model."""
    if kind is Kind.BEATS:
        return difference <= 1e-9
    if kind is Kind.RIVALS:
        return difference <= -MARGIN + 1e-9
    return kind is Kind.FALLS_SHORT and difference >= -MARGIN - 1e-9


def _claims_falsely(
    scores: Mapping[str, Floats], truth: Mapping[str, float], n: int, best_only: bool = False
) -> bool:
    """Whether a plain 95 % interval after n units says of some lever (or of the best) what is not so."""
    levers = [name for name in scores if name not in ("small", "large")]
    if best_only:
        levers = [max(levers, key=lambda name: float(scores[name][:n].mean()))]
    return any(
        (not so(Claim.HELPS, name, truth) and _above(scores[name][:n] - scores["small"][:n], 0.0))
        or (
            not so(Claim.GOOD_ENOUGH, name, truth) and _above(scores[name][:n] - scores["large"][:n], -MARGIN)
        )
        for name in levers
    )


def _above(d: Floats, level: float) -> bool:
    """Whether the low end of Tango's interval for the mean of d lies above `level`."""
    n, up, down = len(d), int((d > 0).sum()), int((d < 0).sum())
    return up - down - n * level > _Z * sqrt(n * score_variance(up / n, down / n, level))
