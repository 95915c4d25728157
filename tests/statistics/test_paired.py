"""Paired differences: published examples, exact levels by enumeration, groups, gaps, corrections."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, multinomial

from underdog.statistics import bonferroni, gap_closed, holm, mcnemar, paired_difference, tango
from underdog.statistics.paired import sign_flip

BITS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=50)
SHARES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("helps", "harms", "n", "published"),
    [
        (1, 7, 21, (-0.517, -0.026)),  # Bentur 2009 in Fagerland, Lydersen and Laake 2014, table V
        (6, 16, 161, (-0.1240, -0.0054)),  # Cavo 2012, ibid.
        (0, 0, 54, (-0.0664, 0.0664)),  # no discordance: z^2 / (n + z^2) on either side
    ],
)
def test_tangos_published_intervals_are_reproduced(
    helps: int, harms: int, n: int, published: tuple[float, float]
) -> None:
    assert tango(helps, harms, n) == pytest.approx(published, abs=5e-4)


def test_mcnemars_published_p_values_are_reproduced() -> None:
    assert mcnemar(6, 16) == pytest.approx((0.052479, 0.034690), abs=5e-7)


@given(st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_exact_mcnemar_is_the_binomial_test_and_mid_p_takes_half_of_what_was_seen(b: int, c: int) -> None:
    exact, mid = mcnemar(b, c)
    if b + c == 0:
        assert (exact, mid) == (1.0, 1.0)
        return
    assert exact == pytest.approx(binomtest(b, b + c).pvalue)
    both = binom.cdf(min(b, c) - 1, b + c, 0.5) * 2 + binom.pmf(b, b + c, 0.5)
    assert mid == pytest.approx(both)


@pytest.mark.parametrize("n", [12, 25])
def test_tango_covers_close_to_its_confidence_over_the_whole_square(n: int) -> None:
    cells = [(b, c, n - b - c) for b in range(n + 1) for c in range(n + 1 - b)]
    ends = np.array([tango(b, c, n) for b, c, _ in cells])
    cover = []
    for up, down in product([0.01, 0.03, 0.08, 0.2, 0.35], repeat=2):
        chance = multinomial.pmf(cells, n, [up, down, 1 - up - down])
        truth = up - down
        cover.append(chance[(ends[:, 0] <= truth) & (truth <= ends[:, 1])].sum())
    assert min(cover) > 0.90
    assert np.mean(cover) > 0.95


@given(BITS, st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_a_swap_of_the_two_mirrors_everything(pairs: list[tuple[int, int]], confidence: float) -> None:
    a, b = [float(x) for x, _ in pairs], [float(y) for _, y in pairs]
    one, two = paired_difference(a, b, confidence), paired_difference(b, a, confidence)
    assert one.low is not None and one.high is not None and one.difference is not None
    assert one.sure_low is not None and one.sure_high is not None
    assert (two.low, two.high) == pytest.approx((-one.high, -one.low), abs=1e-9)
    assert (two.sure_low, two.sure_high) == pytest.approx((-one.sure_high, -one.sure_low), abs=1e-9)
    assert (two.helps, two.harms, two.p) == (one.harms, one.helps, one.p)
    assert one.low <= one.difference <= one.high
    assert one.sure_low <= one.difference <= one.sure_high


@given(SHARES, st.booleans())
@settings(max_examples=30, deadline=None, derandomize=True)
def test_fractional_differences_lie_in_their_interval_and_mirror(
    pairs: list[tuple[float, float]], grouped: bool
) -> None:
    a, b = [x for x, _ in pairs], [y for _, y in pairs]
    groups = [i // 2 for i in range(len(pairs))] if grouped else None
    one = paired_difference(a, b, 0.9, groups)
    two = paired_difference(b, a, 0.9, groups)
    wide = paired_difference(a, b, 0.99, groups)
    assert one.low is not None and one.high is not None and one.difference is not None
    assert -1 <= one.low <= one.difference + 1e-9 and one.difference - 1e-9 <= one.high <= 1
    assert (two.low, two.high) == pytest.approx((-one.high, -one.low), abs=1e-6)
    assert (wide.low or 0) <= one.low + 1e-9 and (wide.high or 0) >= one.high - 1e-9
    assert one.p == two.p


def test_pairs_with_a_failure_are_dropped_on_both_sides_and_counted() -> None:
    whole = paired_difference([1, 0, 1], [0, 0, 1])
    gaps = paired_difference([1, None, 0, 1, 1], [0, 1, 0, 1, None])
    assert (gaps.n, gaps.dropped) == (3, 2)
    assert (gaps.difference, gaps.low, gaps.p) == (whole.difference, whole.low, whole.p)


def test_no_pairs_is_undefined_and_one_pair_is_nearly_so() -> None:
    none, failed, one = paired_difference([], []), paired_difference([None], [1]), paired_difference([1], [0])
    assert none.difference is None and none.p is None and none.note == "no pairs"
    assert failed.n == 0 and failed.dropped == 1 and "1 dropped" in failed.note
    assert one.difference == 1.0 and (one.low or 0) < -0.5 and one.p == 1.0


def test_sign_flips_by_enumeration_equal_mcnemar_and_by_sampling_come_close() -> None:
    assert sign_flip(np.repeat([1.0, -1.0, 0.0], [9, 3, 50])) == pytest.approx(mcnemar(9, 3)[0])
    assert sign_flip(np.repeat([1.0, -1.0], [30, 15])) == pytest.approx(mcnemar(30, 15)[0], abs=0.005)
    spread = np.linspace(0.1, 1.0, 25) * np.where(np.arange(25) % 3, 1, -1)
    signs = np.random.default_rng(3).choice([-1.0, 1.0], size=(200_000, 25))
    expected = (np.abs(signs @ np.abs(spread)) >= abs(spread.sum()) - 1e-9).mean()
    assert sign_flip(spread) == pytest.approx(expected, abs=0.015)
    assert sign_flip(np.zeros(4)) == 1.0


def test_examples_that_share_a_group_are_one_piece_of_evidence() -> None:
    a, b = [1.0] * 40 + [0.0] * 20, [0.0] * 40 + [0.0] * 20
    alone = paired_difference(a, b)
    grouped = paired_difference(a, b, groups=[i // 10 for i in range(60)])
    assert grouped.groups == 6 and grouped.n == 60 and grouped.difference == alone.difference
    assert grouped.p == 2 / 2**4 and (alone.p or 1) < 1e-9
    assert grouped.low is not None and alone.low is not None and grouped.low < alone.low
    assert grouped.design_effect == pytest.approx(10.0)


def test_the_gap_closed_is_one_for_the_large_model_itself_and_nought_for_the_small() -> None:
    generator = np.random.default_rng(2)
    small, large = generator.random(300) < 0.5, generator.random(300) < 0.8
    top, bottom = gap_closed(large, small, large), gap_closed(small, small, large)
    assert (top.estimate, top.low, top.high) == pytest.approx((1.0, 1.0, 1.0))
    assert (bottom.estimate, bottom.low, bottom.high) == pytest.approx((0.0, 0.0, 0.0))


def test_the_gap_closed_covers_the_true_share() -> None:
    generator = np.random.default_rng(4)
    inside = 0
    for _ in range(200):
        u = generator.random((3, 400))
        i = gap_closed(u[0] < 0.65, u[1] < 0.5, u[2] < 0.8)
        inside += i.low is not None and i.high is not None and i.low <= 0.5 <= i.high
    assert binom.cdf(inside, 200, 0.95) > 1e-4


def test_the_gap_closed_is_undefined_where_there_is_no_gap_to_speak_of() -> None:
    same = gap_closed([1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 1])
    assert not same.defined and "may be nil" in same.note
    better = gap_closed([1] * 50, [1] * 50, [0] * 50)
    assert not better.defined and "already scores higher" in better.note
    assert not gap_closed([], [], []).defined


def test_holm_matches_the_textbook_and_skips_what_is_undefined() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, None, 0.04]) == [pytest.approx(0.02), None, pytest.approx(0.04)]
    assert holm([0.6, 0.9]) == [1.0, 1.0] and holm([]) == []


def test_bonferroni_shares_the_risk_out() -> None:
    assert bonferroni(0.95, 1) == 0.95 and bonferroni(0.95, 5) == pytest.approx(0.99)
    with pytest.raises(ValueError, match="at least 1"):
        bonferroni(0.95, 0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: paired_difference([1], [1, 0]), "one length"),
        (lambda: paired_difference([2], [1]), "position 0"),
        (lambda: tango(3, 3, 5), "counts within n"),
    ],
)
def test_what_cannot_be_paired_is_refused(call: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()  # type: ignore[operator]
