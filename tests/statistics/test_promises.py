"""Promises for subgroups, all at once, and promises about the expected loss."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from underdog.statistics import Candidate, Certificate, Refusal, certify, certify_subgroups, control_risk

MARGIN = 0.05


def test_one_group_is_certified_as_without_groups() -> None:
    steps = [Candidate("a", 300, 0, 1), Candidate("b", 300, 2, 4)]
    assert certify_subgroups({"all": steps}, MARGIN) == {"all": certify(steps, MARGIN)}


def test_a_small_group_is_refused_with_its_own_number_and_a_large_one_is_not() -> None:
    rulings = certify_subgroups(
        {"en": [Candidate("t", 2_000, 5, 8)], "de": [Candidate("t", 40, 0, 0)]}, MARGIN
    )
    assert isinstance(rulings["en"], Certificate) and rulings["en"].confidence == pytest.approx(0.975)
    refusal = rulings["de"]
    assert isinstance(refusal, Refusal) and refusal.n == 40 and refusal.needed is not None
    # The large group was certified to its end, so all of the risk is the small one's now.
    assert refusal.confidence == pytest.approx(0.95) and refusal.needed == 72


def test_what_a_finished_group_hands_on_can_certify_another() -> None:
    tight = Candidate("t", 80, 0, 0)  # enough at 95 %, not at 97.5 %
    assert isinstance(certify([tight], MARGIN), Certificate)
    assert isinstance(certify([tight], MARGIN, 0.975), Refusal)
    helped = certify_subgroups({"big": [Candidate("t", 3_000, 9, 9)], "small": [tight]}, MARGIN)
    alone = certify_subgroups({"bad": [Candidate("t", 300, 0, 60)], "small": [tight]}, MARGIN)
    assert isinstance(helped["small"], Certificate) and isinstance(alone["small"], Refusal)


def test_all_promises_hold_together_nineteen_times_in_twenty() -> None:
    """Four groups whose plans are all exactly too bad: any certificate is a broken promise."""
    draws = np.random.default_rng(3).multinomial(150, [0.01, 0.01 + MARGIN, 0.98 - MARGIN], size=(400, 4))
    broken = 0
    for groups in draws.tolist():
        candidates = {str(i): [Candidate("t", 150, b, c)] for i, (b, c, _) in enumerate(groups)}
        rulings = certify_subgroups(candidates, MARGIN).values()
        broken += any(isinstance(ruling, Certificate) for ruling in rulings)
    assert binom.sf(broken - 1, 400, 0.05) > 0.01


def test_no_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one group"):
        certify_subgroups({}, MARGIN)


def losses(n: int, seed: int, steps: int = 9) -> np.ndarray:
    """Harm of accepting all items above a falling threshold: harder items fail more often."""
    generator = np.random.default_rng(seed)
    ease = generator.random(n)
    harm = generator.random(n) < 0.3 * (1 - ease)
    return np.array([harm & (ease >= level) for level in np.linspace(0.9, 0.1, steps)], dtype=np.float64)


def test_the_expected_loss_stays_within_the_level_over_calibrations() -> None:
    truth = losses(400_000, 0).mean(axis=1)
    chosen = [control_risk(losses(120, seed), 0.05).index for seed in range(1, 401)]
    reached = [0.0 if index is None else truth[index] for index in chosen]
    assert np.mean(reached) <= 0.05 and np.mean(reached) > 0.03


def test_the_boldest_candidate_within_the_level_is_chosen_and_its_sum_is_shown() -> None:
    table = np.zeros((3, 99))
    table[1, :3], table[2, :6] = 1, 1
    found = control_risk(table, 0.05)
    assert (found.index, found.n, found.needed) == (1, 99, 19)
    assert found.risk == pytest.approx(3 / 99) and found.bound == pytest.approx(4 / 100)


def test_losses_that_fall_again_count_with_their_highest_so_far() -> None:
    table = np.zeros((3, 99))
    table[1, :20] = 1
    found = control_risk(table, 0.05)
    assert found.index == 0


def test_too_few_examples_are_refused_with_the_least_number_and_bad_candidates_with_their_loss() -> None:
    few = control_risk(np.zeros((2, 10)), 0.02)
    assert few.index is None and few.needed == 49 and "49" in few.note
    assert control_risk(np.zeros((2, 49)), 0.02).index == 1
    bad = control_risk(np.ones((1, 500)), 0.02)
    assert bad.index is None and "1.000" in bad.note
    assert control_risk(np.zeros((1, 0)), 0.5).index is None


def test_differences_may_be_controlled_too() -> None:
    table = np.tile([-1.0, 0.0, 0.0, 1.0, 0.0], 40)[None]
    found = control_risk(table, 0.05)
    assert found.index == 0 and found.risk == 0.0


@pytest.mark.parametrize(
    ("table", "level", "words"),
    [
        (np.zeros(5), 0.1, "shape"),
        (np.zeros((1, 5)), 1.0, "level"),
        (np.full((1, 5), 1.5), 0.1, "at most 1"),
        (np.full((1, 5), np.nan), 0.1, "failed pair"),
    ],
)
def test_what_cannot_be_controlled_is_refused(table: np.ndarray, level: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        control_risk(table, level)
