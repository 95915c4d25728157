"""Intervals for one mean: published values, exact coverage by enumeration, and honest ends at small n."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from underdog.statistics import clopper_pearson, mean_interval, wilson
from underdog.statistics.bounded import bounded_mean, positive_share

UNIT = st.floats(0.0, 1.0, allow_nan=False)
CONFIDENCE = st.sampled_from([0.8, 0.9, 0.95, 0.99])


@pytest.mark.parametrize(
    ("k", "n", "score", "exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0000, 0.1611), (0.0000, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_newcombes_published_intervals_are_reproduced(
    k: int, n: int, score: tuple[float, float], exact: tuple[float, float]
) -> None:
    """Newcombe 1998, Stat Med 17:857, table I, methods 3 and 5."""
    assert (wilson(k, n).low, wilson(k, n).high) == pytest.approx(score, abs=5e-5)
    assert (clopper_pearson(k, n).low, clopper_pearson(k, n).high) == pytest.approx(exact, abs=5e-5)


@given(n=st.integers(1, 300), data=st.data(), confidence=CONFIDENCE)
@settings(max_examples=30, deadline=None, derandomize=True)
def test_clopper_pearson_is_scipys_beta_quantile(n: int, data: st.DataObject, confidence: float) -> None:
    k = data.draw(st.integers(0, n))
    tail = (1 - confidence) / 2
    both = clopper_pearson(k, n, confidence)
    assert both.low == pytest.approx(beta.ppf(tail, k, n - k + 1) if k else 0.0)
    assert both.high == pytest.approx(beta.isf(tail, k + 1, n - k) if k < n else 1.0)
    upper = clopper_pearson(k, n, confidence, "upper")
    assert upper.low == 0.0
    assert upper.high == pytest.approx(beta.isf(2 * tail, k + 1, n - k) if k < n else 1.0)
    lower = clopper_pearson(k, n, confidence, "lower")
    assert lower.high == 1.0
    assert lower.low == pytest.approx(beta.ppf(2 * tail, k, n - k + 1) if k else 0.0)


@pytest.mark.parametrize("n", [1, 7, 40])
def test_clopper_pearson_covers_at_least_its_confidence_at_every_rate(n: int) -> None:
    ends = [clopper_pearson(k, n) for k in range(n + 1)]
    for rate in np.linspace(0.001, 0.999, 97):
        inside = [k for k, i in enumerate(ends) if (i.low or 0) <= rate <= (i.high or 0)]
        assert binom.pmf(inside, n, rate).sum() >= 0.95 - 1e-12


def test_wilson_covers_about_its_confidence_on_average() -> None:
    n = 60
    ends = [wilson(k, n) for k in range(n + 1)]
    rates = np.linspace(0.02, 0.98, 97)
    cover = [
        binom.pmf([k for k, i in enumerate(ends) if (i.low or 0) <= r <= (i.high or 0)], n, r).sum()
        for r in rates
    ]
    assert 0.945 < np.mean(cover) < 0.965
    assert min(cover) > 0.89


@given(st.lists(UNIT, min_size=1, max_size=60), CONFIDENCE)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_the_interval_contains_its_estimate_and_stays_in_range(scores: list[float], c: float) -> None:
    i = mean_interval(scores, c)
    assert i.estimate is not None and i.low is not None and i.high is not None
    assert 0.0 <= i.low <= i.estimate + 1e-12 and i.estimate <= i.high + 1e-12 and i.high <= 1.0
    assert i.n == len(scores)


@given(st.lists(UNIT, min_size=1, max_size=40))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_more_confidence_is_never_a_narrower_interval(scores: list[float]) -> None:
    narrow, wide = mean_interval(scores, 0.8), mean_interval(scores, 0.99)
    assert (wide.low or 0) <= (narrow.low or 0) + 1e-9
    assert (wide.high or 0) >= (narrow.high or 0) - 1e-9


@given(st.lists(UNIT, min_size=1, max_size=40), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_mirrored_scores_give_the_mirrored_interval_and_row_order_does_not_matter(
    scores: list[float], random: object
) -> None:
    values = np.array(scores)
    low, high = bounded_mean(values, 0.0, 1.0)
    mirrored = bounded_mean(1.0 - values[::-1], 0.0, 1.0)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-6)


@pytest.mark.parametrize(("k", "n"), [(0, 1), (0, 10), (3, 10), (10, 10), (15, 148), (99, 100)])
def test_the_bounded_mean_of_zeros_and_ones_is_clopper_pearson(k: int, n: int) -> None:
    low, high = bounded_mean(np.repeat([1.0, 0.0], [k, n - k]), 0.0, 1.0)
    exact = clopper_pearson(k, n)
    assert exact.low is not None and exact.high is not None
    if k > 0:
        assert 0.0235 < binom.sf(k - 1, n, low) < 0.0255
    if k < n:
        assert 0.0235 < binom.cdf(k, n, high) < 0.0255
    assert (low, high) == pytest.approx((exact.low, exact.high), abs=0.003)


def test_the_saddlepoint_probability_agrees_with_a_million_draws() -> None:
    generator = np.random.default_rng(5)
    for size in (2, 3, 8, 40):
        coefficients = generator.uniform(-1, 1, size)
        coefficients[:2] = -0.7, 0.6
        shapes = generator.integers(1, 5, size).astype(float)
        draws = generator.standard_gamma(shapes, size=(200_000, size)) @ coefficients
        assert positive_share(coefficients, shapes) == pytest.approx((draws > 0).mean(), abs=0.02)
    assert positive_share(np.array([-1.0, -2.0]), np.ones(2)) == 0.0
    assert positive_share(np.array([1.0, 2.0]), np.ones(2)) == 1.0


def test_equal_scores_still_have_a_width_that_shrinks_with_n() -> None:
    few, many = mean_interval([0.5] * 10), mean_interval([0.5] * 1000)
    assert few.high is not None and few.low is not None and many.high is not None and many.low is not None
    assert few.high - few.low > 0.2
    assert 0.0 < many.high - many.low < 0.01


def test_one_item_says_almost_nothing_and_none_says_why() -> None:
    one = mean_interval([1])
    assert one.low == pytest.approx(0.2065, abs=1e-4) and one.high == 1.0
    empty, failed = mean_interval([]), mean_interval([None, None])
    assert not empty.defined and empty.low is None and empty.note == "no items"
    assert not failed.defined and "all 2 items failed" in failed.note
    assert not wilson(0, 0).defined and not clopper_pearson(0, 0).defined


def test_failed_items_are_left_out_and_not_counted_as_zero() -> None:
    assert mean_interval([1, None, 1, 0]) == mean_interval([1, 1, 0])


def test_groups_widen_the_interval_when_their_members_agree() -> None:
    scores = [1.0] * 30 + [0.0] * 30
    alone = mean_interval(scores)
    grouped = mean_interval(scores, groups=[i // 10 for i in range(60)])
    assert grouped.method == "gaffke by group" and grouped.n == 60
    assert (grouped.high or 0) - (grouped.low or 0) > 1.8 * ((alone.high or 0) - (alone.low or 0))
    assert mean_interval(scores, groups=range(60)) == alone


def test_a_single_group_is_one_observation() -> None:
    interval = mean_interval([1, 0, 1], groups=["a"] * 3)
    assert (interval.low or 0) < 0.03 and (interval.high or 0) > 0.97


def test_a_hundred_thousand_distinct_scores_are_rounded_outwards() -> None:
    scores = np.random.default_rng(1).random(100_000)
    i = mean_interval(scores)
    half = 1.96 * scores.std() / np.sqrt(len(scores))
    assert i.low is not None and i.high is not None
    assert i.low <= scores.mean() - half and scores.mean() + half <= i.high
    assert i.high - i.low < 2.3 * half


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mean_interval([0.2, 1.5]), "position 1"),
        (lambda: mean_interval([1], confidence=95), "confidence"),
        (lambda: mean_interval([1, 0], groups=["a"]), "one length"),
        (lambda: wilson(3, 2), "between 0 and n"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(call: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()  # type: ignore[operator]
