"""What labels add up to: the verdict, what was skipped or taken back, and how many more would tell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.labelling.conftest import Contest, contest_of, labelled, write_run
from tests.labelling.made import made

from underdog.labelling.book import Label
from underdog.labelling.showing import plan
from underdog.labelling.standing import next_pair, standing
from underdog.statistics import paired_difference
from underdog.studies.verdict import Kind, judge


def test_when_all_is_labelled_the_verdict_is_the_study_s_own(quiz: Contest) -> None:
    labels = labelled(quiz, lambda item: Label.NEITHER if item.endswith("00") else Label.WORSE)
    now = standing(quiz, labels)
    harm = np.array([labels.get(pair.item) is Label.WORSE for pair in quiz.pairs], dtype=float)
    paired = paired_difference(np.zeros(len(harm)), harm)
    verdict = judge(paired, quiz.margin)
    assert now.complete and now.kind is verdict.kind is Kind.FALLS_SHORT
    assert (now.difference, now.low, now.high) == (pytest.approx(paired.difference), paired.low, paired.high)


def test_a_few_disagreements_need_no_label(tmp_path: Path) -> None:
    """Nine in a hundred against a margin of thirty: whatever they are, the arm rivals."""
    quiz = contest_of(write_run(tmp_path / "run", margin=0.45))
    now = standing(quiz, {})
    assert now.labelled == 0 and now.kind is Kind.RIVALS


def test_what_is_skipped_counts_against_either_side(quiz: Contest) -> None:
    said = labelled(quiz, lambda item: Label.NEITHER, 25)
    open_ = said | {pair.item: Label.SKIP for pair in quiz.shown[:5]}
    known, skipped = standing(quiz, said), standing(quiz, open_)
    assert (skipped.labelled, skipped.skipped) == (20, 5)
    assert known.low is not None and known.high is not None
    assert skipped.low is not None and skipped.high is not None
    assert skipped.low < known.low and skipped.high > known.high


def test_skipped_pairs_come_again_when_the_others_are_done_and_go_round(quiz: Contest) -> None:
    labels = labelled(quiz, lambda item: Label.BOTH)
    first, second = (pair.item for pair in quiz.shown[:2])
    assert next_pair(quiz, labels) is None
    labels |= {first: Label.SKIP, second: Label.SKIP}
    shown = next_pair(quiz, labels)
    assert shown is not None and shown.item == first
    del labels[first]
    shown = next_pair(quiz, labels | {first: Label.SKIP})
    assert shown is not None and shown.item == second
    assert not standing(quiz, labels | {first: Label.SKIP}).complete


def test_a_label_that_was_taken_back_is_asked_for_first_and_holds_up_the_later_ones(quiz: Contest) -> None:
    labels = labelled(quiz, lambda item: Label.NEITHER, 10)
    third = quiz.shown[2].item
    del labels[third]
    now = standing(quiz, labels)
    shown = next_pair(quiz, labels)
    assert shown is not None and shown.item == third
    assert (now.labelled, now.waiting) == (2, 7)


def test_the_forecast_of_labels_is_about_what_it_takes() -> None:
    """Asked after a fifth of them; at equal quality, 100 disagreements among 800."""
    generator = np.random.default_rng(8)
    off = []
    for seed in range(5):
        quiz, truth = made(generator, seed, n=800, harm=0.035, help_=0.035, tie=0.06, margin=0.05)
        order = [pair.item for pair in quiz.shown]
        early = standing(quiz, {item: truth[item] for item in order[:20]})
        needed = early.needed or 20
        took = next(
            count
            for count in (*range(20, len(order), 8), len(order))
            if standing(quiz, {item: truth[item] for item in order[:count]}).told or count == len(order)
        )
        off.append(needed / took)
    assert 0.5 < float(np.median(off)) < 2


def test_before_the_first_labels_the_two_are_taken_to_be_equally_good(quiz: Contest) -> None:
    now = standing(quiz, {})
    assert now.guessed and now.difference is not None and now.kind is Kind.CANNOT_TELL
    assert now.needed == 40


def test_when_no_label_can_tell_it_says_how_many_examples_would() -> None:
    """20 examples are too few for 2 points, however they are labelled."""
    quiz, truth = made(np.random.default_rng(1), 0, n=60, harm=0.15, help_=0.15, tie=0.1, margin=0.02)
    order = [pair.item for pair in quiz.shown]
    for count in (0, len(order) // 2, len(order)):
        now = standing(quiz, {item: truth[item] for item in order[:count]})
        assert now.kind is Kind.CANNOT_TELL and now.needed is None
        assert now.examples is not None and now.examples > 400


def test_too_many_failures_are_said_and_no_label_helps(tmp_path: Path) -> None:
    quiz = contest_of(write_run(tmp_path / "run"))
    failed = [replace(pair, arm=replace(pair.arm, score=None)) for pair in quiz.pairs[:20]]
    now = standing(replace(quiz, pairs=(*failed, *quiz.pairs[20:])), {})
    assert now.failed == 20 and "20 of 200 pairs failed" in now.reason and now.needed is now.low is None
    assert plan(now) == "No label can help before that is mended."
