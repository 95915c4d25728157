"""Agree: cheap members in turn, the large model where they do not agree."""

from __future__ import annotations

import pytest

from underdog.answerer import Answer, Failure, Model, Request, play
from underdog.levers import Agree

A, B, C, LARGE = (Model(f"fake/{name}") for name in ("a", "b", "c", "large"))
QUESTION = Request(({"role": "user", "content": "q"},)).sampled(temperature=1.0)
LOST = Failure("timeout", "late")


def walked(lever, said):
    """The result and the names of who was asked; `said` maps a model to its final answer or a Failure."""
    asked = []

    def reply(ask):
        asked.append(ask.answerer)
        value = said.get(ask.answerer, "large")
        return value if isinstance(value, Failure) else Answer(f"{value} by {ask.answerer.name}", final=value)

    return play(lever, QUESTION, reply), asked


def test_members_that_all_agree_answer_without_the_large_model() -> None:
    result, asked = walked(Agree((A, B, C), LARGE), {A: "7", B: "7", C: "7"})
    assert (result.text, result.confidence, asked) == ("7 by fake/a", 1.0, [A, B, C])


def test_the_large_model_is_asked_as_soon_as_agreement_is_out_of_reach() -> None:
    result, asked = walked(Agree((A, B, C), LARGE), {A: "7", B: "8", C: "7"})
    assert (result.final, result.confidence, asked) == ("large", None, [A, B, LARGE])


def test_no_member_is_asked_after_enough_have_agreed() -> None:
    result, asked = walked(Agree((A, B, C), LARGE, need=2), {A: "7", B: "7", C: "8"})
    assert (result.final, result.confidence, asked) == ("7", 1.0, [A, B])


def test_confidence_is_the_share_of_the_asked_members() -> None:
    result, asked = walked(Agree((A, B, C), LARGE, need=2), {A: "7", B: "8", C: "8"})
    assert (result.text, result.confidence, asked) == ("8 by fake/b", 2 / 3, [A, B, C])


@pytest.mark.parametrize("nothing", [None, LOST])
def test_unread_answers_and_failures_agree_with_nobody(nothing) -> None:
    result, asked = walked(Agree((A, B), LARGE), {A: nothing, B: nothing})
    assert (result.final, asked) == ("large", [A, LARGE])
    result, asked = walked(Agree((A, B, C), LARGE, need=2), {A: nothing, B: "7", C: "7"})
    assert (result.final, result.confidence, asked) == ("7", 2 / 3, [A, B, C])


def test_a_failure_of_the_large_model_is_the_result() -> None:
    result, _ = walked(Agree((A, B), LARGE), {A: "7", B: "8", LARGE: LOST})
    assert result == LOST


def test_a_member_named_twice_must_agree_with_a_second_sample_of_its_own() -> None:
    seen = []
    play(Agree((A, A, A), LARGE), QUESTION, lambda a: seen.append(a.request.sample) or Answer("7", final="7"))
    assert seen == [(0,), (1,), (2,)]
