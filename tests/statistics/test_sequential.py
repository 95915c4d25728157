"""Anytime-valid sequences: they hold under constant peeking, where a fixed interval does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from underdog.statistics import PairedSequence, running_intervals, tango
from underdog.statistics.betting import log_wealth


def test_peeking_after_every_ten_examples_keeps_the_promise_and_naive_peeking_does_not() -> None:
    generator = np.random.default_rng(21)
    looks, runs = list(range(20, 401, 20)), 120
    missed = naive = 0
    for _ in range(runs):
        d = generator.choice([-1.0, 0.0, 1.0], p=[0.08, 0.84, 0.08], size=400)
        low, high = running_intervals(d, at=looks)
        missed += bool(((low > 0) | (high < 0)).any())
        ups, downs = (d > 0).cumsum(), (d < 0).cumsum()
        ends = [tango(int(ups[n - 1]), int(downs[n - 1]), n) for n in looks]
        naive += any(low > 0 or high < 0 for low, high in ends)
    assert binom.sf(missed - 1, runs, 0.05) > 1e-3
    assert binom.sf(naive - 1, runs, 0.05) < 1e-6


def test_a_clear_difference_is_found_long_before_the_end() -> None:
    d = np.random.default_rng(3).choice([-1.0, 0.0, 1.0], p=[0.02, 0.78, 0.2], size=1000)
    low, _ = running_intervals(d)
    assert 30 < int(np.argmax(low > 0)) < 200
    assert low[-1] > 0.1


def test_feeding_one_by_one_in_batches_or_shuffled_is_the_same() -> None:
    d = np.random.default_rng(5).uniform(-1, 1, 60).round(1)
    one, batch, shuffled = PairedSequence(0.9), PairedSequence(0.9), PairedSequence(0.9)
    for value in d.tolist():
        one.update(value)
    batch.update(d[:25].tolist())
    batch.update(d[25:].tolist())
    shuffled.update(d[::-1].tolist())
    assert one.interval == batch.interval == shuffled.interval
    low, high = running_intervals(d, 0.9)
    assert (one.interval.low, one.interval.high) == pytest.approx((low[-1], high[-1]))
    assert one.n == 60 and one.interval.estimate == pytest.approx(d.mean())


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_the_interval_contains_the_mean_mirrors_and_widens_with_confidence(values: list[float]) -> None:
    sequence, mirror, wide = PairedSequence(), PairedSequence(), PairedSequence(0.99)
    sequence.update(values)
    mirror.update([-v for v in values])
    wide.update(values)
    i = sequence.interval
    assert i.low is not None and i.high is not None and i.estimate is not None
    assert i.low <= i.estimate + 1e-12 and i.estimate - 1e-12 <= i.high
    assert (mirror.interval.low, mirror.interval.high) == pytest.approx((-i.high, -i.low))
    assert (wide.interval.low or 0) <= i.low + 1e-9 and (wide.interval.high or 0) >= i.high - 1e-9


def test_wealth_at_the_true_mean_does_not_grow_on_average() -> None:
    """Exact: over all sequences of three draws from (-1, 0, 1) the mean wealth is 1."""
    chance = np.array([0.2, 0.5, 0.3])
    values = np.array([-1.0, 0.0, 1.0])
    level = float(chance @ values)
    total = 0.0
    for sequence in np.ndindex(3, 3, 3):
        counts = np.bincount(sequence, minlength=3)
        total += chance[list(sequence)].prod() * float(np.exp(log_wealth(level, values, counts)))
    assert total == pytest.approx(1.0)


def test_before_the_first_difference_nothing_is_claimed() -> None:
    empty = PairedSequence()
    assert empty.n == 0 and not empty.interval.defined and "no differences" in empty.interval.note
    low, high = running_intervals([])
    assert len(low) == len(high) == 0


def test_what_is_no_difference_or_no_look_is_refused() -> None:
    with pytest.raises(ValueError, match="position 0"):
        PairedSequence().update(1.5)
    with pytest.raises(ValueError, match="between 1 and 2"):
        running_intervals([0.0, 1.0], at=[3])
