"""DeepConf: confidence from the weakest stretch of a text."""

from __future__ import annotations

from math import log
from typing import Any

import pytest

from underdog.answerer import Answer, Model, Request, TokenLogprob, play
from underdog.errors import StudyError
from underdog.levers import BestOf, DeepConf

SMALL = Model("fake/small")
QUESTION = Request(({"role": "user", "content": "q"},))


def tokens(*confidences: float) -> tuple[TokenLogprob, ...]:
    """Tokens whose two alternatives have these negative mean log-probabilities."""
    return tuple(TokenLogprob("x", -0.1, (("x", -0.1), ("y", 0.1 - 2 * c))) for c in confidences)


def value(lever: DeepConf, *confidences: float) -> float | None:
    answer = play(lever, QUESTION, [Answer("x", final="x", logprobs=tokens(*confidences))])
    assert isinstance(answer, Answer)
    return answer.confidence


def told(confidence: float) -> Any:
    return pytest.approx(1 - log(2) / confidence)


def test_the_lowest_group_decides() -> None:
    assert value(DeepConf(SMALL, "lowest", window=2), 9, 9, 1, 3, 9) == told(2)


def test_the_tail_is_the_last_group() -> None:
    assert value(DeepConf(SMALL, "tail", window=2), 1, 1, 1, 3, 9) == told(6)


def test_the_bottom_is_the_mean_of_the_lowest_tenth_of_the_groups() -> None:
    confidences = [*range(2, 20), 1, 1.5]
    assert value(DeepConf(SMALL, "bottom", window=1), *confidences) == told(1.25)


@pytest.mark.parametrize("by", ["lowest", "bottom", "tail"])
def test_a_text_shorter_than_the_window_is_one_group(by) -> None:
    assert value(DeepConf(SMALL, by), 2, 4) == told(3)


def test_a_uniform_choice_has_no_confidence_and_a_sharper_one_more() -> None:
    uniform = Answer("x", logprobs=(TokenLogprob("x", -log(4), tuple((t, -log(4)) for t in "xyzw")),))
    answer = play(DeepConf(SMALL), QUESTION, [uniform])
    assert isinstance(answer, Answer) and answer.confidence == pytest.approx(0)
    values = [value(DeepConf(SMALL), c) for c in (1.0, 5.0, 20.0, 200.0)]
    assert values == sorted(values, key=float) and 0 < values[0] < values[-1] < 1  # type: ignore[operator]


def test_tokens_without_alternatives_are_left_out() -> None:
    answer = play(DeepConf(SMALL), QUESTION, [Answer("x", logprobs=(*tokens(3.0), TokenLogprob("", 0.0)))])
    assert isinstance(answer, Answer) and answer.confidence == told(3)


@pytest.mark.parametrize("logprobs", [None, (), (TokenLogprob("x", -0.1, (("x", -0.1),)),)])
def test_without_alternatives_there_is_no_confidence(logprobs) -> None:
    answer = play(DeepConf(SMALL), QUESTION, [Answer("x", logprobs=logprobs)])
    assert isinstance(answer, Answer) and answer.confidence is None


def test_the_alternatives_are_asked_for() -> None:
    seen: list[Request] = []
    play(DeepConf(SMALL, top=5), QUESTION, lambda ask: seen.append(ask.request) or Answer("x"))
    assert (seen[0].sampling.logprobs, seen[0].sampling.top_logprobs) == (True, 5)


def test_the_published_vote_keeps_the_confident_draws_and_weighs_them() -> None:
    said = [("8", 1.0), ("8", 1.1), ("7", 5.0), ("8", 1.2)]
    replies = [Answer(final, final=final, logprobs=tokens(sure)) for final, sure in said]
    answer = play(BestOf(DeepConf(SMALL), 4, by="sum", keep=0.25), QUESTION, replies)
    assert isinstance(answer, Answer) and answer.final == "7"


@pytest.mark.parametrize("wrong", [{"window": 0}, {"top": 1}])
def test_settings_that_mean_nothing_are_refused(wrong) -> None:
    with pytest.raises(StudyError, match="at least"):
        DeepConf(SMALL, **wrong)
