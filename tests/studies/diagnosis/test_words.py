"""Which side of a level an interval lies on, and how many examples would tell."""

from __future__ import annotations

import pytest

from underdog.statistics import Interval, wilson
from underdog.statistics.intervals import undefined
from underdog.studies.diagnosis.rules import needed
from underdog.studies.diagnosis.words import enough, gain, listed, share, told


def interval(estimate: float, half: float, n: int = 100) -> Interval:
    return Interval(estimate, estimate - half, estimate + half, n, 0.95, "made")


def test_a_side_is_told_only_when_the_whole_interval_lies_on_it() -> None:
    assert told(interval(0.05, 0.02), 0.02) is True
    assert told(interval(0.0, 0.01), 0.02) is False
    assert told(interval(0.05, 0.04), 0.02) is None
    assert told(undefined("no items", 0, 0.95), 0.02) is None


def test_four_times_the_distance_takes_a_sixteenth_of_the_examples() -> None:
    near, far = enough(interval(0.03, 0.1), 0.02), enough(interval(0.06, 0.1), 0.02)
    assert near is not None and far is not None
    assert near / far == pytest.approx(16, rel=0.01)
    # The interval shrinks to the distance at 100 * (.1 / .04)^2 = 625, and power 80 % takes 2.04 times that.
    assert far == pytest.approx(625 * 2.042, rel=0.01)


def test_no_number_of_examples_tells_what_lies_on_the_level_or_is_told_already() -> None:
    assert enough(interval(0.02, 0.1), 0.02) is None
    assert enough(interval(0.2, 0.1), 0.02) is None
    assert enough(undefined("no items", 0, 0.95), 0.02) is None


@pytest.mark.parametrize("none", [True, False])
def test_what_never_or_always_happened_is_planned_with_wilsons_own_width(none: bool) -> None:
    """The rule of three, about: none of 186 puts Wilson's high end below 2 %."""
    k, level = (0, 0.02) if none else (50, 0.98)
    n = enough(wilson(k, 50), level)
    assert n is not None
    whole = 0 if none else n
    assert told(wilson(whole, n), level) is (not none)
    assert told(wilson(max(whole - (not none), 0), n - 1), level) is None
    assert 180 < n < 195


def test_numbers_are_written_as_percent_and_points() -> None:
    assert share(interval(0.794, 0.013)) == "79.4 % (78.1 to 80.7)"
    assert gain(interval(0.087, 0.016)) == "+8.7 points (+7.1 to +10.3)"
    assert gain(interval(-0.0001, 0.01)) == "0.0 points (-1.0 to +1.0)"
    assert gain(undefined("no items", 0, 0.95)) == "an unknown number of points"
    assert [listed(["a"]), listed(["a", "b", "c"])] == ["a", "a, b and c"]


def test_a_rule_is_settled_by_the_first_that_lies_above_or_by_all_below() -> None:
    """An `any` rule: 625 * 2.04 examples for what lies above its level, however many the other would take."""
    above, below, hopeless = interval(0.06, 0.1), interval(-0.02, 0.1), interval(0.0199, 0.1)
    first, second = enough(above, 0.02), enough(below, 0.02)
    assert needed([(above, 0.02), (hopeless, 0.02)]) == first
    assert needed([(below, 0.02), (interval(0.0, 0.1), 0.02)]) == enough(interval(0.0, 0.1), 0.02)
    assert needed([(above, 0.02), (below, 0.02)], every=True) == second
    assert needed([]) is None
