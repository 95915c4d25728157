"""Fallback: members in order until one can be read."""

from __future__ import annotations

import pytest

from underdog.answerer import Answer, Ask, Failure, Model, Request, play
from underdog.errors import ContractError
from underdog.levers import Fallback

A, B, C = (Model(f"fake/{name}") for name in "abc")
QUESTION = Request(({"role": "user", "content": "q"},)).sampled(temperature=1.0)
LOST, GONE = Failure("timeout", "late"), Failure("unreachable", "gone")
UNREAD, READ = Answer("um"), Answer("7", final="7")


@pytest.mark.parametrize(
    ("replies", "result"),
    [
        ([READ], READ),
        ([LOST, READ], READ),
        ([UNREAD, READ], READ),
        ([LOST, UNREAD, READ], READ),
        ([UNREAD, LOST, GONE], UNREAD),
        ([LOST, UNREAD, GONE], UNREAD),
        ([LOST, GONE, UNREAD], UNREAD),
        ([UNREAD, Answer("er"), LOST], Answer("er")),
        ([LOST, LOST, GONE], GONE),
    ],
)
def test_the_first_readable_answer_else_the_last_answer_else_the_last_failure(replies, result) -> None:
    assert play(Fallback((A, B, C)), QUESTION, replies) == result


def test_a_last_member_with_nothing_to_fall_back_on_is_handed_over_so_that_it_streams() -> None:
    steps = Fallback((A, B)).steps(QUESTION)
    next(steps)
    with pytest.raises(StopIteration) as done:
        steps.send(LOST)
    assert done.value.value == Ask(B, QUESTION)


def test_a_member_named_twice_is_asked_for_another_sample() -> None:
    seen = []
    play(Fallback((A, A)), QUESTION, lambda ask: seen.append(ask.request.sample) or UNREAD)
    assert seen == [(0,), (1,)]


def test_a_fallback_without_members_is_refused() -> None:
    with pytest.raises(ContractError, match="at least one member"):
        play(Fallback(()), QUESTION, [])
