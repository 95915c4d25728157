"""A race decides as measuring everything would, for a part of it, and claims only what is shown."""

from __future__ import annotations

import numpy as np
import pytest

from underdog.statistics import Claim, Fate, PairedSequence, Race, Rules, run_grid, run_race
from underdog.statistics.vectors import Floats

RULES = Rules(margin=0.04, floor=0)


def draws(seed: int, units: int, **shares: float) -> dict[str, Floats]:
    """0/1 scores by arm; the same unit is hard for every arm, so that arms agree more often than not."""
    hardness = np.random.default_rng(seed).random(units)
    own = np.random.default_rng(seed + 1)
    return {
        name: (0.8 * hardness + 0.2 * own.random(units) < _level(share)).astype(np.float64)
        for name, share in shares.items()
    }


def _level(share: float) -> float:
    """Where 0.8 uniform + 0.2 uniform lies below with this probability, for shares in [0.125, 0.875]."""
    return 0.1 + 0.8 * share


def flat(units: int, **costs: float) -> dict[str, Floats]:
    return {name: np.full(units, cost) for name, cost in costs.items()}


MANY = {"small": 0.55, **{f"arm{i}": 0.5 + 0.01 * i for i in range(8)}, "good": 0.8, "large": 0.82}
PRICES = {name: 1.0 + place for place, name in enumerate(MANY)} | {"large": 30.0}


@pytest.mark.parametrize("seed", range(5))
def test_a_race_finds_the_good_arm_for_a_third_of_the_calls_of_the_grid(seed: int) -> None:
    """And says as much of it as the grid does."""
    scores, costs = draws(seed, 900, **MANY), flat(900, **PRICES)
    race, grid = run_race(scores, RULES, costs), run_grid(scores, RULES, costs)
    assert race.chosen == grid.chosen == "good"
    assert race.spent <= grid.spent / 3 and grid.spent == grid.grid == 900 * len(MANY)
    assert race.claim is not Claim.NOTHING
    assert race.standings["arm0"].n < race.standings["good"].n


def test_where_nothing_helps_nothing_is_claimed() -> None:
    """Three arms as good as the incumbent, forty times: at most 5 % of claims are false by design."""
    level = {"small": 0.5, **{f"arm{i}": 0.5 for i in range(3)}, "large": 0.8}
    price = {name: 1.0 + place for place, name in enumerate(level)} | {"large": 30.0}
    finishes = [run_race(draws(seed, 180, **level), RULES, flat(180, **price)) for seed in range(0, 80, 2)]
    assert sum(finish.claim is not Claim.NOTHING for finish in finishes) <= 3


def test_a_cheap_arm_that_equals_the_large_model_ends_the_race() -> None:
    """It is shown good enough, and nobody dearer needs to go on."""
    scores = draws(3, 2000, small=0.3, cheap=0.7, dear=0.7)
    scores["large"] = scores["cheap"].copy()
    costs = flat(2000, small=1, cheap=2, dear=5, large=20)
    finish = run_race(scores, Rules(0.04, share=1.0), costs)
    assert finish.chosen == "cheap" and finish.claim is Claim.GOOD_ENOUGH
    assert finish.units < 1000
    assert finish.standings["cheap"].against_large.low > -0.04  # type: ignore[operator]
    assert finish.standings["dear"].fate is Fate.OVERTAKEN


def test_an_arm_that_costs_more_than_the_large_model_does_not_race_on() -> None:
    """While a cheaper one is there; alone it may."""
    scores = draws(1, 400, small=0.5, panel=0.6, large=0.8)
    finish = run_race(scores, RULES, flat(400, small=1, panel=40, large=30))
    assert finish.standings["panel"].fate in (Fate.DEAR, Fate.SHORT)
    assert finish.standings["panel"].n < 2 * RULES.first
    alone = run_race(scores, RULES, flat(400, small=50, panel=40, large=30))
    assert alone.chosen in ("small", "panel")


def test_all_arms_of_a_leg_are_measured_on_the_same_units() -> None:
    """Legs follow each other without a gap, and the large model is in all of them."""
    scores = draws(2, 500, **MANY)
    race = Race([name for name in MANY if name != "large"], 500, RULES)
    end = 0
    while (leg := race.leg) is not None:
        assert leg.start == end < leg.stop <= 500 and "large" in leg.arms
        end = leg.stop
        race.tell({name: scores[name][leg.start : leg.stop] for name in leg.arms})
    assert race.finish.units == end
    assert all(standing.n <= end for standing in race.finish.standings.values())


