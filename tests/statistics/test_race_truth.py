"""The race claims what is not so in at most a twentieth of races; peeking at plain intervals does far more.

A small, seeded part of benchmarks/truth, with the truth known: levers that do not help, or not enough.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy.stats import binom

from underdog.statistics import Claim, Finish, Rules, run_race, tango
from underdog.statistics.vectors import Floats

UNITS, RACES, LOOK = 400, 40, 20
COSTS = {"small": 1.0, "shots": 2.0, "vote": 5.0, "panel": 6.0, "large": 30.0}
LEVERS = ("shots", "vote", "panel")
# What the small model, the levers and the large model truly score, the margin, and the claim that is false.
# The margins are such that a lever is chosen, and not the small model for being cheaper.
NOTHING_HELPS = (0.5, 0.5, 0.8, 0.01, Claim.HELPS)
A_MARGIN_BELOW = (0.5, 0.7, 0.8, 0.1, Claim.GOOD_ENOUGH)
CASES = pytest.mark.parametrize(
    "case", [NOTHING_HELPS, A_MARGIN_BELOW], ids=["nothing helps", "all are a margin below large"]
)

Case = tuple[float, float, float, float, Claim]


def draw(seed: int, case: Case) -> dict[str, Floats]:
    """0/1 scores; what is hard is hard for every arm."""
    small, levers, large, _, _ = case
    generator = np.random.default_rng(seed)
    common = generator.random(UNITS) - 0.5
    shares = {"small": small, **dict.fromkeys(LEVERS, levers), "large": large}
    return {
        name: (generator.random(UNITS) < share + 0.4 * common).astype(np.float64)
        for name, share in shares.items()
    }


@cache
def raced(case: Case) -> list[Finish]:
    """Races that measure everything, with as many looks as they like: the most chances to be wrong."""
    rules = Rules(case[3], share=1.0, first=LOOK, risk=0.0)
    costs = {name: np.full(UNITS, cost) for name, cost in COSTS.items()}
    return [run_race(draw(seed, case), rules, costs) for seed in range(RACES)]


def peeked(seed: int, case: Case) -> bool:
    """Whether a plain 95 % interval says what is not so of some lever, at some look."""
    scores, (_, _, _, margin, untrue) = draw(seed, case), case
    rival, level = ("small", 0.0) if untrue is Claim.HELPS else ("large", -margin)
    for n in range(LOOK, UNITS + 1, LOOK):
        for lever in LEVERS:
            d = scores[lever][:n] - scores[rival][:n]
            if tango(int((d > 0).sum()), int((d < 0).sum()), n)[0] > level:
                return True
    return False


def credible(misses: int) -> bool:
    """Whether so many of RACES are credible where at most 5 % should be (one-sided, 1 %)."""
    return bool(binom.sf(misses - 1, RACES, 0.05) > 0.01)


@CASES
def test_at_most_a_twentieth_of_races_claims_of_its_choice_what_is_not_so(case: Case) -> None:
    assert credible(sum(finish.claim is case[4] for finish in raced(case)))


@CASES
def test_all_intervals_of_a_race_hold_together_in_at_least_nineteen_of_twenty(case: Case) -> None:
    small, levers, large, _, _ = case
    truth = {"small": small, **dict.fromkeys(LEVERS, levers)}
    missed = 0
    for finish in raced(case):
        ends = [(s.against_large, truth[s.arm] - large) for s in finish.standings.values()]
        ends += [(finish.standings[lever].against_incumbent, levers - small) for lever in LEVERS]
        missed += not all((i.low or -1.0) <= true <= (i.high or 1.0) for i, true in ends)
    assert credible(missed)


@CASES
def test_looking_at_plain_intervals_on_the_same_draws_fails_the_same_test(case: Case) -> None:
    """So the tests above can fail: these draws do mislead whoever peeks."""
    assert not credible(sum(peeked(seed, case) for seed in range(RACES)))
