"""Votes that stop early: what ends them, what they save, and that they never change what a full vote says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc

from underdog.answerer import Answer, Failure, Model, Request, play
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.errors import StudyError
from underdog.levers import Vote
from underdog.levers.vote import doubt
from underdog.store.sinks import MemoryBank

SMALL = Model("fake/small")
QUESTION = Request(({"role": "user", "content": "q"},))
LOST = Failure("timeout", "late")
FINALS = st.lists(st.sampled_from(["a", "b", "c", None, LOST]), min_size=1, max_size=24)


def result(final: Any) -> Answer | Failure:
    return final if isinstance(final, Failure) else Answer(str(final), final=final)


def asked(lever: Vote, finals: list[Any]) -> tuple[Answer | Failure, list[int]]:
    """What the vote says when its draws say `finals`, and the draws that it asked for, in order."""
    draws: list[int] = []

    def reply(effect: Any) -> Answer | Failure:
        draws.append(effect.request.draw[0])
        return result(finals[draws[-1]])

    return play(lever, QUESTION, reply), draws


def test_no_more_is_drawn_once_the_lead_cannot_be_lost() -> None:
    winner, draws = asked(Vote(SMALL, 5, batch=1, sure=1.0), ["7", "7", "7", "8", "8"])
    assert (winner.final, winner.confidence, draws) == ("7", 1.0, [0, 1, 2])


def test_a_vote_is_sure_at_four_to_none_and_not_at_three() -> None:
    assert doubt(3, 0) == 1 / 16 > 0.05 >= doubt(4, 0)
    _, draws = asked(Vote(SMALL, 40, batch=1, sure=0.95), ["7"] * 40)
    assert len(draws) == 4


def test_a_split_vote_goes_on_until_one_side_leads_clearly() -> None:
    _, draws = asked(Vote(SMALL, 40, batch=1, sure=0.95), ["7", "8"] * 3 + ["7"] * 34)
    assert len(draws) == 6 + 6 and doubt(9, 3) < 0.05 < doubt(8, 3)


def test_without_odds_a_batch_of_one_mind_ends_the_vote_and_all_draws_count() -> None:
    winner, draws = asked(Vote(SMALL, 9, batch=3), ["8", "8", "7", "7", "7", "7", "8", "8", "8"])
    assert len(draws) == 6
    assert (winner.final, winner.confidence) == ("7", 4 / 6)


@pytest.mark.parametrize("odd", [None, LOST])
def test_a_batch_with_an_unread_or_failed_draw_is_not_of_one_mind(odd) -> None:
    _, draws = asked(Vote(SMALL, 12, batch=3), ["7", "7", odd, *["8"] * 9])
    assert len(draws) == 6


def test_draws_that_say_nothing_never_end_a_vote() -> None:
    _, draws = asked(Vote(SMALL, 8, batch=2), [None] * 8)
    assert len(draws) == 8


def test_the_last_batch_is_cut_to_what_is_left() -> None:
    _, draws = asked(Vote(SMALL, 5, batch=3, sure=1.0), ["a", "b", "c", "a", "b"])
    assert draws == [0, 1, 2, 3, 4]


def test_a_batch_is_one_step_so_that_an_engine_gets_it_whole() -> None:
    steps = Vote(SMALL, 8, batch=4).steps(QUESTION)
    first = next(steps)
    assert isinstance(first, tuple) and [ask.request.draw for ask in first] == [(0,), (1,), (2,), (3,)]


def test_what_was_not_drawn_is_not_in_the_spend() -> None:
    async def spent(lever: Vote) -> int:
        engine = FakeEngine(lambda request: Answer("7", final="7"), name="fake/small")
        async with Driver(lambda model: engine, MemoryBank()) as driver:
            return (await driver.answer(lever, QUESTION)).spend.calls

    assert asyncio.run(spent(Vote(SMALL, 16))) == 16
    assert asyncio.run(spent(Vote(SMALL, 16, batch=1, sure=0.95))) == 4
    assert asyncio.run(spent(Vote(SMALL, 16, batch=5))) == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sure": 0.9}, "needs a batch"),
        ({"batch": 2, "sure": 0.0}, r"\(0, 1\]"),
        ({"batch": 2, "sure": 1.5}, r"\(0, 1\]"),
        ({"batch": 0}, "at least 1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message) -> None:
    with pytest.raises(StudyError, match=message):
        Vote(SMALL, 5, **settings)


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_the_closed_form_is_the_mass_of_the_posterior_below_one_half(first, second) -> None:
    assert doubt(first, second) == pytest.approx(betainc(first + 1, second + 1, 0.5), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(FINALS)
def test_a_vote_that_stops_only_when_the_lead_is_safe_has_the_winner_of_all_draws(finals) -> None:
    n = len(finals)
    full, _ = asked(Vote(SMALL, n), finals)
    for batch in range(1, n + 1):
        early, draws = asked(Vote(SMALL, n, batch=batch, sure=1.0), finals)
        assert draws == list(range(len(draws))) and len(draws) <= n
        if isinstance(full, Failure):
            assert early == full
        else:
            assert isinstance(early, Answer) and (early.final, early.text) == (full.final, full.text)


@settings(max_examples=60, deadline=None)
@given(FINALS, st.integers(1, 8), st.sampled_from([None, 0.5, 0.8, 0.95, 1.0]))
def test_an_adaptive_vote_is_the_full_vote_over_the_draws_that_it_made(finals, batch, sure) -> None:
    n = len(finals)
    early, draws = asked(Vote(SMALL, n, batch=batch, sure=sure), finals)
    assert draws == list(range(len(draws))) and len(draws) <= n
    assert early == asked(Vote(SMALL, len(draws)), finals)[0]
