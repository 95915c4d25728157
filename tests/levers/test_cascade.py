"""Cascade: the small answer when it is confident enough, else the large one."""

from __future__ import annotations

import pytest

from underdog.answerer import Answer, Failure, Model, Request, play
from underdog.levers import Cascade, Vote

SMALL, LARGE = Model("fake/small"), Model("fake/large")
QUESTION = Request(({"role": "user", "content": "q"},))
BIG = Answer("large", final="large", confidence=0.5)


@pytest.mark.parametrize(
    ("final", "confidence", "threshold", "kept"),
    [
        ("7", 0.8, 0.8, True),
        ("7", 0.79, 0.8, False),
        ("7", None, 0.0, False),
        (None, 1.0, 0.5, False),
        ("7", 0.0, 0.0, True),
        ("7", 1.0, 1.0, True),
        ("7", 1.0, 1.01, False),
    ],
)
def test_the_small_answer_is_kept_when_it_is_read_and_sure(final, confidence, threshold, kept) -> None:
    small = Answer("small", final=final, confidence=confidence)
    asked = []

    def reply(ask):
        asked.append(ask.answerer)
        return small if ask.answerer == SMALL else BIG

    result = play(Cascade(SMALL, LARGE, threshold), QUESTION, reply)
    assert result == (small if kept else BIG)
    assert asked == ([SMALL] if kept else [SMALL, LARGE])


def test_both_rungs_are_asked_the_request_as_it_came() -> None:
    seen = []
    play(Cascade(SMALL, LARGE), QUESTION, lambda ask: seen.append(ask.request) or BIG)
    assert seen == [QUESTION, QUESTION]


def test_cascades_nest_and_take_their_signal_from_a_vote() -> None:
    lever = Cascade(Vote(SMALL, 2), Cascade(Vote(LARGE, 2), Model("fake/largest"), 0.5), 1.0)
    replies = [Answer("", final=x) for x in ("1", "2", "3", "3")]
    result = play(lever, QUESTION, replies)
    assert (result.final, result.confidence) == ("3", 1.0)


@pytest.mark.parametrize("rung", [0, 1])
def test_a_failure_of_either_rung_is_the_result(rung) -> None:
    lost = Failure("timeout", "late")
    assert play(Cascade(SMALL, LARGE), QUESTION, [*[BIG, BIG][:rung], lost]) == lost
