"""Every way in which a trial can end."""

from __future__ import annotations

import pytest

from underdog.answerer import Answer, Failure
from underdog.scorers import outcome_of
from underdog.trial import Outcome


@pytest.mark.parametrize(
    ("result", "score", "outcome"),
    [
        (Answer("x", final="x"), 1.0, Outcome.RIGHT),
        (Answer("x", final="x"), 1 - 1e-12, Outcome.RIGHT),
        (Answer("x", final="x"), 0.99, Outcome.WRONG),
        (Answer("x", final="x"), None, Outcome.FAILED),
        (Answer("x"), 0.0, Outcome.UNREAD),
        (Answer("x", finish="length"), 0.0, Outcome.CUT_OFF),
        (Answer("x", finish="length", final="x"), 1.0, Outcome.RIGHT),
        (Answer("", refusal="I will not"), 0.0, Outcome.REFUSED),
        (Answer("", finish="content_filter"), 0.0, Outcome.REFUSED),
        (Answer("x", refusal="no", final="x"), 0.0, Outcome.WRONG),
        (Failure("timeout", "slow"), None, Outcome.FAILED),
    ],
)
def test_an_answer_and_its_score_end_as(
    result: Answer | Failure, score: float | None, outcome: Outcome
) -> None:
    assert outcome_of(result, score) is outcome


def test_the_threshold_decides_what_is_right() -> None:
    assert outcome_of(Answer("x", final="x"), 0.6, threshold=0.5) is Outcome.RIGHT
