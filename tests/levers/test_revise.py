"""Revise: chains of attempts, each seeing those before it; the best of all is kept."""

from __future__ import annotations

from typing import Any

import pytest

from underdog.answerer import Answer, Failure, Model, Request, ToolCall, play
from underdog.errors import StudyError
from underdog.levers import Revise

SMALL, JUDGE = Model("fake/small"), Model("fake/judge")
QUESTION = Request(({"role": "user", "content": "q"},))
LOST = Failure("timeout", "late")


class Scene:
    """Replies by draw, verdicts by text; notes what was asked."""

    def __init__(self, attempts: list[Any], verdicts: dict[str, float | None] | None = None) -> None:
        self.attempts, self.verdicts = attempts, verdicts or {}
        self.asked: list[Request] = []
        self.shown: list[str] = []

    def __call__(self, effect: Any) -> Answer | Failure:
        if effect.answerer == JUDGE:
            self.shown.append(effect.request.messages[-1]["content"])
            return Answer("", confidence=self.verdicts[self.shown[-1]])
        self.asked.append(effect.request)
        said = self.attempts[effect.request.draw[-1]]
        return said if isinstance(said, Answer | Failure) else Answer(said, final=said)


def revised(lever: Revise, scene: Scene) -> Any:
    return play(lever, QUESTION, scene)


def test_each_round_shows_the_attempts_so_far_and_asks_again() -> None:
    scene = Scene(["1", "2", "3"])
    revised(Revise(SMALL, 2, nudge="Again."), scene)
    again = {"role": "user", "content": "Again."}
    assert [request.draw for request in scene.asked] == [(0,), (1,), (2,)]
    assert scene.asked[0].messages == QUESTION.messages
    assert scene.asked[2].messages == (
        *QUESTION.messages,
        *({"role": "assistant", "content": "1"}, again),
        *({"role": "assistant", "content": "2"}, again),
    )


def test_only_the_last_attempts_stand_in_context() -> None:
    scene = Scene(["1", "2", "3", "4"])
    revised(Revise(SMALL, 3, keep=1), scene)
    assert [m["content"] for m in scene.asked[3].messages if m["role"] == "assistant"] == ["3"]


def test_chains_grow_side_by_side_and_start_as_the_first_draws_of_a_vote() -> None:
    scene = Scene(["a0", "b0", "a1", "b1"])
    revised(Revise(SMALL, 1, width=2), scene)
    assert [request.draw for request in scene.asked] == [(0,), (1,), (2,), (3,)]
    assert [m["content"] for m in scene.asked[2].messages if m["role"] == "assistant"] == ["a0"]
    assert [m["content"] for m in scene.asked[3].messages if m["role"] == "assistant"] == ["b0"]


def test_a_round_is_one_step() -> None:
    steps = Revise(SMALL, 1, width=3).steps(QUESTION)
    assert len(next(steps)) == 3


def test_equal_attempts_in_a_row_are_still_different_draws() -> None:
    scene = Scene(["1"] * 6)
    revised(Revise(SMALL, 5, keep=1), scene)
    assert len({(request.digest, request.sample) for request in scene.asked}) == 6


def test_a_right_attempt_survives_the_revisions_that_spoil_it() -> None:
    scene = Scene(["7", "8", "9"], {"7": 0.9, "8": 0.2, "9": 0.1})
    assert revised(Revise(SMALL, 2, verifier=JUDGE, by="max"), scene).final == "7"


def test_without_a_verifier_the_plurality_of_the_attempts_stands() -> None:
    answer = revised(Revise(SMALL, 3), Scene(["7", "8", "8", "9"]))
    assert (answer.final, answer.confidence) == ("8", 0.5)


def test_the_choice_is_made_within_chains_first_and_then_among_their_winners() -> None:
    # Chain a says 7 (.5 + .5) against 8 (.9); chain b 9 (.6 + .6) against 8 (.5). In all, 8 would have 1.4.
    attempts = [Answer("a0", final="7"), Answer("b0", final="9"), Answer("a1", final="7")]
    attempts += [Answer("b1", final="9"), Answer("a2", final="8"), Answer("b2", final="8")]
    verdicts = {"a0": 0.5, "a1": 0.5, "a2": 0.9, "b0": 0.6, "b1": 0.6, "b2": 0.5}
    summed = revised(Revise(SMALL, 2, width=2, verifier=JUDGE), Scene(attempts, verdicts))
    assert summed.text == "b0", "7 (.5) and 9 (.6) win their chains, and 9 of them"
    highest = revised(Revise(SMALL, 2, width=2, verifier=JUDGE, by="max"), Scene(attempts, verdicts))
    assert (highest.text, highest.confidence) == ("a2", 0.9)


def test_every_attempt_is_verified_once_in_one_batch() -> None:
    scene = Scene(["1", "2", "1", "3"], {"1": 0.1, "2": 0.2, "3": 0.3})
    revised(Revise(SMALL, 1, width=2, verifier=JUDGE), scene)
    assert sorted(scene.shown) == ["1", "2", "3"]


def test_a_failed_attempt_leaves_its_chain_as_it_was() -> None:
    scene = Scene(["1", LOST, "2"])
    assert revised(Revise(SMALL, 2), scene).final == "1"
    assert [m["content"] for m in scene.asked[2].messages if m["role"] == "assistant"] == ["1"]


def test_a_chain_of_failures_leaves_the_choice_to_the_others() -> None:
    scene = Scene([LOST, "b0", LOST, "b1"], {"b0": 0.4, "b1": 0.6})
    assert revised(Revise(SMALL, 1, width=2, verifier=JUDGE), scene).final == "b1"


def test_when_every_attempt_failed_the_first_failure_is_the_result() -> None:
    assert revised(Revise(SMALL, 2), Scene([LOST, Failure("bad_request", "no"), LOST])) == LOST


def test_tool_calls_of_an_attempt_stand_in_context_as_text() -> None:
    called = Answer("", (ToolCall("f", "{}"),), final="f")
    scene = Scene([called, "1"])
    revised(Revise(SMALL, 1), scene)
    [shown] = [m for m in scene.asked[1].messages if m["role"] == "assistant"]
    assert "tool_calls" not in shown and '"name":"f"' in shown["content"]


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"width": 0}, {"keep": 0}])
def test_settings_that_mean_nothing_are_refused(wrong) -> None:
    with pytest.raises(StudyError, match="at least 1"):
        Revise(SMALL, **wrong)
