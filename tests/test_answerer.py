"""The contract: requests and their identity, asks and acts in steps, and play()."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from underdog.answerer import (
    Act,
    Answer,
    Ask,
    Failure,
    Lever,
    Model,
    Request,
    Sampling,
    Tool,
    act,
    ask,
    ask_all,
    canonical,
    digest,
    play,
    try_ask,
)
from underdog.errors import AskFailed, ContractError

SMALL, LARGE = Model("fake/small"), Model("fake/large")
QUESTION = Request(({"role": "user", "content": "q"},), example="e1")
LOST = Failure("timeout", "no answer within 1 s")


class Steps:
    """A lever from a generator function."""

    def __init__(self, body) -> None:
        self.body = body

    def steps(self, request):
        return self.body(request)


# Requests


def test_equal_values_have_one_json_text_whatever_their_order() -> None:
    assert (
        canonical({"b": (1, 2), "a": None}) == canonical({"a": None, "b": [1, 2]}) == b'{"a":null,"b":[1,2]}'
    )
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1}) != digest({"a": 1, "b": 2})
    assert len(digest("")) == 32


@pytest.mark.parametrize(
    "other",
    [
        replace(QUESTION, messages=({"role": "user", "content": "other"},)),
        replace(QUESTION, tools=({"type": "function"},)),
        replace(QUESTION, tool_choice="none"),
        replace(QUESTION, response_format={"type": "json_object"}),
        replace(QUESTION, extra={"logit_bias": {}}),
        QUESTION.sampled(temperature=0.1),
        QUESTION.sampled(max_tokens=1),
        QUESTION.sampled(stop=("x",)),
        QUESTION.sampled(seed=1),
        QUESTION.sampled(logprobs=True),
    ],
)
def test_everything_that_changes_what_is_asked_changes_the_digest(other) -> None:
    assert other.digest != QUESTION.digest


def test_the_draw_and_the_example_do_not_change_the_digest() -> None:
    assert QUESTION.drawn(3).digest == replace(QUESTION, example=None).digest == QUESTION.digest


def test_a_greedy_request_has_one_sample_and_a_sampled_one_nests() -> None:
    assert QUESTION.drawn(4).drawn(2).sample == ()
    sampled = QUESTION.sampled(temperature=1.0)
    assert sampled.sample == sampled.drawn(0).sample == (0,)
    assert sampled.drawn(2).drawn(1).sample == (2, 1)


def test_a_fresh_request_inherits_the_draw_and_the_example_and_nothing_else() -> None:
    asked = replace(QUESTION, tools=({"type": "function"},), extra={"user": "u"}, draw=(1,))
    judged = asked.sampled(temperature=1.0).fresh([{"role": "user", "content": "judge"}], max_tokens=9)
    assert judged == Request(
        ({"role": "user", "content": "judge"},), sampling=Sampling(max_tokens=9), draw=(1,), example="e1"
    )


def test_requests_and_models_cannot_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        QUESTION.draw = (1,)
    with pytest.raises(FrozenInstanceError):
        SMALL.name = "other"


def test_a_model_is_no_lever_and_whatever_has_steps_is() -> None:
    assert not isinstance(SMALL, Lever) and isinstance(Steps(None), Lever)


# Steps


def test_ask_gives_the_answer_and_raises_a_failure_that_can_be_caught() -> None:
    def body(request):
        try:
            yield from ask(SMALL, request)
        except AskFailed as failed:
            return Answer(f"caught: {failed} ({failed.failure.kind})")

    assert play(Steps(body), QUESTION, [LOST]) == Answer("caught: no answer within 1 s (timeout)")


def test_a_failure_that_is_not_caught_is_the_result() -> None:
    def body(request):
        return (yield from ask(SMALL, request))

    assert play(Steps(body), QUESTION, [LOST]) == LOST


def test_try_ask_and_ask_all_give_failures_in_their_places() -> None:
    seen = []

    def body(request):
        seen.append((yield from try_ask(SMALL, request)))
        seen.append((yield from ask_all([Ask(SMALL, request), Ask(LARGE, request)])))
        return Answer("done")

    play(Steps(body), QUESTION, [LOST, Answer("a"), LOST])
    assert seen == [LOST, [Answer("a"), LOST]]


def test_act_gives_the_tools_value_or_raises_its_failure() -> None:
    def body(request):
        value = yield from act(Tool("search"), query="q", k=2)
        return Answer(str(value))

    def reply(effect):
        assert effect == Act(Tool("search"), {"query": "q", "k": 2})
        return ["hit"]

    assert play(Steps(body), QUESTION, reply) == Answer("['hit']")
    assert play(Steps(body), QUESTION, [LOST]) == LOST


def test_an_asks_annotation_is_not_part_of_its_identity() -> None:
    assert Ask(SMALL, QUESTION, then=lambda a: a) == Ask(SMALL, QUESTION)


# play


def test_play_walks_inner_levers_and_asks_only_models() -> None:
    def inner(request):
        return Ask(LARGE, request, then=lambda a: replace(a, final=a.text.upper()))
        yield

    def outer(request):
        first = yield from ask(SMALL, request)
        second = yield from ask(Steps(inner), request)
        return replace(second, text=f"{first.text}, {second.final}")

    asked = []

    def reply(effect):
        asked.append(effect.answerer)
        return Answer(f"from {effect.answerer.name}")

    result = play(Steps(outer), QUESTION, reply)
    assert result.text == "from fake/small, FROM FAKE/LARGE" and asked == [SMALL, LARGE]


def test_play_can_put_a_request_straight_to_a_model() -> None:
    assert play(SMALL, QUESTION, [Answer("a")]) == Answer("a")


def test_play_says_when_it_runs_out_of_replies() -> None:
    def body(request):
        yield from ask(SMALL, request)
        yield from ask(LARGE, request)

    with pytest.raises(ContractError, match=r"ran out of replies at .*fake/large"):
        play(Steps(body), QUESTION, [Answer("a")])


def test_play_says_when_a_yield_from_is_missing() -> None:
    def body(request):
        yield ask(SMALL, request)

    with pytest.raises(ContractError, match=r"got generator .is a `yield from` missing"):
        play(Steps(body), QUESTION, [Answer("a")])


def test_an_ask_that_comes_back_as_something_else_is_refused() -> None:
    def body(request):
        return (yield from ask(SMALL, request))

    with pytest.raises(ContractError, match="got str: drive levers with"):
        play(Steps(body), QUESTION, ["text"])
