"""Metrics from label pairs: known values, what is undefined, and intervals that do not collapse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from underdog.statistics import (
    accuracy,
    clopper_pearson,
    kappa,
    macro_f1,
    mcc,
    metric_interval,
    quadratic_kappa,
)

TARGETS = ["cat", "cat", "cat", "dog", "dog", "bird"]
FINALS = ["cat", "cat", "dog", "dog", "bird", "bird"]
LABELS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["a", "b", "c", None])), max_size=30)


def drawn(seed: int, n: int, right: float) -> tuple[list[str], list[str]]:
    generator = np.random.default_rng(seed)
    targets = generator.choice(["a", "b", "c"], p=[0.6, 0.3, 0.1], size=n)
    noise = generator.choice(["a", "b", "c"], size=n)
    return np.where(generator.random(n) < right, targets, noise).tolist(), targets.tolist()


def test_the_metrics_match_values_worked_by_hand() -> None:
    assert accuracy(FINALS, TARGETS) == pytest.approx(4 / 6)
    # F1: cat 2*2/(3+2), dog 2*1/(2+2), bird 2*1/(1+2)
    assert macro_f1(FINALS, TARGETS) == pytest.approx((4 / 5 + 1 / 2 + 2 / 3) / 3)
    # Chance: 3/6*2/6 + 2/6*2/6 + 1/6*2/6 = 12/36
    assert kappa(FINALS, TARGETS) == pytest.approx((4 / 6 - 1 / 3) / (1 - 1 / 3))
    spread = (1 - 12 / 36) * (1 - 14 / 36)
    assert mcc(FINALS, TARGETS) == pytest.approx((4 / 6 - 1 / 3) / spread**0.5)


def test_mcc_of_two_classes_is_the_phi_coefficient() -> None:
    finals, targets = ["y"] * 7 + ["n"] * 3 + ["y"] * 2 + ["n"] * 8, ["y"] * 10 + ["n"] * 10
    table = np.corrcoef([f == "y" for f in finals], [t == "y" for t in targets])
    assert mcc(finals, targets) == pytest.approx(table[0, 1])


def test_quadratic_kappa_punishes_a_miss_by_its_squared_distance() -> None:
    order = ["low", "mid", "high"]
    targets = ["low", "low", "mid", "mid", "high", "high"]
    near = ["low", "mid", "mid", "mid", "high", "high"]
    far = ["low", "high", "mid", "mid", "high", "high"]
    # Observed 1 step (of 2) once: (1/4)/6; expected over the margins by hand.
    expected = (2 * (3 * 1 + 2 * 4) + 2 * (1 + 2) + 2 * (4 + 3)) / 4 / 36
    assert quadratic_kappa(near, targets, order) == pytest.approx(1 - (1 / 24) / expected)
    assert (quadratic_kappa(far, targets, order) or 0) < (quadratic_kappa(near, targets, order) or 0)
    assert quadratic_kappa(targets, targets, order) == 1.0
    unread = quadratic_kappa(["low", None, *near[2:]], targets, order)
    assert unread == pytest.approx(quadratic_kappa(far, targets, order), abs=0.1)


def test_an_unread_or_made_up_answer_is_wrong_and_makes_no_new_class() -> None:
    for strange in (None, "lion"):
        finals = [*FINALS[:2], strange, *FINALS[3:]]
        assert accuracy(finals, TARGETS) == pytest.approx(4 / 6)
        assert macro_f1(finals, TARGETS) == pytest.approx((4 / 5 + 2 / 3 + 2 / 3) / 3)


@pytest.mark.parametrize("metric", [accuracy, macro_f1, mcc, kappa])
def test_no_items_is_undefined_and_all_right_is_one(metric: Any) -> None:
    assert metric([], []) is None
    assert metric(TARGETS, TARGETS) == pytest.approx(1.0)


def test_chance_corrected_metrics_are_undefined_when_everything_is_one_class() -> None:
    assert mcc(["a", "a"], ["a", "a"]) is None and kappa(["a", "a"], ["a", "a"]) is None
    assert mcc(["a", "a", "a"], ["a", "b", "a"]) is None
    i = metric_interval("kappa", ["a"], ["a"])
    assert not i.defined and "undefined" in i.note
    assert metric_interval("mcc", [], []).note == "no items"


@given(LABELS)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_every_metric_stays_in_range_and_every_interval_around_it(
    pairs: list[tuple[str, str | None]],
) -> None:
    targets, finals = [t for t, _ in pairs], [f for _, f in pairs]
    for name in ("accuracy", "macro_f1", "mcc", "kappa"):
        i = metric_interval(name, finals, targets)  # type: ignore[arg-type]
        if i.defined:
            assert i.low is not None and i.high is not None and i.estimate is not None
            assert -1 - 1e-9 <= i.low <= i.estimate <= i.high <= 1 + 1e-9
            assert i.low < i.high


def test_the_interval_of_accuracy_is_close_to_clopper_pearson() -> None:
    finals, targets = drawn(1, 120, 0.7)
    k = sum(f == t for f, t in zip(finals, targets, strict=True))
    ours, exact = metric_interval("accuracy", finals, targets), clopper_pearson(k, 120)
    assert ours.low == pytest.approx(exact.low, abs=0.02)
    assert ours.high == pytest.approx(exact.high, abs=0.02)


def test_a_perfect_run_of_twenty_does_not_claim_certainty() -> None:
    targets = ["a", "b"] * 10
    i = metric_interval("macro_f1", targets, targets)
    assert (i.estimate, i.high) == (1.0, 1.0) and i.low is not None and 0.75 < i.low < 0.95


def test_the_same_data_give_the_same_interval_in_any_order() -> None:
    finals, targets = drawn(2, 60, 0.7)
    shuffled = np.random.default_rng(0).permutation(60)
    again = metric_interval("macro_f1", [finals[i] for i in shuffled], [targets[i] for i in shuffled])
    assert again == metric_interval("macro_f1", finals, targets)


def test_groups_widen_a_metrics_interval() -> None:
    finals, targets = drawn(3, 40, 0.6)
    alone = metric_interval("macro_f1", finals * 5, targets * 5)
    grouped = metric_interval("macro_f1", finals * 5, targets * 5, groups=list(range(40)) * 5)
    assert grouped.estimate == pytest.approx(alone.estimate)
    assert (grouped.high or 0) - (grouped.low or 0) > 1.7 * ((alone.high or 0) - (alone.low or 0))


@pytest.mark.parametrize("name", ["macro_f1", "mcc"])
def test_metric_intervals_cover_the_value_of_the_whole_population(name: Any) -> None:
    finals, targets = drawn(4, 200_000, 0.75)
    value = metric_interval(name, finals, targets).estimate
    inside, runs = 0, 60
    for run in range(runs):
        rows = slice(1000 * run, 1000 * run + 120)
        i = metric_interval(name, finals[rows], targets[rows])
        inside += i.low is not None and i.high is not None and i.low <= (value or 0) <= i.high
    assert binom.cdf(inside, runs, 0.95) > 1e-3


def test_an_order_that_lacks_a_target_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks 'bird'"):
        quadratic_kappa(FINALS, TARGETS, ["cat", "dog"])
    with pytest.raises(ValueError, match="needs `order`"):
        metric_interval("quadratic_kappa", FINALS, TARGETS)
    with pytest.raises(ValueError, match="one of accuracy"):
        metric_interval("f2", FINALS, TARGETS)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one length"):
        accuracy(["a"], [])