def test_few_units_are_all_used_where_nothing_is_decided() -> None:
    """A floor under the share: with few examples a poor choice costs more than the calls."""
    scores = draws(4, 80, small=0.5, vote=0.52, shots=0.51, large=0.6)
    costs = flat(80, small=1, vote=5, shots=2, large=20)
    assert run_race(scores, Rules(0.04, floor=80), costs).units == 80
    assert run_race(scores, Rules(0.04, floor=0), costs).units < 80


def test_an_arm_that_starts_late_is_not_set_aside_before_it_has_started() -> None:
    """NaN is a unit on which an arm was not measured."""
    scores = draws(5, 900, **MANY)
    scores["good"][:50] = np.nan
    finish = run_race(scores, RULES, flat(900, **PRICES))
    assert finish.chosen == "good"


def test_failures_are_left_out_and_an_arm_that_always_fails_is_never_chosen() -> None:
    """A model outage is not a wrong answer, and no reason to be preferred."""
    scores = draws(6, 300, small=0.5, broken=0.5, large=0.6)
    scores["broken"][:] = np.nan
    finish = run_race(scores, RULES)
    assert finish.chosen == "small" and finish.standings["broken"].score is None
    nobody = {name: np.full(60, np.nan) for name in ("small", "vote", "large")}
    assert run_race(nobody, RULES).chosen == "small"
    in_turn = {name: np.where(np.arange(60) % 3 == i, 1.0, np.nan) for i, name in enumerate(nobody)}
    assert run_race(in_turn, RULES).claim is Claim.NOTHING, "no unit was scored by two of them"


def test_an_arm_can_be_withdrawn_and_says_why() -> None:
    race = Race(["small", "vote"], 100, RULES)
    leg = race.leg
    assert leg is not None
    race.tell({name: np.ones(leg.stop) for name in leg.arms})
    race.withdraw("vote", "its latency is above the limit")
    assert race.finish.standings["vote"].fate is Fate.WITHDRAWN
    assert race.finish.standings["vote"].note == "its latency is above the limit"


def test_more_arms_and_a_larger_family_widen_every_interval() -> None:
    """What might have raced counts as raced."""
    scores = draws(7, 100, small=0.5, vote=0.6, large=0.8)
    widths = []
    for family in (2, 20):
        race = Race(["small", "vote"], 100, Rules(0.04, floor=100), family=family)
        while (leg := race.leg) is not None:
            race.tell({name: scores[name][leg.start : leg.stop] for name in leg.arms})
        seen = race.finish.standings["vote"].against_incumbent
        widths.append((seen.high or 0) - (seen.low or 0))
    assert widths[0] < widths[1]


def test_a_race_needs_arms_and_says_what_it_got() -> None:
    with pytest.raises(ValueError, match="at least one arm beside 'large'"):
        Race([], 10, RULES)
    race = Race(["small"], 10, RULES)
    with pytest.raises(ValueError, match="asked for"):
        race.tell({"vote": np.ones(10)})


@pytest.mark.parametrize("mean", [-0.3, 0.0, 0.2])
def test_above_and_below_say_what_the_interval_says(mean: float) -> None:
    """They only cost less."""
    generator = np.random.default_rng(11)
    sequence = PairedSequence(0.95)
    assert not sequence.above(-0.99) and not sequence.below(0.99)
    sequence.update(generator.choice([-1.0, 0.0, 1.0], size=300, p=[0.3 - mean / 2, 0.4, 0.3 + mean / 2]))
    low, high = sequence.interval.low, sequence.interval.high
    assert low is not None and high is not None
    for level in (low - 1e-3, low + 1e-3, high - 1e-3, high + 1e-3, 0.0):
        assert sequence.above(level) == (level < low)
        assert sequence.below(level) == (level > high)


def test_an_arm_that_started_late_is_judged_by_no_fewer_units_than_the_others_were() -> None:
    """It is perfect on the few units that it has, which decides nothing yet."""
    scores = draws(9, 400, small=0.6, late=0.6, large=0.7)
    scores["late"] = np.where(np.arange(400) < 70, 1.0, scores["late"])
    scores["late"][:50] = np.nan
    race = Race(["small", "late"], 400, RULES)
    while (leg := race.leg) is not None and leg.start < 2 * RULES.first:
        race.tell({name: scores[name][leg.start : leg.stop] for name in leg.arms})
    assert race.leg is not None
    assert all(standing.fate is not Fate.OVERTAKEN for standing in race.finish.standings.values())
