"""Certificates: exact error rates by enumeration, refusals that name a number, groups and failures."""

from __future__ import annotations

from math import ceil, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom, multinomial

from underdog.statistics import Candidate, Certificate, Refusal, certificate_pairs, certify, fewest_pairs
from underdog.statistics.certificate import worst_case


def test_the_bound_is_the_harms_upper_less_the_helps_lower_clopper_pearson_end() -> None:
    bound = worst_case(Candidate("t", 300, 4, 9), 0.95)
    assert bound == pytest.approx(beta.isf(0.025, 10, 291) - beta.ppf(0.025, 4, 297))


@pytest.mark.parametrize("margin", [0.01, 0.02, 0.03, 0.05, 0.2])
def test_the_fewest_pairs_are_about_3_7_over_the_margin_and_exactly_enough(margin: float) -> None:
    n = fewest_pairs(margin)
    assert isinstance(certify([Candidate("t", n, 0, 0)], margin), Certificate)
    assert isinstance(certify([Candidate("t", n - 1, 0, 0)], margin), Refusal)
    assert n == pytest.approx(log(40) / margin, rel=0.12)
    assert fewest_pairs(0.01) == 368 and n >= ceil(log(40) / -log(1 - margin))


@pytest.mark.parametrize(("up", "down"), [(0.0, 0.05), (0.02, 0.07), (0.1, 0.15), (0.3, 0.35)])
def test_a_plan_exactly_at_the_margin_is_certified_at_most_one_time_in_twenty(up: float, down: float) -> None:
    n, margin = 150, 0.05
    cells = [(b, c, n - b - c) for b in range(n + 1) for c in range(n + 1 - b)]
    chance = multinomial.pmf(cells, n, [up, down, 1 - up - down])
    likely = [(cell, p) for cell, p in zip(cells, chance, strict=True) if p > 1e-7]
    broken = sum(p for (b, c, _), p in likely if worst_case(Candidate("t", n, b, c), 0.95) < margin)
    assert broken <= 0.05


def test_the_betting_certificate_breaks_its_promise_at_most_one_time_in_twenty() -> None:
    generator = np.random.default_rng(11)
    broken = 0
    for _ in range(150):
        d = np.clip(generator.normal(-0.05, 0.15, size=200), -1, 1)
        candidate = Candidate.from_differences("t", d)
        broken += isinstance(certify([candidate], 0.05), Certificate)
    assert binom.sf(broken - 1, 150, 0.05) > 1e-3


def test_the_sequence_stops_at_the_first_failure_even_when_a_bolder_one_would_pass() -> None:
    safe, bad, lucky = Candidate("0.9", 400, 0, 0), Candidate("0.8", 400, 0, 20), Candidate("0.7", 400, 9, 0)
    result = certify([safe, bad, lucky], 0.03)
    assert isinstance(result, Certificate)
    assert (result.label, result.index) == ("0.9", 0)
    assert [(s.label, s.passed) for s in result.steps] == [("0.9", True), ("0.8", False)]
    assert result.next_needed is None
    whole = certify([safe, lucky], 0.03)
    assert isinstance(whole, Certificate) and (whole.label, whole.next_needed) == ("0.7", None)


def test_a_certificate_names_what_the_next_bolder_candidate_would_take() -> None:
    result = certify([Candidate("a", 300, 2, 0), Candidate("b", 300, 5, 5)], 0.03)
    assert isinstance(result, Certificate) and result.next_needed is not None
    assert 400 < result.next_needed < 700


def test_a_refusal_names_a_number_that_is_true_four_times_in_five() -> None:
    refusal = certify([Candidate("t", 100, 2, 3)], 0.03)
    assert isinstance(refusal, Refusal) and refusal.needed is not None
    assert str(refusal.needed) in refusal.reason
    generator = np.random.default_rng(7)
    draws = generator.multinomial(refusal.needed, [0.02, 0.03, 0.95], size=2_000)
    passed = np.mean([worst_case(Candidate("t", refusal.needed, b, c)) < 0.03 for b, c, _ in draws.tolist()])
    assert 0.75 < passed < 0.9


