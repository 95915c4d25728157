"""Repair: a verifier's message goes back, the best attempt is kept, and nothing goes round for ever."""

from __future__ import annotations

from typing import Any

import pytest

from underdog.answerer import Answer, Failure, Model, Request, ToolCall, play
from underdog.levers import Repair
from underdog.levers.repair import UNREAD, WRONG

MODEL, JUDGE = Model("fake/small"), Model("fake/judge")
ASKED = Request(({"role": "user", "content": "6 times 7?"},))


def played(lever: Repair, attempts: list[Any], verdicts: list[Any]) -> tuple[Any, list[Any], list[Any]]:
    """What came out, what the model was asked and what the verifier was asked."""
    asked: list[Any] = []
    judged: list[Any] = []
    replies = {MODEL: iter(attempts), JUDGE: iter(verdicts)}

    def reply(effect: Any) -> Any:
        (asked if effect.answerer == MODEL else judged).append(effect.request.messages)
        return next(replies[effect.answerer])

    return play(lever, ASKED, reply), asked, judged


def said(text: str) -> Answer:
    return Answer(text, final=text)


def verdict(score: float | None, message: str = "") -> Answer:
    return Answer(message, confidence=score)


def test_an_answer_that_is_right_is_asked_for_once():
    answer, asked, judged = played(Repair(MODEL, JUDGE), [said("42")], [verdict(1.0)])
    assert (answer.text, answer.confidence) == ("42", 1.0)
    assert len(asked) == 1 and judged == [(*ASKED.messages, {"role": "assistant", "content": "42"})]


def test_the_verifiers_message_goes_back_as_the_users_turn():
    answer, asked, _ = played(
        Repair(MODEL, JUDGE), [said("41"), said("42")], [verdict(0.0, "It is even."), verdict(1.0)]
    )
    assert answer.text == "42"
    assert asked[1][1:] == (
        {"role": "assistant", "content": "41"},
        {"role": "user", "content": "It is even."},
    )


@pytest.mark.parametrize(
    ("scores", "kept"),
    [((0.2, 0.6, 0.4), "b"), ((0.5, 0.5, 0.5), "c"), ((0.9, 0.1, 0.2), "a"), ((0.0, 0.0, 1.0), "c")],
)
def test_the_best_attempt_is_kept_and_the_last_of_equals(scores, kept):
    answer, asked, _ = played(Repair(MODEL, JUDGE), [said(one) for one in "abc"], [*map(verdict, scores)])
    assert (answer.text, answer.confidence) == (kept, max(scores))
    assert len(asked) == 3
    assert asked[1][-1]["content"] == WRONG


def test_an_unread_answer_goes_back_with_its_own_message_and_no_verdict():
    answer, asked, judged = played(Repair(MODEL, JUDGE), [Answer("dunno"), said("42")], [verdict(0.3)] * 2)
    assert asked[1][-1]["content"] == UNREAD
    assert len(judged) == 1 or answer.text == "42"


def test_without_a_message_for_unread_answers_the_verifier_judges_them_too():
    answer, asked, judged = played(Repair(MODEL, JUDGE, unread=""), [Answer("42")], [verdict(1.0)])
    assert (answer.text, len(asked), len(judged)) == ("42", 1, 1)


def test_an_attempt_that_could_not_be_read_never_beats_one_that_could():
    lever = Repair(MODEL, JUDGE, most=1)
    answer, _, _ = played(lever, [said("41"), Answer("hm")], [verdict(0.0)])
    assert answer.text == "41"


def test_a_model_that_says_the_same_again_or_fails_ends_the_repairs():
    again, asked, judged = played(Repair(MODEL, JUDGE, most=5), [said("41")] * 2, [verdict(0.0)])
    assert (again.text, len(asked), len(judged)) == ("41", 2, 1)
    lost = Failure("too_long", "the conversation does not fit")
    kept, _, _ = played(Repair(MODEL, JUDGE, most=5), [said("41"), lost], [verdict(0.4)])
    assert (kept.text, kept.confidence) == ("41", 0.4)


def test_a_verifier_without_a_verdict_or_a_word_leaves_the_answer_as_it_is():
    answer, asked, _ = played(Repair(MODEL, JUDGE), [said("41")], [verdict(None)])
    assert (answer.text, answer.confidence, len(asked)) == ("41", None, 1)


def test_a_verifier_that_fails_is_the_failure_of_the_lever():
    lost = Failure("act_failed", "checks.py:right: it returned nan")
    assert played(Repair(MODEL, JUDGE), [said("41")], [lost])[0] == lost


def test_a_tool_call_goes_back_as_text_since_nothing_answered_it():
    call = Answer("", tool_calls=(ToolCall("f", "{}", "c1"),), final="f({})")
    _, asked, _ = played(Repair(MODEL, JUDGE, most=1), [call, said("done")], [verdict(0.0), verdict(0.0)])
    assert "tool_calls" not in asked[1][1] and "f" in asked[1][1]["content"]
