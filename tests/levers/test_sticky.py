"""Sticky and Split: decisions that hold for a whole conversation, from the request alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import pytest

from underdog.answerer import Answer, Answerer, Ask, Failure, Model, Request, Steps, play
from underdog.errors import ContractError, StudyError
from underdog.levers import Abstain, Agree, Cascade, Prompt, Split, Sticky, Vote
from underdog.levers.conversation import conversation_key, opening

SMALL, LARGE, OTHER = Model("fake/small"), Model("fake/large"), Model("fake/other")
SYSTEM = {"role": "system", "content": "Be brief."}


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def conversation(*messages, **extra) -> Request:
    return Request((SYSTEM, *messages), extra=extra)


FIRST = conversation(user("short"))
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "f"}}]}
LATER = conversation(user("short"), assistant("yes"), user("and a much longer question than before?"))
LOOP = conversation(user("short"), CALL, {"role": "tool", "tool_call_id": "1", "content": "42"})


@dataclass(frozen=True)
class ByLength:
    """Long questions go to the second member: a router that looks at the last message."""

    members: tuple[Answerer, ...]

    def steps(self, request: Request) -> Steps:
        return Ask(self.members[len(request.messages[-1]["content"]) > 10], request)
        yield


def asked_of(lever, request, reply=lambda ask: Answer("a", final="a")):
    """The models asked, with how many messages each was shown, and the result."""
    seen = []

    def noting(effect):
        seen.append((effect.answerer, len(effect.request.messages)))
        return reply(effect)

    return play(lever, request, noting), seen


def test_a_router_decides_on_the_opening_and_stays_with_it() -> None:
    route = ByLength((SMALL, LARGE))
    assert asked_of(route, LATER)[1] == [(LARGE, 4)]
    assert asked_of(Sticky(route), FIRST)[1] == [(SMALL, 2)]
    assert asked_of(Sticky(route), LATER)[1] == [(SMALL, 4)]
    assert asked_of(Sticky(route), LOOP)[1] == [(SMALL, 4)]


def test_with_span_turn_each_user_message_decides_for_its_tool_calls() -> None:
    route = Sticky(ByLength((SMALL, LARGE)), "turn")
    assert asked_of(route, LATER)[1] == [(LARGE, 4)]
    loop = replace(LATER, messages=(*LATER.messages, CALL, {"role": "tool", "content": "4"}))
    assert asked_of(route, loop)[1] == [(LARGE, 6)]
    assert asked_of(route, LOOP)[1] == [(SMALL, 4)]


@pytest.mark.parametrize(("confidence", "expected"), [(0.9, SMALL), (0.1, LARGE)])
def test_a_cascade_asks_its_small_rung_about_the_opening_alone(confidence, expected) -> None:
    lever = Sticky(Cascade(SMALL, LARGE, 0.5))

    def reply(ask):
        return Answer(ask.answerer.name, final="x", confidence=confidence)

    result, asked = asked_of(lever, LATER, reply)
    assert asked == [(SMALL, 2), (expected, 4)] and result.text == expected.name
    assert asked_of(lever, FIRST, reply)[1] == [(SMALL, 2), (LARGE, 2)][: 1 + (expected is LARGE)]


def test_the_member_whose_answer_was_accepted_goes_on() -> None:
    lever = Sticky(Agree((SMALL, OTHER), LARGE))
    same = asked_of(lever, LATER, lambda a: Answer(a.answerer.name, final="x"))
    assert same[1] == [(SMALL, 2), (OTHER, 2), (SMALL, 4)]
    apart = asked_of(lever, LATER, lambda a: Answer("", final=a.answerer.name))
    assert apart[1] == [(SMALL, 2), (OTHER, 2), (LARGE, 4)]


def test_failures_of_the_decision_and_of_the_answer_are_the_result() -> None:
    lost = Failure("timeout", "late")
    assert play(Sticky(Cascade(SMALL, LARGE, 0.5)), LATER, [lost]) == lost
    assert play(Sticky(ByLength((SMALL, LARGE))), LATER, [lost]) == lost


def test_the_winner_of_a_vote_is_known_by_its_answer() -> None:
    assert asked_of(Sticky(Vote(SMALL, 2)), LATER)[1] == [(SMALL, 2), (SMALL, 2), (SMALL, 4)]


def test_levers_that_ask_in_other_words_or_answer_themselves_are_refused_with_a_sentence() -> None:
    with pytest.raises(ContractError, match="inside the members"):
        play(Sticky(Prompt(SMALL, system="Other words")), LATER, [Answer("x")])
    with pytest.raises(ContractError, match="answered itself"):
        play(Sticky(Abstain(SMALL, 0.5)), LATER, [Answer("x")])


def test_an_opening_ends_with_the_first_user_message() -> None:
    assert opening(LATER).messages == FIRST.messages and opening(FIRST) is FIRST
    assert opening(LATER, "turn") is LATER
    assert opening(conversation()) == conversation()


def test_a_conversations_key_is_what_the_client_names_else_its_opening() -> None:
    assert conversation_key(FIRST) == conversation_key(LATER) == conversation_key(LOOP)
    assert conversation_key(FIRST) != conversation_key(conversation(user("else")))
    named = conversation(user("q"), metadata={"conversation_id": "c1"}, user="u1")
    assert conversation_key(named) == "metadata.conversation_id=c1"
    assert conversation_key(named, ("user",)) == "user=u1"
    assert conversation_key(conversation(user("q"), user="", metadata="odd")) == conversation_key(
        conversation(user("q"))
    )


def test_a_split_keeps_its_shares_and_its_conversations() -> None:
    lever = Split((SMALL, LARGE, OTHER), (0.7, 0.3, 0.0))
    counts = Counter(lever.member(conversation(user(f"q{i}"))) for i in range(4_000))
    assert 0.67 < counts[SMALL] / 4_000 < 0.73 and counts[OTHER] == 0
    for i in range(50):
        first = conversation(user(f"q{i}"))
        later = replace(first, messages=(*first.messages, assistant("a"), user("b")))
        assert lever.member(first) == lever.member(later)
    moved = [lever.member(FIRST) != replace(lever, salt=s).member(FIRST) for s in range(40)]
    assert any(moved) and not all(moved)


def test_a_named_conversation_stays_even_when_its_history_is_cut() -> None:
    lever = Split((SMALL, LARGE))
    for i in range(30):
        whole = conversation(user("hello"), assistant("x"), user("y"), user=f"u{i}")
        assert lever.member(whole) == lever.member(conversation(user("y"), user=f"u{i}"))


@pytest.mark.parametrize("shares", [(1.0,), (0.5, -0.5), (0.0, 0.0)])
def test_shares_that_do_not_fit_are_refused(shares) -> None:
    with pytest.raises(StudyError, match="split"):
        Split((SMALL, LARGE), shares)
