"""Solve and Compute: the model formulates, a solver answers, and what cannot be solved is somebody else's."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from underdog.acts import Acts
from underdog.acts.solve import solve
from underdog.answerer import Act, Answer, Ask, Model, Request, play
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.errors import StudyError
from underdog.levers import Compute, Solve
from underdog.levers.program import Program
from underdog.levers.solve import GUIDES
from underdog.reading import Reading
from underdog.store.sinks import MemoryBank
from underdog.tiny.worlds.choice import WORLD

SMALL, LARGE = Model("fake/small"), Model("fake/large")
BAG = json.dumps(
    {
        "maximize": {"a": 5, "b": 4, "c": 3},
        "subject_to": [{"terms": {"a": 4, "b": 3, "c": 2}, "at_most": 5}],
        "variables": {name: {"upper": 1, "integer": True} for name in "abc"},
    }
)
ASKED = Request(({"role": "system", "content": "Be brief."}, {"role": "user", "content": "Which to take?"}))


def played(lever: Solve, programs: dict[Model, list[str]]) -> tuple[Any, list[Ask]]:
    """What came out when models write these and the solvers are real, and what the models were asked."""
    left = {model: iter(texts) for model, texts in programs.items()}
    asked: list[Ask] = []

    def reply(effect: Any) -> Any:
        if isinstance(effect, Act):
            return solve(**effect.arguments)
        asked.append(effect)
        return Answer(next(left[effect.answerer]))

    return play(lever, ASKED, reply), asked


@pytest.mark.parametrize(
    ("lever", "program", "text"),
    [
        (Solve(SMALL, "milp"), BAG, "7"),
        (Solve(SMALL, "milp", show="chosen"), f"Here it is:\n```json\n{BAG}\n```", "b c"),
        (Solve(SMALL, "milp", show="values"), BAG, '{"a":0,"b":1,"c":1}'),
        (Solve(SMALL, "rules", words=(("true", "A"),)), "Facts:\nA(a)\nQuery:\nA(a, True)", "A"),
        (Solve(SMALL, "rules"), "Facts:\nB(b)\nQuery:\nA(a, True)", "unknown"),
        (
            Solve(SMALL, "constraints", reading=Reading("tag", tag="a")),
            "Variables:\nx [IN] [1]\nQuery:\nB) x == 1",
            "<a>B</a>",
        ),
    ],
)
def test_the_solvers_answer_is_written_as_the_task_reads_it(lever, program, text):
    answer, asked = played(lever, {SMALL: [program]})
    assert answer.text == text
    assert lever.reading.read(answer) == answer.final
    assert len(asked) == 1


def test_the_model_is_told_how_before_its_own_system_text_and_shown_examples():
    lever = Solve(SMALL, "rules", examples=(("Is Bob cold?", "Query:\nCold(Bob)"),))
    _, [ask] = played(lever, {SMALL: ["Query:\nA(a)"]})
    roles = [message["role"] for message in ask.request.messages]
    assert roles == ["system", "user", "assistant", "user"]
    assert ask.request.messages[0]["content"] == f"{GUIDES['rules']}\n\nBe brief."
    _, [ask] = played(Solve(SMALL, "rules", guide="Formally."), {SMALL: ["Query:\nA(a)"]})
    assert ask.request.messages[0]["content"] == "Formally.\n\nBe brief."


def test_a_program_that_is_not_solved_goes_back_once_with_the_solvers_message():
    answer, asked = played(Solve(SMALL, "milp"), {SMALL: ["maximise a", BAG]})
    assert answer.text == "7" and len(asked) == 2
    complaint = asked[1].request.messages[-1]["content"]
    assert complaint.startswith("The solver says: a program must be a JSON object")


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ('{"maximize": {"a": 1}, "variables": {"a": {}}}', "the objective has no bound"),
        (
            '{"minimize": {"a": 1}, "variables": {"a": {"upper": 1}}, '
            '"subject_to": [{"terms": {"a": 1}, "at_least": 2}]}',
            "no values of the variables satisfy",
        ),
        ('{"maximize": {"b": 1}, "variables": {"a": {}}}', "'b' is none of the variables a"),
        ('{"variables": {"a": {}}}', "must have one objective"),
        ('{"maximize": {"a": 1}, "variables": {"a": {}}, "subject_to": [{"terms": {"a": 1}}]}', "at_most"),
        ('{"maximize": {"a": "much"}, "variables": {"a": {}}}', "Expected `float`"),
        ('{"maximize": {}, "variables": {}}', "1 to 2000 variables"),
        ("I would take b and c.", "must be a JSON object"),
    ],
)
def test_what_cannot_be_solved_is_unread_or_the_others_and_says_why(program, says):
    unsolved = solve("milp", program)
    assert unsolved["status"] != "solved" and says in unsolved["message"]
    answer, _ = played(Solve(SMALL, "milp", most=0), {SMALL: [program]})
    assert answer.final is None and answer.text == program
    lever = Solve(SMALL, "milp", otherwise=LARGE, most=0)
    answer, asked = played(lever, {SMALL: [program], LARGE: ["b c"]})
    assert answer.text == "b c" and asked[-1].request == ASKED


def test_the_same_program_again_is_not_solved_again():
    answer, asked = played(Solve(SMALL, "milp", most=9), {SMALL: ["no", "no"]})
    assert answer.final is None and len(asked) == 2


def test_options_that_do_not_follow_are_undecided_and_contradictions_infeasible():
    head = "Variables:\nx [IN] [1, 2]\nConstraints:\n"
    assert solve("constraints", head + "x > 0\nQuery:\nA) x == 1")["status"] == "undecided"
    assert solve("constraints", head + "x > 2\nQuery:\nA) x == 1")["status"] == "infeasible"


@pytest.mark.parametrize(
    "fields", [{"kind": "sudoku"}, {"kind": "rules", "show": "chosen"}, {"kind": "milp", "show": "all"}]
)
def test_a_kind_or_a_rendering_that_is_not_there_is_refused(fields):
    with pytest.raises(StudyError, match=r"solve: (kind|show) must be one of"):
        Solve(SMALL, **fields)


def test_a_program_that_formulates_lets_a_solver_answer_every_choice():
    """No model is asked: what a choice asks is read by a program of its world and solved."""
    parser = Compute(Program.read("underdog.tiny.worlds.choice:formulation"))
    lever = Solve(parser, "milp", show="chosen")
    items = WORLD.examples("test", 12, seed=5)

    async def go() -> list[Any]:
        async with Acts(FakeEngine) as acts, Driver(FakeEngine, MemoryBank(), tools=acts) as driver:
            return [(await driver.answer(lever, Request(item.messages))).result for item in items]

    answers = asyncio.run(go())
    assert all(WORLD.score(item, answer.text) for item, answer in zip(items, answers, strict=True))


def test_a_program_that_has_no_answer_leaves_it_unread():
    lever = Compute(Program("parse.py:none", "d0"))
    for value, final in (("b c", "b c"), (None, None)):
        answer = play(lever, ASKED, lambda effect, value=value: value)
        assert isinstance(answer, Answer) and answer.final == final
