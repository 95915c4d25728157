"""Scored and Abstain: a learned confidence, and no answer where it is too low."""

from __future__ import annotations

import pytest

from underdog.answerer import Answer, Failure, Model, Request, play
from underdog.levers import Abstain, Cascade, Fallback, Scored
from underdog.routing.accept import AcceptScore
from underdog.scorers import outcome_of
from underdog.trial import Outcome

A, B, LARGE = Model("fake/a"), Model("fake/b"), Model("fake/large")
QUESTION = Request(({"role": "user", "content": "6 x 7?"},))
AGREEING = AcceptScore(("agreeing",), (4.0,), (0.5,), 0.0)


def said(final, confidence=None) -> Answer:
    return Answer(str(final), final=final, confidence=confidence)


def test_the_confidence_is_the_scores_value_of_the_answer_that_stands() -> None:
    lever = Scored((A, B), AGREEING)
    assert play(lever, QUESTION, [said("42"), said("42")]).confidence == pytest.approx(0.8808, abs=1e-4)
    split = play(lever, QUESTION, [said("41"), said("42")])
    assert (split.final, split.confidence) == ("41", 0.5)


def test_a_cascade_puts_its_threshold_on_the_score() -> None:
    lever = Cascade(Scored((A, B), AGREEING), LARGE, 0.8)
    assert play(lever, QUESTION, [said("42"), said("42")]).final == "42"
    assert play(lever, QUESTION, [said("41"), said("42"), said("43")]).final == "43"


def test_without_a_score_or_an_answer_there_is_no_confidence() -> None:
    assert play(Scored((A, B)), QUESTION, [said("42", 0.9), said("42")]).confidence is None
    assert play(Scored((A, B), AGREEING), QUESTION, [said(None, 0.9), said(None)]).confidence is None


def test_a_failed_member_agrees_with_nobody() -> None:
    answer = play(Scored((A, B), AGREEING), QUESTION, [Failure("timeout", "late"), said("42")])
    assert (answer.final, answer.confidence) == ("42", 0.5)


@pytest.mark.parametrize(("confidence", "kept"), [(0.8, True), (0.79, False), (None, False)])
def test_abstaining_is_an_outcome_of_its_own(confidence, kept) -> None:
    answer = play(Abstain(A, 0.8, "Ask a person."), QUESTION, [said("42", confidence)])
    assert (answer.final, answer.text) == (("42", "42") if kept else (None, "Ask a person."))
    assert answer.confidence == confidence
    assert outcome_of(answer, 1.0) is (Outcome.RIGHT if kept else Outcome.REFUSED)


def test_what_is_abstained_from_is_asked_elsewhere() -> None:
    lever = Fallback((Abstain(A, 0.8), B))
    assert play(lever, QUESTION, [said("41", 0.5), said("42")]).final == "42"
