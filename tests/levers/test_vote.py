"""Vote: self-consistency over independent draws."""

from __future__ import annotations

import pytest

from underdog.answerer import Answer, Failure, Model, Request, play
from underdog.errors import ContractError
from underdog.levers import Vote
from underdog.levers.vote import plurality

SMALL = Model("fake/small")
QUESTION = Request(({"role": "user", "content": "q"},))
LOST = Failure("timeout", "late")


def said(final: str | None, text: str = "") -> Answer:
    return Answer(text or str(final), final=final)


def test_the_most_frequent_final_answer_wins_with_its_share_as_confidence() -> None:
    result = play(Vote(SMALL, 5), QUESTION, [said(x) for x in ("7", "8", "7", "9", "7")])
    assert (result.final, result.confidence) == ("7", 0.6)


def test_the_text_is_that_of_the_first_draw_with_the_winning_answer() -> None:
    draws = [said("8"), said("7", "so it is 7"), said("7", "7, I think")]
    assert play(Vote(SMALL, 3), QUESTION, draws).text == "so it is 7"


def test_a_tie_goes_to_the_answer_drawn_first() -> None:
    assert play(Vote(SMALL, 4), QUESTION, [said(x) for x in ("8", "7", "7", "8")]).final == "8"


def test_unread_and_failed_draws_have_no_vote_but_count() -> None:
    result = play(Vote(SMALL, 4), QUESTION, [said(None), LOST, said("7"), said(None)])
    assert (result.final, result.confidence) == ("7", 0.25)


def test_when_nothing_could_be_read_the_first_answer_stands_with_no_confidence() -> None:
    result = play(Vote(SMALL, 3), QUESTION, [LOST, said(None, "um"), said(None, "er")])
    assert (result.text, result.final, result.confidence) == ("um", None, 0.0)


def test_when_every_draw_failed_the_first_failure_is_the_result() -> None:
    assert play(Vote(SMALL, 2), QUESTION, [LOST, Failure("bad_request", "no")]) == LOST


@pytest.mark.parametrize(("temperature", "asked"), [(0.7, 0.7), (0.0, 0.0), (None, 0.3)])
def test_draws_are_sampled_at_the_levers_temperature_or_the_requests_own(temperature, asked) -> None:
    seen = []
    request = QUESTION.sampled(temperature=0.3)
    play(Vote(SMALL, 2, temperature), request, lambda a: seen.append(a.request) or said("7"))
    assert {r.sampling.temperature for r in seen} == {asked}
    assert [r.draw for r in seen] == [(0,), (1,)]


def test_a_greedy_vote_collapses_to_one_sample() -> None:
    seen = []
    play(Vote(SMALL, 5, 0.0), QUESTION, lambda a: seen.append(a.request) or said("7"))
    assert {(r.digest, r.sample) for r in seen} == {(seen[0].digest, ())}


def test_votes_nest_into_distinct_samples() -> None:
    seen = []
    play(Vote(Vote(SMALL, 3), 2), QUESTION, lambda a: seen.append(a.request.sample) or said("7"))
    assert sorted(set(seen)) == [(i, j) for i in range(2) for j in range(3)]


def test_a_vote_of_nobody_is_refused() -> None:
    with pytest.raises(ContractError, match="at least one"):
        play(Vote(SMALL, 0), QUESTION, [])
    with pytest.raises(ContractError, match="at least one"):
        plurality([])
