"""Watches after deployment: no false alarm above alpha ever, late changes found, state that survives."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binom

from underdog.statistics.monitor import Watch, certified_disagreement, restored, watch


def alarms(kind: str, level: float, draws: np.ndarray, alpha: float = 0.05) -> list[int]:
    """After how many observations each row of draws raised the alarm; rows that never did are left out."""
    found = []
    for row in draws:
        one = watch(kind, level, alpha)
        for value in row.tolist():
            if one.add(value):
                found.append(one.n)
                break
    return found


@pytest.mark.parametrize(
    ("kind", "level", "values", "chances"),
    [
        ("disagreement", 0.1, [0, 1], [0.9, 0.1]),
        ("disagreement", 0.02, [0, 1], [0.98, 0.02]),
        ("loss", 0.03, [-1, 0, 1], [0.05, 0.87, 0.08]),
        ("loss", 0.08, [-0.5, 0, 0.25, 1], [0.1, 0.62, 0.2, 0.08]),
        ("loss", 0.05, [0.05], [1.0]),
    ],
)
def test_false_alarms_stay_within_alpha_however_long_one_watches(kind, level, values, chances) -> None:
    """The mean lies exactly at the level, the hardest case; benchmarks/cascades has longer watches."""
    assert abs(np.dot(values, chances) - level) < 1e-12
    draws = np.random.default_rng(5).choice(values, p=chances, size=(100, 400))
    assert binom.sf(len(alarms(kind, level, draws)) - 1, 100, 0.05) > 0.01


def test_a_rate_that_rises_by_half_of_itself_is_found_and_most_quiet_ones_are_not() -> None:
    generator = np.random.default_rng(1)
    risen = alarms("disagreement", 0.2, generator.random((20, 1_200)) < 0.3, 0.01)
    assert len(risen) == 20 and np.median(risen) < 400
    assert alarms("disagreement", 0.2, generator.random((20, 1_200)) < 0.15, 0.01) == []


def test_a_change_after_a_long_quiet_time_is_found_nearly_as_fast() -> None:
    generator = np.random.default_rng(2)
    quiet, loud = generator.random((15, 2_000)) < 0.1, generator.random((15, 800)) < 0.4
    found = alarms("disagreement", 0.2, np.hstack([quiet, loud]), 0.01)
    assert len(found) == 15 and min(found) > 2_000 and np.median(found) < 2_250


def test_a_plan_that_turned_bad_is_found_by_its_labels() -> None:
    draws = np.random.default_rng(3).choice([-1, 0, 1], p=[0.02, 0.83, 0.15], size=(20, 1_200))
    found = alarms("loss", 0.03, draws, 0.01)
    assert len(found) == 20 and np.median(found) < 500


def test_the_alarm_carries_its_evidence_and_stays() -> None:
    one = watch("disagreement", 0.1, 0.01)
    alarm = None
    while alarm is None:
        alarm = one.add(1)
    assert (alarm.n, alarm.mean, alarm.level) == (one.n, 1.0, 0.1) and alarm.evidence >= 100
    assert "100.0% of" in alarm.sentence and "0.1 at most" in alarm.sentence
    assert one.add([0.0] * 500) is alarm and one.mean < 0.1 and one.evidence < 100


def test_a_watch_goes_on_from_its_state_to_the_last_bit() -> None:
    generator, whole = np.random.default_rng(4), watch("loss", 0.05)
    draws = generator.choice([0.0, 1.0, 0.5, -1.0], size=300, p=[0.6, 0.2, 0.15, 0.05])
    whole.add(draws[:200])
    again = restored(json.loads(json.dumps(whole.state)))
    assert again == whole
    whole.add(draws[200:])
    again.add(draws[200:])
    assert again == whole and whole.alarm is not None and isinstance(again, Watch)


def test_before_anything_was_seen_nothing_is_claimed() -> None:
    one = watch("loss", 0.03)
    assert (one.n, one.mean, one.evidence, one.alarm) == (0, None, 1.0, None)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: watch("loss", 0.0), "level"),
        (lambda: watch("loss", 0.03, 1.0), "alpha"),
        (lambda: watch("disagreement", 0.03).add(-0.5), r"\[0, 1\]"),
        (lambda: watch("loss", 0.03).add(float("nan")), "nan"),
        (lambda: restored({"kind": "loss"}), "not the state"),
        (lambda: restored({**watch("loss", 0.1).state, "capital": [1.0]}), "not the state"),
        (lambda: certified_disagreement(0, 0), "none"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(call, words) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_the_certified_rate_is_the_exact_upper_bound() -> None:
    assert certified_disagreement(0, 300, 0.95) == pytest.approx(1 - 0.05 ** (1 / 300))
    level = certified_disagreement(12, 300)
    assert binom.cdf(12, 300, level) == pytest.approx(0.01)
    assert watch("disagreement", certified_disagreement(10, 10)).add([1] * 2_000) is None
