"""Judged: P(yes) off the first word of a judge's reply."""

from __future__ import annotations

from math import exp, log
from typing import Any

import pytest

from underdog.answerer import Answer, Failure, Model, Request, TokenLogprob, play
from underdog.levers import BestOf, Judged
from underdog.levers.candidate import worded

JUDGE = Model("fake/judge")
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
QUESTION = Request(({"role": "user", "content": "q"}, {"role": "assistant", "content": "42"}))


def reply(*shares: tuple[str, float], text: str = "Yes", before: tuple[TokenLogprob, ...] = ()) -> Answer:
    """A reply whose first word had these alternatives."""
    top = tuple((token, log(share)) for token, share in shares)
    return Answer(text, logprobs=(*before, TokenLogprob(*top[0], top)))


def verdict(answer: Answer, lever: Judged | None = None) -> float | None:
    judged = play(lever or Judged(JUDGE), QUESTION, [answer])
    assert isinstance(judged, Answer) and judged.text == answer.text
    return judged.confidence


def test_the_verdict_is_yes_against_no_over_all_spellings() -> None:
    answer = reply(("Yes", 0.5), (" yes", 0.1), ("YES.", 0.05), ("No", 0.2), ("Maybe", 0.15))
    assert verdict(answer) == pytest.approx(0.65 / 0.85)


def test_the_chosen_token_counts_where_the_server_left_it_out_of_the_alternatives() -> None:
    answer = Answer("No", logprobs=(TokenLogprob("No", log(0.6), (("Yes", log(0.3)),)),))
    assert verdict(answer) == pytest.approx(0.3 / 0.9)


def test_decoration_before_the_first_word_is_skipped() -> None:
    before = (TokenLogprob("\n", -0.1, (("\n", -0.1), ("Yes", -3.0))), TokenLogprob("**", -0.1))
    assert verdict(reply(("No", 0.8), ("Yes", 0.2), text="\n**No**", before=before)) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Yes.", 1.0), ("**no**, it is 41", 0.0), ("It is right", None), ("", None), ("yesterday", None)],
)
def test_without_log_probabilities_the_word_itself_is_the_verdict(text, expected) -> None:
    assert verdict(Answer(text)) == expected


def test_a_first_token_that_is_neither_leaves_it_to_the_word() -> None:
    assert verdict(reply(("Ye", 0.9), ("Na", 0.1), text="Yes")) == 1.0


def test_one_greedy_call_puts_the_question_after_the_conversation() -> None:
    seen: list[Any] = []
    request = QUESTION.sampled(temperature=0.9)
    play(Judged(JUDGE, question="Right?"), request, lambda ask: seen.append(ask.request) or Answer("Yes"))
    assert seen[0].messages == (*QUESTION.messages, {"role": "user", "content": "Right?"})
    sampling = seen[0].sampling
    assert (sampling.temperature, sampling.logprobs, sampling.top_logprobs) == (0.0, True, 20)


def test_tool_calls_are_shown_to_the_judge_as_text() -> None:
    message = {"role": "assistant", "content": "I look.", "tool_calls": [CALL]}
    told = worded(message)
    assert "tool_calls" not in told and told["content"].startswith("I look.\n")
    assert '"name":"f"' in told["content"]
    assert worded(QUESTION.messages[0]) is QUESTION.messages[0]


def test_words_of_other_languages_are_settings() -> None:
    lever = Judged(JUDGE, right=("ja",), wrong=("nein",))
    assert verdict(reply(("Ja", 0.6), ("Nein", 0.2), ("Yes", 0.2), text="Ja"), lever) == pytest.approx(0.75)


def test_a_judge_that_fails_is_no_verdict_for_best_of() -> None:
    small = Model("fake/small")

    def replies(ask: Any) -> Answer | Failure:
        if ask.answerer == small:
            return Answer("a", final="a")
        return Failure("timeout", "late")

    answer = play(BestOf(small, 2, Judged(JUDGE)), QUESTION, replies)
    assert isinstance(answer, Answer) and (answer.text, answer.confidence) == ("a", 1.0)


def test_best_of_ranks_candidates_by_what_the_judge_thinks() -> None:
    small, likely = Model("fake/small"), {"a": 0.3, "b": 0.7}

    def replies(ask: Any) -> Answer:
        if ask.answerer == small:
            text = "ab"[ask.request.draw[0]]
            return Answer(text, final=text)
        share = likely[ask.request.messages[-2]["content"]]
        return reply(("Yes", share), ("No", 1 - share))

    answer = play(BestOf(small, 2, Judged(JUDGE)), QUESTION, replies)
    assert isinstance(answer, Answer) and answer.text == "b"
    assert answer.confidence == pytest.approx(exp(log(0.7)))
