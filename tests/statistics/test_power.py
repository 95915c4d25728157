"""How many examples: published sizes, simulated power, and the number a study that cannot tell names."""

from __future__ import annotations

import numpy as np
import pytest

from underdog.statistics import (
    noninferiority_pairs,
    paired_difference,
    pairs_to_tell,
    superiority_pairs,
    tango,
)


def test_connors_superiority_sizes_are_reproduced() -> None:
    """Connor 1987, Biometrics 43:207: 10 points at 20 % discordance; every discordant pair one way; 99 %."""
    assert superiority_pairs(0.10, 0.20) == 155
    assert superiority_pairs(0.10, 0.10) == 77
    assert superiority_pairs(-0.10, 0.20, confidence=0.99) == 231


def test_ten_per_cent_discordance_takes_some_two_thousand_pairs_for_two_points() -> None:
    assert noninferiority_pairs(0.02, 0.10) == pytest.approx(1_950, rel=0.03)
    assert noninferiority_pairs(0.05, 0.10) == 350


@pytest.mark.parametrize("margin", [0.03, 0.05])
def test_the_size_gives_the_power_it_was_asked_for(margin: float) -> None:
    n = noninferiority_pairs(margin, 0.10)
    draws = np.random.default_rng(9).multinomial(n, [0.05, 0.05, 0.9], size=1_500)
    power = np.mean([tango(b, c, n)[0] > -margin for b, c, _ in draws.tolist()])
    assert 0.77 < power < 0.84


def test_with_no_discordance_the_size_is_the_score_intervals_own() -> None:
    n = noninferiority_pairs(0.03, 0.0)
    assert tango(0, 0, n)[0] > -0.03 >= tango(0, 0, n - 2)[0]


def test_a_study_that_cannot_tell_is_told_a_number_that_tells_four_times_in_five() -> None:
    a, b = np.repeat([1.0, 0.0, 1.0], [73, 69, 1248]), np.repeat([0.0, 1.0, 1.0], [73, 69, 1248])
    more = pairs_to_tell(paired_difference(a, b), 0.02)
    assert (more.total, more.more, more.towards) == (2538, 1148, "rivals")


def test_the_number_for_falling_short_comes_from_the_other_side() -> None:
    a, b = np.repeat([0.0, 1.0, 1.0], [14, 4, 82]), np.repeat([1.0, 0.0, 1.0], [14, 4, 82])
    more = pairs_to_tell(paired_difference(a, b), 0.03)
    assert more.towards == "falls short" and more.total is not None and 200 < more.total < 2_000


def test_a_difference_on_the_margin_cannot_be_told_by_any_number() -> None:
    a, b = np.repeat([0.0, 1.0], [3, 97]), np.repeat([1.0, 1.0], [3, 97])
    more = pairs_to_tell(paired_difference(a, b), 0.03)
    assert (more.total, more.more) == (None, None)


def test_what_is_already_told_needs_no_more() -> None:
    same = [1.0] * 500
    assert pairs_to_tell(paired_difference(same, same), 0.03).more == 0


def test_fractional_scores_are_planned_from_the_width_they_showed() -> None:
    generator = np.random.default_rng(6)
    large = generator.uniform(0.3, 0.9, 4_000)
    plan = np.clip(large + generator.normal(0, 0.2, 4_000), 0, 1)
    few = paired_difference(plan[:200], large[:200])
    more = pairs_to_tell(few, 0.03)
    assert more.total is not None and 200 < more.total < 4_000
    enough = paired_difference(plan[: more.total], large[: more.total])
    assert enough.sure_low is not None and few.sure_low is not None
    assert few.sure_low < -0.03 < enough.sure_low + 0.01


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: noninferiority_pairs(0.02, 0.1, difference=-0.05), "not within the margin"),
        (lambda: noninferiority_pairs(2, 0.1), "margin"),
        (lambda: superiority_pairs(0.3, 0.2), "discordance"),
        (lambda: superiority_pairs(0.0, 0.2), "difference of 0"),
        (lambda: pairs_to_tell(paired_difference([], []), 0.02), "nothing to plan"),
    ],
)
def test_what_cannot_be_planned_is_refused(call: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()  # type: ignore[operator]
