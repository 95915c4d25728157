"""Two gamblers, one bet: claims about future examples from some labels of these, however often one looks."""

from __future__ import annotations

import numpy as np
import pytest
from tests.labelling.conftest import Contest, Label
from tests.labelling.made import made, said_of

from underdog.labelling.bound import Draws, Stratum
from underdog.labelling.evidence import Evidence, Rest, fill
from underdog.labelling.standing import standing
from underdog.statistics.betting import lower_bound
from underdog.studies.verdict import Kind

LOOKS = (6, 15, 30, 50)


def kinds_seen(quiz: Contest, truth: dict[str, Label]) -> set[Kind]:
    """Every verdict that a person who looks again and again could stop at."""
    order = [pair.item for pair in quiz.shown]
    counts = sorted({*(count for count in LOOKS if count < len(order)), len(order)})
    return {standing(quiz, {item: truth[item] for item in order[:count]}).kind for count in counts}


@pytest.mark.parametrize("groups", [1, 2])
def test_whoever_stops_when_it_suits_is_seldom_told_what_is_not_so(groups: int) -> None:
    """The arm is worse by exactly the margin, so "rivals" is false; 30 studies, 5 looks at each."""
    generator = np.random.default_rng(11)
    false = 0
    for seed in range(30):
        quiz, truth = made(
            generator, seed, n=300, harm=0.14, help_=0.04, tie=0.06, margin=0.10, groups=groups
        )
        false += not kinds_seen(quiz, truth).isdisjoint({Kind.RIVALS, Kind.BEATS})
    assert false <= 4  # 2.5 % before the last label and 2.5 % at it; 30 x 0.05 + 2.1 standard errors


def test_where_the_arm_is_as_good_a_part_of_the_labels_tells() -> None:
    generator = np.random.default_rng(5)
    told = []
    for seed in range(8):
        quiz, truth = made(generator, seed, n=900, harm=0.03, help_=0.03, tie=0.06, margin=0.05)
        order = [pair.item for pair in quiz.shown]
        half = standing(quiz, {item: truth[item] for item in order[: len(order) * 6 // 10]})
        told.append(half.kind in (Kind.RIVALS, Kind.BEATS))
    assert sum(told) >= 5


def test_the_interval_narrows_with_labels_and_holds_the_study_s_own_at_the_end() -> None:
    generator = np.random.default_rng(2)
    quiz, truth = made(generator, 0, n=400, harm=0.05, help_=0.05, tie=0.05, margin=0.05)
    order = [pair.item for pair in quiz.shown]
    widths = []
    for count in (0, len(order) // 2, len(order)):
        now = standing(quiz, {item: truth[item] for item in order[:count]})
        assert now.low is not None and now.high is not None
        widths.append(now.high - now.low)
    assert widths[0] > widths[1] > widths[2]
    assert now.complete
    assert now.low < sum(map(said_of, truth.values())) / 400 < now.high


def test_targets_that_are_mostly_right_tell_with_fewer_labels() -> None:
    """Doubted gold is a guess: where it holds up, labels that agree with it narrow the interval faster."""
    widths = {}
    for leans in (False, True):
        quiz, truth = made(np.random.default_rng(4), 0, n=600, harm=0.1, help_=0.1, tie=0.0, leans=leans)
        order = [pair.item for pair in quiz.shown]
        now = standing(quiz, {item: truth[item] for item in order[:30]})
        assert now.low is not None and now.high is not None
        widths[leans] = now.high - now.low
    assert widths[True] < 0.8 * widths[False]


def rest_of(kinds: str) -> Rest:
    """Open examples at places 2, 3, ...: `-` can only harm, `+` only help, `?` either."""
    can_harm, can_help = (np.array([kind in ends for kind in kinds], bool) for ends in ("-?", "+?"))
    return Rest(np.arange(2, 2 + len(kinds)), can_harm, can_help)


@pytest.mark.parametrize(
    ("total", "spare", "values"),
    [
        (0, 0, [0, 0, 0, 0]),
        (-2, 2, [-1, -1, 0, 0]),
        (-1, 3, [-1, -1, 1, 0]),
        (3, 3, [0, 1, 1, 1]),
        (-3, 9, [-1, -1, 0, -1]),
    ],
)
def test_what_is_open_is_filled_to_its_total_as_widely_as_it_can_be(
    total: int, spare: int, values: list[int]
) -> None:
    assert fill(rest_of("-?+?"), total, spare, 7).tolist() == [0, 0, *values, 0]


def test_with_nothing_open_the_second_gambler_s_bound_is_the_one_of_all_certificates() -> None:
    """Two arms that never disagree: one gambler is left."""
    known = np.zeros(200)
    alone = Evidence(Draws((), np.zeros(0, np.int64), np.zeros(0)), known, rest_of(""), None, 0.025)
    values, counts = np.unique(known, return_counts=True)
    bound = float(lower_bound(values, counts, 0.025 * 0.9))
    assert alone.low == pytest.approx(bound, abs=1e-3)
    assert alone.above(bound - 0.01) and not alone.above(bound + 0.01)


def test_without_a_label_the_worst_total_is_taken() -> None:
    known, rest = np.zeros(100), rest_of("?" * 10)
    draws = Draws((Stratum(10, 1.0, -1, 1, 0.0),), np.zeros(0, np.int64), np.zeros(0))
    worst = np.array([-1.0] * 10 + [0.0] * 90)
    values, counts = np.unique(worst, return_counts=True)
    bound = float(lower_bound(values, counts, 0.025 * 0.9))
    assert Evidence(draws, known, rest, None, 0.025).low == pytest.approx(bound, abs=1e-3)
