"""Confident: a number on an answer, from its log-probabilities or the model's own word."""

from __future__ import annotations

import math

import pytest

from underdog.answerer import Answer, Failure, Model, Request, TokenLogprob, play
from underdog.levers import Confident
from underdog.levers.confident import stated, sureness

SMALL = Model("fake/small")
QUESTION = Request(({"role": "user", "content": "q"},), tools=({"type": "function"},)).sampled(
    temperature=0.5
)
TOKENS = tuple(TokenLogprob(t, math.log(p)) for t, p in (("a", 0.5), ("b", 0.125), ("c", 1.0)))


@pytest.mark.parametrize(
    ("by", "expected"), [("mean_logprob", (0.5 * 0.125) ** (1 / 3)), ("min_logprob", 0.125)]
)
def test_log_probabilities_are_asked_for_and_pooled(by, expected) -> None:
    seen = []

    def reply(ask):
        seen.append(ask.request)
        return Answer("abc", final="abc", logprobs=TOKENS)

    result = play(Confident(SMALL, by), QUESTION, reply)
    assert result.confidence == pytest.approx(expected)
    assert (result.text, result.final, len(seen)) == ("abc", "abc", 1)
    assert seen[0] == QUESTION.sampled(logprobs=True)


@pytest.mark.parametrize("logprobs", [None, ()])
def test_an_answer_without_log_probabilities_has_no_confidence(logprobs) -> None:
    before = Answer("a", logprobs=logprobs, confidence=0.9)
    assert play(Confident(SMALL), QUESTION, [before]).confidence is None


def test_sureness_never_exceeds_one_and_an_impossible_token_is_zero() -> None:
    assert sureness([TokenLogprob("a", 1e-9)], "min_logprob") == 1.0
    assert sureness([TokenLogprob("a", -math.inf), TokenLogprob("b", 0.0)], "mean_logprob") == 0.0


def test_the_model_is_asked_for_its_own_word_in_a_greedy_call_with_the_answer_before_it() -> None:
    seen = []

    def reply(ask):
        seen.append(ask.request)
        return Answer("Paris", final="Paris") if len(seen) == 1 else Answer("85%")

    result = play(Confident(SMALL, "verbalised"), QUESTION, reply)
    assert (result.text, result.final, result.confidence) == ("Paris", "Paris", 0.85)
    first, second = seen
    assert first == QUESTION
    assert [m["role"] for m in second.messages] == ["user", "assistant", "user"]
    assert second.messages[1]["content"] == "Paris" and "0 to 100" in second.messages[2]["content"]
    assert second.sampling.temperature == 0 and second.tools == ()


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("85", 0.85),
        ("I'd say 70 %.", 0.7),
        ("100", 1.0),
        ("0", 0.0),
        ("99.5", 0.995),
        ("250", None),
        ("very", None),
        ("", None),
    ],
)
def test_what_the_model_states_is_a_share_of_a_hundred(text, share) -> None:
    assert stated(text) == share


@pytest.mark.parametrize("by", ["mean_logprob", "verbalised"])
def test_failures_pass_through(by) -> None:
    lost = Failure("timeout", "late")
    assert play(Confident(SMALL, by), QUESTION, [lost]) == lost
    if by == "verbalised":
        assert play(Confident(SMALL, by), QUESTION, [Answer("a"), lost]) == lost
