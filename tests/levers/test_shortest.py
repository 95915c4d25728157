"""Shortest: the draws that wrote the fewest tokens vote."""

from __future__ import annotations

import pytest

from underdog.answerer import Answer, Failure, Model, Request, play
from underdog.errors import StudyError
from underdog.levers import Shortest
from underdog.trial import Spend

SMALL = Model("fake/small")
QUESTION = Request(({"role": "user", "content": "q"},))
LOST = Failure("timeout", "late")


def said(final: str | None, tokens: int, text: str = "") -> Answer:
    return Answer(text or str(final), final=final, spend=Spend(1, tokens_out=tokens))


def test_the_m_shortest_draws_vote() -> None:
    draws = [said("8", 90), said("7", 10), said("8", 95), said("7", 20), said("9", 30)]
    answer = play(Shortest(SMALL, 5, 3), QUESTION, draws)
    assert isinstance(answer, Answer) and (answer.final, answer.confidence) == ("7", 2 / 3)


def test_a_tie_goes_to_the_shortest() -> None:
    answer = play(Shortest(SMALL, 3, 2), QUESTION, [said("8", 20), said("7", 10), said("9", 50)])
    assert isinstance(answer, Answer) and answer.final == "7"


def test_unread_and_failed_draws_do_not_count_among_the_m() -> None:
    answer = play(Shortest(SMALL, 4, 1), QUESTION, [said(None, 1), LOST, said("8", 9), said("7", 5)])
    assert isinstance(answer, Answer) and (answer.final, answer.confidence) == ("7", 1.0)


def test_characters_count_where_tokens_are_not_reported_for_all() -> None:
    draws = [said("8", 0, "it is 8"), said("7", 30, "7")]
    answer = play(Shortest(SMALL, 2, 1), QUESTION, draws)
    assert isinstance(answer, Answer) and answer.final == "7"


def test_when_every_draw_failed_the_first_failure_is_the_result() -> None:
    assert play(Shortest(SMALL, 2, 1), QUESTION, [LOST, Failure("bad_request", "no")]) == LOST


@pytest.mark.parametrize("m", [0, 9])
def test_an_m_that_is_no_part_of_n_is_refused(m) -> None:
    with pytest.raises(StudyError, match="between 1 and n = 8"):
        Shortest(SMALL, 8, m)
