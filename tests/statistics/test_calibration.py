"""Confidence against correctness: AUROC and the calibration curve."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, mannwhitneyu

from underdog.statistics import auroc, auroc_difference, calibration_curve

ITEMS = st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.booleans()), min_size=2, max_size=40)


@given(ITEMS)
@settings(max_examples=80, deadline=None, derandomize=True)
def test_auroc_is_the_mann_whitney_share_and_mirrors(items: list[tuple[float, bool]]) -> None:
    levels, right = [c for c, _ in items], [r for _, r in items]
    i, mirror = auroc(levels, right), auroc([1 - c for c in levels], right)
    if all(right) or not any(right):
        assert not i.defined and "all are wrong" in i.note
        return
    up = [c for c, r in items if r]
    down = [c for c, r in items if not r]
    assert i.estimate == pytest.approx(mannwhitneyu(up, down).statistic / len(up) / len(down))
    assert i.low is not None and i.high is not None and i.estimate is not None
    assert 0 <= i.low <= i.estimate <= i.high <= 1
    assert (mirror.estimate, mirror.low, mirror.high) == pytest.approx(
        (1 - i.estimate, 1 - i.high, 1 - i.low)
    )


def test_delongs_interval_covers_the_true_area() -> None:
    generator = np.random.default_rng(8)
    inside, runs = 0, 300
    for _ in range(runs):
        right = generator.random(150) < 0.7
        level = generator.normal(right * 1.0, 1.0)
        i = auroc(1 / (1 + np.exp(-level)), right.tolist())
        inside += i.low is not None and i.high is not None and i.low <= 0.76025 <= i.high
    assert binom.cdf(inside, runs, 0.95) > 1e-3


def test_a_perfect_ranking_of_few_items_is_not_certain() -> None:
    i = auroc([0.9, 0.8, 0.7, 0.2, 0.1], [True, True, True, False, False])
    assert (i.estimate, i.high) == (1.0, 1.0) and i.low == pytest.approx(0.025**0.5, abs=0.005)
    flipped = auroc([0.1, 0.9], [True, False])
    assert (flipped.estimate, flipped.low) == (0.0, 0.0) and flipped.high == pytest.approx(0.975, abs=0.005)
    same = auroc([0.7] * 6, [True, True, True, True, False, False])
    assert same.estimate == 0.5 and same.low is not None and same.low < 0.2


def test_items_without_a_confidence_are_left_out_and_groups_widen() -> None:
    levels, right = [0.9, None, 0.4, 0.6], [True, True, False, False]
    assert auroc(levels, right).n == 3
    generator = np.random.default_rng(1)
    truth = generator.random(60) < 0.6
    held = np.clip(generator.normal(0.4 + 0.2 * truth, 0.2), 0, 1)
    alone = auroc(np.tile(held, 4), np.tile(truth, 4).tolist())
    grouped = auroc(np.tile(held, 4), np.tile(truth, 4).tolist(), groups=list(range(60)) * 4)
    assert (grouped.high or 0) - (grouped.low or 0) > 1.6 * ((alone.high or 0) - (alone.low or 0))


def test_a_calibrated_and_an_overconfident_model_are_told_apart() -> None:
    generator = np.random.default_rng(2)
    level = generator.uniform(0.3, 1.0, 800)
    fair = calibration_curve(level, (generator.random(800) < level).tolist())
    vain = calibration_curve(level, (generator.random(800) < level - 0.25).tolist())
    assert fair.p is not None and fair.p > 0.01 and vain.p == pytest.approx(1 / 1001)
    assert vain.error == pytest.approx(0.25, abs=0.05)
    assert fair.error is not None and fair.by_chance is not None and fair.error < 2 * fair.by_chance
    assert len(fair.bins) == 10 and sum(b.right.n for b in fair.bins) == 800


def test_a_calibration_error_worked_by_hand() -> None:
    curve = calibration_curve([0.2, 0.2, 0.8, 0.8], [False, True, True, True], bins=2)
    assert curve.error == pytest.approx((2 * abs(0.2 - 0.5) + 2 * abs(0.8 - 1.0)) / 4)
    assert curve.brier == pytest.approx((0.04 + 0.64 + 0.04 + 0.04) / 4)
    assert [(b.low, b.high, b.right.estimate) for b in curve.bins] == [(0.2, 0.2, 0.5), (0.8, 0.8, 1.0)]


def test_equal_confidences_fall_into_one_bin_and_nothing_into_none() -> None:
    assert len(calibration_curve([0.7] * 50, [True] * 50).bins) == 1
    empty = calibration_curve([None], [True])
    assert (empty.n, empty.error, empty.bins) == (0, None, ())
    with pytest.raises(ValueError, match="bins"):
        calibration_curve([0.5], [True], bins=0)


def test_two_signals_on_the_same_items_are_compared_with_their_covariance():
    generator = np.random.default_rng(3)
    right = [bool(one) for one in generator.random(300) < 0.5]
    first = [float(np.clip(0.5 + 0.2 * (2 * truth - 1) + 0.2 * generator.normal(), 0, 1)) for truth in right]
    second = [float(np.clip(value + 0.05 * generator.normal(), 0, 1)) for value in first]
    found = auroc_difference(first, second, right)
    areas = [auroc(values, right).estimate for values in (first, second)]
    assert found.estimate == pytest.approx(areas[0] - areas[1])
    apart = sum((auroc(values, right).high - auroc(values, right).low) for values in (first, second))
    assert found.low < found.estimate < found.high and found.high - found.low < apart / 2
    same = auroc_difference(first, first, right)
    assert (same.estimate, same.low < 0 < same.high) == (0.0, True)
    assert auroc_difference(first, second, [True] * 300).estimate is None


def test_the_difference_of_two_areas_is_covered_as_often_as_claimed():
    generator = np.random.default_rng(4)
    covered = 0
    for _ in range(200):
        right = [bool(one) for one in generator.random(80) < 0.5]
        signals = [
            [float(np.clip(0.5 + 0.1 * (2 * truth - 1) + 0.2 * generator.normal(), 0, 1)) for truth in right]
            for _ in range(2)
        ]
        found = auroc_difference(*signals, right)
        covered += found.low <= 0 <= found.high
    assert covered >= 180
