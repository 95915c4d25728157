"""The exact score test: its size by enumeration, its bound, and what it saves beside Clopper-Pearson."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multinomial

from underdog.statistics import Candidate, Certificate, Refusal, certify, fewest_pairs
from underdog.statistics.certificate import certifiable, worst_case
from underdog.statistics.unconditional import noninferiority_bound, noninferiority_p, score_statistic


def rejected(n: int, margin: float, harms: int) -> list[tuple[int, int]]:
    """All outcomes with at most so many harms whose p is at most 0.05."""
    return [
        (b, c)
        for c in range(harms + 1)
        for b in range(n - c + 1)
        if c - b < n * margin and noninferiority_p(b, c, n, margin) <= 0.05
    ]


@pytest.mark.parametrize(("n", "margin"), [(25, 0.1), (32, 0.1), (20, 0.2)])
def test_a_plan_worse_by_the_margin_passes_at_most_one_time_in_twenty(n: int, margin: float) -> None:
    """Every outcome is enumerated, at every rate of help; the largest chance is not far from the allowed."""
    passing = np.array(rejected(n, margin, n))
    cells = np.column_stack([passing, n - passing.sum(axis=1)])
    sizes = [
        multinomial.pmf(cells, n, [help_, help_ + margin, 1 - 2 * help_ - margin]).sum()
        for help_ in np.linspace(0, (1 - margin) / 2, 60)
    ]
    assert 0.02 < max(sizes) <= 0.05
    worse = [
        multinomial.pmf(cells, n, [h, h + margin * 1.5, 1 - 2 * h - margin * 1.5]).sum() for h in (0, 0.1)
    ]
    assert max(worse) < max(sizes)


@given(st.integers(5, 400), st.floats(0, 0.3), st.floats(0, 0.3), st.floats(0.005, 0.3))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_more_help_and_less_harm_never_raise_the_statistic(
    n: int, up: float, down: float, margin: float
) -> None:
    b, c = float(round(n * up)), float(round(n * down))
    z = float(score_statistic(np.array(b), np.array(c), n, margin))
    assert np.isfinite(z)
    assert float(score_statistic(np.array(b + 1), np.array(c), n, margin)) <= z + 1e-9
    assert float(score_statistic(np.array(b), np.array(c + 1), n, margin)) >= z - 1e-9


def test_with_nothing_differing_the_p_is_the_chance_of_no_harm() -> None:
    assert 0.97**120 < noninferiority_p(0, 0, 120, 0.03) < 1.15 * 0.97**120
    assert noninferiority_p(3, 6, 100, 0.03) == 1.0


@pytest.mark.parametrize(("margin", "least"), [(0.01, 302), (0.02, 150), (0.05, 60)])
def test_the_least_number_that_certifies_certifies_and_one_less_does_not(margin: float, least: int) -> None:
    """Fewer than two Clopper-Pearson bounds take; a refusal without examples names it."""
    assert fewest_pairs(margin, test="score") == least < fewest_pairs(margin)
    rulings = [certify([Candidate("same", n, 0, 0)], margin, test="score") for n in (0, least - 1, least)]
    assert isinstance(rulings[0], Refusal) and rulings[0].needed == least
    assert f"at least {least}" in rulings[0].reason
    assert isinstance(rulings[1], Refusal) and isinstance(rulings[2], Certificate)


def test_help_counts_in_full_where_clopper_pearson_hardly_counts_it() -> None:
    """5 harms and 2 helps of 300 at 3 points: shown by the score test, not by two bounds at half the risk."""
    one = Candidate("t", 300, 2, 5)
    assert isinstance(certify([one], 0.03), Refusal)
    ruling = certify([one], 0.03, test="score")
    assert isinstance(ruling, Certificate) and ruling.method == "exact unconditional score test"
    assert ruling.bound < 0.03 < worst_case(one)


@pytest.mark.parametrize(("helps", "harms", "n"), [(0, 0, 200), (2, 5, 300), (10, 14, 500), (40, 20, 400)])
def test_the_bound_is_where_the_test_turns(helps: int, harms: int, n: int) -> None:
    bound = noninferiority_bound(helps, harms, n)
    assert noninferiority_p(helps, harms, n, bound) <= 0.05
    assert bound == 0.001 or noninferiority_p(helps, harms, n, bound - 2e-4) > 0.05
    assert bound >= (harms - helps) / n and noninferiority_bound(helps, harms, n, 0.99) >= bound


def test_a_refusal_by_the_score_test_names_a_number_that_is_about_right() -> None:
    refusal = certify([Candidate("t", 100, 2, 3)], 0.03, test="score")
    assert isinstance(refusal, Refusal) and refusal.needed is not None
    by_bounds = certify([Candidate("t", 100, 2, 3)], 0.03)
    assert isinstance(by_bounds, Refusal) and refusal.needed < by_bounds.needed
    draws = np.random.default_rng(7).multinomial(refusal.needed, [0.02, 0.03, 0.95], size=60)
    passed = np.mean([noninferiority_p(b, c, refusal.needed, 0.03) <= 0.05 for b, c, _ in draws.tolist()])
    assert 0.65 < passed < 0.97


def test_what_more_labels_would_certify_is_foreseen() -> None:
    assert certifiable((0.01, 0.015), 300, 0.03, test="score")
    assert not certifiable((0.01, 0.015), 150, 0.03, test="score")
    assert not certifiable((0.01, 0.015), 300, 0.03) and certifiable((0.01, 0.015), 450, 0.03)
    assert not certifiable((0.01, 0.05), 100_000, 0.03, test="score")


@pytest.mark.parametrize("counts", [(-1, 0, 10), (6, 6, 10), (0, 0, 0)])
def test_counts_that_do_not_fit_are_refused(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="within n"):
        noninferiority_p(*counts, 0.03)
    with pytest.raises(ValueError, match="margin"):
        noninferiority_p(1, 1, 10, 1.0)
