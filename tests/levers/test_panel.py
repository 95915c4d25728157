"""Panel: different answerers at once, the most frequent final answer wins."""

from __future__ import annotations

from underdog.answerer import Answer, Failure, Model, Request, play
from underdog.levers import Panel

A, B, C = (Model(f"fake/{name}") for name in "abc")
QUESTION = Request(({"role": "user", "content": "q"},)).sampled(temperature=1.0)


def test_members_are_asked_once_each_and_the_plurality_answers() -> None:
    said = {A: "7", B: "8", C: "8"}
    result = play(
        Panel((A, B, C)), QUESTION, lambda ask: Answer(said[ask.answerer], final=said[ask.answerer])
    )
    assert (result.final, result.confidence) == ("8", 2 / 3)


def test_a_tie_goes_to_the_member_named_first() -> None:
    result = play(Panel((B, A)), QUESTION, lambda ask: Answer("", final=ask.answerer.name))
    assert result.final == "fake/b"


def test_a_failed_member_has_no_vote_but_counts() -> None:
    lost = Failure("timeout", "late")
    result = play(Panel((A, B)), QUESTION, lambda ask: lost if ask.answerer == A else Answer("7", final="7"))
    assert (result.final, result.confidence) == ("7", 0.5)


def test_a_member_named_twice_answers_anew_instead_of_agreeing_with_itself() -> None:
    samples = []
    play(
        Panel((A, B, A, A)),
        QUESTION,
        lambda ask: samples.append((ask.answerer, ask.request.sample)) or Answer(""),
    )
    assert samples == [(A, (0,)), (B, (0,)), (A, (1,)), (A, (2,))]
