"""Which examples are shown: disagreements that a label can decide, and what it can change there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.labelling.conftest import DISAGREEMENTS, QUESTIONS, Contest, contest_of, trials_of, write_run

from underdog.errors import StudyError
from underdog.labelling.pairs import contest
from underdog.studies.folder import Asked, read_examples
from underdog.trial import Outcome, Spend, Trial


def one(name: str, final: str | None, score: float | None, repeat: int = 0) -> Trial:
    return Trial(name, "q0", repeat, Outcome.RIGHT, score, final, None, Spend())


def pair_of(*trials: Trial, target: object = "gold"):
    findings = {"name": "x", "winner": "small", "margin": 0.05, "confidence": 0.95, "seed": 0}
    [pair] = contest(findings, [Asked("q0", "q0", "test", "c", (), target)], trials).pairs
    return pair


def test_only_disagreements_are_shown_and_all_of_them(quiz: Contest) -> None:
    assert len(quiz.pairs) == QUESTIONS and len(quiz.shown) == DISAGREEMENTS
    assert all(pair.arm.final != pair.against.final for pair in quiz.shown)


def test_answers_that_score_full_marks_agree_however_they_are_written() -> None:
    pair = pair_of(one("small", "12", 1.0), one("large", "12.0", 1.0))
    assert (pair.low, pair.high) == (0, 0)


def test_an_answer_that_could_not_be_read_can_only_lose() -> None:
    pair = pair_of(one("small", None, 0.0), one("large", "x", 0.0))
    assert (pair.low, pair.high, pair.weight) == (-1, 0, 0.5)
    both = pair_of(one("small", None, 0.0), one("large", None, 0.0))
    assert both.weight == 0


def test_a_pair_with_a_failure_is_counted_and_not_shown() -> None:
    findings = {"name": "x", "winner": "small", "margin": 0.05, "confidence": 0.95, "seed": 0}
    trials = [one("small", None, None), one("large", "x", 1.0)]
    quiz = contest(findings, [Asked("q0", "q0", "test", "c", ())], trials)
    assert quiz.pairs[0].failed and quiz.shown == ()


def test_gold_or_else_the_other_arms_say_whom_to_expect() -> None:
    golden = pair_of(one("small", "a", 1.0), one("large", "b", 0.0))
    assert golden.leans == 1
    trials = [
        one("small", "a", 0.0),
        one("large", "b", 1.0),
        one("vote", "b", 1.0),
        one("vote~lenient", "a", 0.0),
    ]
    assert pair_of(*trials, target="b").leans == -1


def test_every_repeat_is_a_pair_and_they_share_their_example_s_group() -> None:
    trials = [one(arm, arm, 0.0, repeat) for arm in ("small", "large") for repeat in (0, 1)]
    findings = {"name": "x", "winner": "small", "margin": 0.05, "confidence": 0.95, "seed": 0}
    quiz = contest(findings, [Asked("q0", "g", "test", "c", ())], trials)
    assert [pair.item for pair in quiz.pairs] == ["q0", "q0 (repeat 1)"]
    assert quiz.groups == ["g", "g"]


def test_only_test_examples_count(run: Path) -> None:
    examples = [replace(one, split="tune") if one.id == "q5" else one for one in read_examples(run)]
    findings = {"name": "quiz", "winner": "small", "margin": 0.05, "confidence": 0.95, "seed": 0}
    trials = [trial for number in range(QUESTIONS) for trial in trials_of(number)]
    assert "q5" not in contest(findings, examples, trials).pair_of


@pytest.mark.parametrize(
    ("arm", "sentence"),
    [("medium", "no arm 'medium' was measured; there are small, large, vote"), ("large", "nothing to label")],
)
def test_an_arm_that_cannot_be_labelled_is_refused_in_a_sentence(run: Path, arm: str, sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        contest_of(run, arm)


def test_a_run_without_its_examples_says_how_to_get_them(run: Path) -> None:
    (run / "examples.jsonl").unlink()
    with pytest.raises(StudyError, match=r"examples\.jsonl: cannot be read .* run the study again, recorded"):
        contest_of(run)


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", count=3)
    with (run / "trials.jsonl").open("a") as file:
        file.write('{"answerer": 1}\n')
    with pytest.raises(StudyError, match=r"trials\.jsonl, line 10: must be"):
        contest_of(run)
