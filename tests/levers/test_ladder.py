"""Ladder: members in turn, a fitted score and two thresholds a rung."""

from __future__ import annotations

import pytest

from underdog.answerer import Answer, Failure, Model, Request, play
from underdog.errors import StudyError
from underdog.levers import Ladder
from underdog.levers.ladder import laddered
from underdog.routing.accept import AcceptScore
from underdog.routing.cascades import CascadePolicy
from underdog.trial import Spend

A, B, C, LARGE = (Model(f"fake/{name}") for name in ("a", "b", "c", "large"))
QUESTION = Request(({"role": "user", "content": "6 x 7?"},))
LOST = Failure("timeout", "late")
# 0.88 for an answer that everyone gave, 0.5 for one that half of them did.
AGREEING = AcceptScore(("agreeing",), (4.0,), (0.5,), 0.0)
SHORT = AcceptScore(("final chars",), (-10.0,), (1.0,), 0.0)


def ladder(scores, accept, defer, trust=(0, 1, 2), members=(A, B, C)) -> Ladder:
    return Ladder(members, LARGE, scores, trust, accept, defer)


def walked(lever, said):
    """The result and who was asked; `said` maps a model to its final answer or a Failure."""
    asked = []

    def reply(effect):
        asked.append(effect.answerer)
        value = said.get(effect.answerer, "large")
        return value if isinstance(value, Failure) else Answer(f"{value}!", final=value)

    return play(lever, QUESTION, reply), asked


ALL = ((SHORT, AGREEING, AGREEING), (0.9, 0.8, 0.6), (0.0, 0.4, 0.6))


def test_an_answer_that_the_score_trusts_ends_the_climb() -> None:
    result, asked = walked(ladder(*ALL), {A: "7", B: "8"})
    assert (result.text, asked) == ("7!", [A]) and result.confidence == pytest.approx(0.9556, abs=1e-4)


def test_in_between_the_next_member_is_asked_and_agreement_raises_the_score() -> None:
    result, asked = walked(ladder(*ALL), {A: "seven", B: "seven"})
    assert (result.final, asked) == ("seven", [A, B]) and result.confidence == pytest.approx(0.8808, abs=1e-4)


def test_a_score_below_defer_asks_the_large_model_at_once() -> None:
    result, asked = walked(ladder(ALL[0], (0.9, 0.8, 0.6), (0.0, 0.51, 0.6)), {A: "seven", B: "eight"})
    assert (result.final, result.confidence, asked) == ("large", None, [A, B, LARGE])


def test_what_the_last_rung_does_not_accept_is_handed_over() -> None:
    result, asked = walked(ladder(*ALL), {A: "seven", B: "eight", C: "nineteen"})
    assert (result.final, asked) == ("large", [A, B, C, LARGE])


def test_the_most_frequent_answer_stands_and_ties_go_to_the_most_trusted_member() -> None:
    last = ((AGREEING,) * 3, (2.0, 2.0, 0.0), (-2.0, -2.0, 0.0))
    assert walked(ladder(*last), {A: "one", B: "two", C: "two"})[0].final == "two"
    assert walked(ladder(*last, trust=(2, 0, 1)), {A: "one", B: "two", C: "three"})[0].final == "three"


@pytest.mark.parametrize("nothing", [None, LOST])
def test_unread_answers_and_failures_are_never_kept(nothing) -> None:
    open_ = ((AGREEING,) * 3, (0.0, 0.0, 0.0), (-2.0, -2.0, 0.0))
    assert walked(ladder(*open_), {A: nothing, B: "7"}) == (
        Answer("7!", final="7", confidence=0.5),
        [A, B],
    )
    result, asked = walked(ladder(*open_), {A: nothing, B: nothing, C: nothing})
    assert (result.final, asked) == ("large", [A, B, C, LARGE])


def test_tokens_that_were_not_counted_weigh_nothing() -> None:
    by_length = AcceptScore(("written 0",), (1.0,), (2.0,), 0.0)
    lever = ladder((by_length,), (0.0,), (0.0,), (0,), (A,))
    assert play(lever, QUESTION, [Answer("x", final="x")]).confidence == 0.5
    long = Answer("x", final="x", spend=Spend(1, 10, 0, 400))
    assert play(lever, QUESTION, [long]).confidence > 0.9


def test_without_scores_every_member_has_to_agree() -> None:
    plain = Ladder((A, B), LARGE)
    assert walked(plain, {A: "7", B: "7"}) == (Answer("7!", final="7", confidence=1.0), [A, B])
    assert walked(plain, {A: "7", B: "8"})[1] == [A, B, LARGE]


def test_a_policy_becomes_a_lever_by_its_names() -> None:
    policy = CascadePolicy(("b", "a"), "big", (AGREEING, AGREEING), (1, 0), (0.9, 0.8), (0.1, 0.8))
    lever = laddered(policy, {"a": A, "b": B, "big": LARGE, "other": C})
    assert lever == Ladder((B, A), LARGE, policy.scores, (1, 0), (0.9, 0.8), (0.1, 0.8))
    with pytest.raises(StudyError, match="asks 'big'"):
        laddered(policy, {"a": A, "b": B})


@pytest.mark.parametrize(
    "parts",
    [
        {"scores": (AGREEING,), "trust": (0, 1), "accept": (0.9, 0.8), "defer": (0.1, 0.1)},
        {"scores": (AGREEING, AGREEING), "trust": (1, 1), "accept": (0.9, 0.8), "defer": (0.1, 0.1)},
        {"accept": (0.9, 0.8)},
    ],
)
def test_parts_that_do_not_fit_are_refused(parts) -> None:
    with pytest.raises(StudyError, match="ladder"):
        Ladder((A, B), LARGE, **parts)
