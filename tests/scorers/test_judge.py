"""A model as judge: asked in both orders, not fooled by position, caught by its control."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from underdog.answerer import Answer, Ask, Failure, Model
from underdog.errors import AskFailed, DataError
from underdog.example import Example
from underdog.scorers import Judge

JUDGE = Judge(Model("fake/judge"))
EXAMPLE = Example("1", "1", ({"role": "user", "content": "Capital of France?"},), "Paris is the capital.")


def part(prompt: str, name: str) -> str:
    return prompt.partition(f"<{name}>\n")[2].partition(f"\n</{name}>")[0]


def run(steps: Generator[Any, Any, float], says: Callable[[str], str | Failure]) -> tuple[float, list[Ask]]:
    """Drive the judge's steps; `says` maps a prompt to the judge's text."""
    asked: list[Ask] = []
    got: Any = None
    try:
        while True:
            wanted = steps.send(got)
            asked += wanted
            replies = [says(ask.request.messages[0]["content"]) for ask in wanted]
            got = [reply if isinstance(reply, Failure) else Answer(reply) for reply in replies]
    except StopIteration as done:
        return float(done.value), asked


def longer(prompt: str) -> str:
    one, two = len(part(prompt, "answer_1")), len(part(prompt, "answer_2"))
    return "VERDICT: EQUAL" if one == two else f"Think.\nVERDICT: {1 if one > two else 2}"


def test_both_orders_are_asked_in_one_step_and_the_better_answer_wins_both() -> None:
    better, asked = run(JUDGE.steps(Answer("", final="Paris is the capital of France."), EXAMPLE), longer)
    assert better == 1 and len(asked) == 2
    prompts = [ask.request.messages[0]["content"] for ask in asked]
    assert part(prompts[0], "answer_1") == part(prompts[1], "answer_2") == "Paris is the capital of France."
    assert "Capital of France?" in part(prompts[0], "request")
    worse, _ = run(JUDGE.steps(Answer("", final="Paris"), EXAMPLE), longer)
    assert worse == 0


def test_the_gold_answer_ties_with_itself_and_scores_1() -> None:
    score, _ = run(JUDGE.steps(Answer("", final=JUDGE.gold(EXAMPLE)), EXAMPLE), longer)
    assert score == 1


def test_a_judge_that_only_likes_the_first_place_gives_half() -> None:
    score, _ = run(JUDGE.steps(Answer("", final="Rome"), EXAMPLE), lambda prompt: "VERDICT: 1")
    assert score == 0.5


def test_an_unclear_verdict_is_asked_once_more_as_another_draw() -> None:
    replies = iter(["well", "VERDICT: 2", "**VERDICT**: 2"])
    score, asked = run(JUDGE.steps(Answer("", final="Rome"), EXAMPLE), lambda prompt: next(replies))
    assert score == 0.5 and len(asked) == 3
    assert asked[2].request.draw == (1,) and asked[2].request.sample == (1,)


def test_a_judge_that_stays_unclear_or_fails_gives_no_score() -> None:
    with pytest.raises(AskFailed, match="no VERDICT line, twice"):
        run(JUDGE.steps(Answer("", final="Rome"), EXAMPLE), lambda prompt: "hm")
    with pytest.raises(AskFailed, match="down"):
        run(JUDGE.steps(Answer("", final="Rome"), EXAMPLE), lambda prompt: Failure("unreachable", "down"))


def test_the_control_catches_a_judge_that_lets_empty_answers_win() -> None:
    honest, asked = run(JUDGE.control([EXAMPLE, EXAMPLE]), longer)
    assert honest == 0 and len(asked) == 4
    lazy, _ = run(JUDGE.control([EXAMPLE]), lambda prompt: "VERDICT: EQUAL")
    assert lazy == 1


def test_a_judge_needs_a_reference() -> None:
    with pytest.raises(DataError, match="a reference answer; got None"):
        JUDGE.gold(Example("1", "1", (), None))