def test_a_plan_that_is_worse_by_more_than_the_margin_is_told_that_no_number_helps() -> None:
    refusal = certify([Candidate("t", 300, 5, 25)], 0.03)
    assert isinstance(refusal, Refusal) and refusal.needed is None
    assert "no number" in refusal.reason


def test_no_examples_is_refused_with_the_least_number() -> None:
    refusal = certify([Candidate("t", 0, 0, 0)], 0.02)
    assert isinstance(refusal, Refusal) and refusal.needed == fewest_pairs(0.02) == 183
    assert "183" in refusal.reason


def test_score_vectors_become_counts_and_a_failed_pair_is_full_harm() -> None:
    candidate = Candidate.from_scores("t", [1, 0, 1, None, 1], [0, 1, 1, 1, None])
    assert (candidate.n, candidate.helps, candidate.harms, candidate.tally) == (5, 1, 3, None)


def test_fractional_scores_are_certified_by_betting_and_more_of_the_same_tightens_the_bound() -> None:
    generator = np.random.default_rng(0)
    large = generator.uniform(0.4, 1.0, 400)
    plan = np.clip(large + generator.normal(0, 0.1, 400), 0, 1)
    few, many = (Candidate.from_scores("t", plan[:n], large[:n]) for n in (50, 400))
    assert worst_case(many) < worst_case(few) < 0.2
    result = certify([many], 0.05)
    assert isinstance(result, Certificate) and result.method == "betting e-value"
    refusal = certify([few], 0.02)
    assert isinstance(refusal, Refusal) and refusal.needed is not None and 100 < refusal.needed < 3_000


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=40), st.floats(0.6, 0.99))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_the_bound_never_claims_more_than_was_seen_and_loosens_with_confidence(
    values: list[float], confidence: float
) -> None:
    d = np.array(values)
    candidate = Candidate.from_differences("t", d)
    bound = worst_case(candidate, confidence)
    assert -d.mean() - 1e-9 <= bound <= 1.0
    assert worst_case(candidate, 0.995) >= bound - 1e-9
    assert candidate.mirrored.mirrored == candidate


def test_grouped_examples_need_more_of_them() -> None:
    plan, large = [1.0] * 400, [1.0] * 400
    alone = certify([Candidate.from_scores("t", plan, large)], 0.03)
    grouped = certify([Candidate.from_scores("t", plan, large, [i // 10 for i in range(400)])], 0.03)
    assert isinstance(alone, Certificate)
    assert isinstance(grouped, Refusal) and grouped.needed is not None and grouped.needed > 1_000


def test_groups_of_one_size_give_the_bound_of_their_means() -> None:
    means = np.linspace(-0.2, 0.3, 12)
    alone = Candidate.from_differences("t", means)
    doubled = Candidate.from_differences("t", np.repeat(means, 2), np.repeat(np.arange(12), 2))
    assert worst_case(doubled) == pytest.approx(worst_case(alone), abs=1e-9)


def test_the_number_needed_grows_as_the_margin_shrinks() -> None:
    candidate = Candidate("t", 1000, 50, 50)
    needed = [certificate_pairs(candidate, margin) for margin in (0.05, 0.03, 0.02)]
    assert needed == sorted(needed, key=lambda n: n or 0) and (needed[0] or 0) > 300


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: certify([], 0.03), "at least one candidate"),
        (lambda: certify([Candidate("t", 10, 0, 0)], 0.0), "margin"),
        (lambda: certify([Candidate("t", 10, 0, 0)], 3), "margin"),
    ],
)
def test_what_cannot_be_certified_is_refused_with_a_sentence(call: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()  # type: ignore[operator]
