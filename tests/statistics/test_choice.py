"""Which arm is taken, and how likely it is that more pairs would change that."""

from __future__ import annotations

import numpy as np
import pytest

from underdog.statistics import (
    Candidate,
    Certificate,
    certificate_odds,
    certify,
    cheapest_near_best,
    final_odds,
)


def test_the_cheapest_arm_near_the_best_is_taken() -> None:
    scores, costs = {"small": 0.60, "vote": 0.79, "cascade": 0.80}, {"small": 1, "vote": 5, "cascade": 8}
    assert cheapest_near_best(scores, costs, 10, 0.02) == "vote"
    assert cheapest_near_best(scores, costs, 10, 0.01) == "cascade"
    assert cheapest_near_best(scores, costs, 4, 0.02) == "small", "what costs more than large is no bargain"


def test_an_arm_that_saves_a_little_and_loses_the_certificate_is_not_near() -> None:
    """Odds of a certificate count beside the score, unless nobody has any."""
    scores, costs = {"cheap": 0.79, "dear": 0.80}, {"cheap": 5.0, "dear": 6.0}
    assert cheapest_near_best(scores, costs, 10, 0.03) == "cheap"
    assert cheapest_near_best(scores, costs, 10, 0.03, {"cheap": 0.5, "dear": 0.9}) == "dear"
    assert cheapest_near_best(scores, costs, 10, 0.03, {"cheap": 0.85, "dear": 0.9}) == "cheap"
    assert cheapest_near_best(scores, costs, 10, 0.03, {"cheap": 0.001, "dear": 0.04}) == "cheap"
    with pytest.raises(ValueError, match="at least one arm"):
        cheapest_near_best({}, {}, None, 0.02)


def test_final_odds_are_those_of_the_mean_over_all_units() -> None:
    """Of 400 units half are seen; how often the whole mean passes a level is what was foretold."""
    generator = np.random.default_rng(5)
    foretold, came = [], []
    for _ in range(400):
        lean = generator.uniform(-0.1, 0.1)
        whole = generator.choice([-1.0, 0.0, 1.0], size=400, p=[0.12 - lean, 0.76, 0.12 + lean])
        foretold.append(final_odds(whole[:200], 400, 0.01))
        came.append(float(whole.mean() > 0.01))
    assert np.mean(foretold) == pytest.approx(np.mean(came), abs=0.06)
    sure = np.array(foretold) > 0.9
    assert np.mean(np.array(came)[sure]) > 0.85


def test_final_odds_are_certain_at_the_end_and_even_before_the_start() -> None:
    ones = np.ones(10)
    assert final_odds(ones, 10, 0.5) == 1.0 and final_odds(ones, 10, 1.0) == 0.0
    assert final_odds(np.array([]), 10, 0.5) == 0.5
    assert 0.5 < final_odds(np.zeros(10), 100, -0.01) < 0.9, "nothing differed yet, which shows little"


def test_certificate_odds_are_how_often_the_certificate_comes() -> None:
    """On 500 fresh pairs, 5 % better and 4 % worse, at a margin of 4 points."""
    generator = np.random.default_rng(8)
    shares = [0.04, 0.91, 0.05]
    given = 0
    for _ in range(400):
        harms, _, helps = generator.multinomial(500, shares)
        given += isinstance(certify([Candidate("a", 500, int(helps), int(harms))], 0.04), Certificate)
    seen = np.repeat([-1.0, 0.0, 1.0], [400, 9100, 500])
    assert certificate_odds(seen, 0.04, 500) == pytest.approx(given / 400, abs=0.1)
    assert certificate_odds(seen[:0], 0.04, 500) == 0.0 and certificate_odds(seen, 0.04, 0) == 0.0
