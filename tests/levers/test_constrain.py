"""Constrain: the form that is asked for reaches the engine, and nothing else changes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from underdog import tiny
from underdog.answerer import Answer, Failure, Model, Request, play
from underdog.constraint import constraint_of
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.errors import ContractError, StudyError
from underdog.example import Example
from underdog.levers import BestOf, Constrain, Read, Vote
from underdog.plan import dump, load
from underdog.store.sinks import MemoryBank
from underdog.studies.fitting import fitted
from underdog.studies.spec import read
from underdog.tiny import worlds

SMALL, JUDGE = Model("fake/small"), Model("fake/judge")
QUESTION = Request(({"role": "user", "content": "q"},), extra={"user": "u1"}).sampled(max_tokens=9)
SCHEMA = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "string"}}}
TOOLS = (
    {"type": "function", "function": {"name": "now"}},
    {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "required": ["x"]}}},
)


def asked(lever: Any, request: Request = QUESTION) -> Request:
    """The one request that reaches the model."""
    seen: list[Request] = []
    result = play(lever, request, lambda ask: seen.append(ask.request) or Answer("a"))
    assert result == Answer("a")
    [only] = seen
    return only


@pytest.mark.parametrize(
    ("form", "kind", "value"),
    [
        ({"schema": SCHEMA}, "json", SCHEMA),
        ({"choices": ("yes", "no")}, "choice", ("yes", "no")),
        ({"regex": "a+"}, "regex", "a+"),
        ({"grammar": "root ::= x"}, "grammar", "root ::= x"),
    ],
)
def test_each_form_is_what_an_engine_reads_out_of_the_request(form, kind, value) -> None:
    got = asked(Constrain(SMALL, **form))
    demand = constraint_of(got)
    assert demand is not None and (demand.kind, demand.form) == (kind, value)
    assert got.messages == QUESTION.messages and got.sampling == QUESTION.sampling
    assert got.extra["user"] == "u1"
    assert load(dump(Constrain(SMALL, **form))) == Constrain(SMALL, **form)


def test_a_schema_goes_out_strict_with_its_keys_in_order() -> None:
    form = asked(Constrain(SMALL, schema=SCHEMA)).response_format
    assert form is not None and form["json_schema"]["strict"] is True
    assert list(form["json_schema"]["schema"]["properties"]) == ["b", "a"]


def test_the_form_stands_in_place_of_one_that_the_request_brought() -> None:
    brought = replace(
        QUESTION, response_format={"type": "json_object"}, extra={"guided_regex": "x", "user": "u1"}
    )
    assert asked(Constrain(SMALL, regex="a+"), brought) == asked(Constrain(SMALL, regex="a+"))


def test_a_call_of_the_tools_that_are_offered_is_a_schema() -> None:
    lever = Constrain(SMALL, schema="tools")
    form = asked(lever, replace(QUESTION, tools=TOOLS)).response_format
    assert form is not None
    now, add = form["json_schema"]["schema"]["anyOf"]
    assert now["properties"]["name"] == {"const": "now"}
    assert add["properties"]["arguments"] == TOOLS[1]["function"]["parameters"]
    single = asked(lever, replace(QUESTION, tools=TOOLS[1:])).response_format
    assert single is not None and single["json_schema"]["schema"] == add


def test_a_call_is_refused_where_no_tool_is_offered() -> None:
    result = play(Constrain(SMALL, schema="tools"), QUESTION, [])
    assert isinstance(result, Failure) and result.kind == "bad_request" and "no tool" in result.message


def labelled(*golds: str) -> list[Example]:
    rows = enumerate(golds)
    return [Example(str(i), str(i), ({"role": "user", "content": "q"},), target=gold) for i, gold in rows]


def gold(example: Example) -> str | None:
    return example.target


def test_labels_are_the_gold_answers_of_fit_or_those_that_the_reading_names() -> None:
    lever = Constrain(SMALL, choices="labels")
    fitted = lever.fit(labelled("b", "a", "b"), gold)
    assert fitted == Constrain(SMALL, choices=("a", "b"))
    reading = Read(SMALL, "label", labels=("a", "b", "rare"))
    inside = Constrain(Vote(reading, 3), choices="labels").fit(labelled("b", "a"), gold)
    assert inside.choices == ("a", "b", "rare"), "a label that fit has not seen stays possible"
    plain = Constrain(SMALL, regex="a")
    assert plain.fit(labelled("a"), gold) is plain


def test_labels_that_were_not_filled_in_or_cannot_be_are_refused() -> None:
    with pytest.raises(ContractError, match="fit"):
        play(Constrain(SMALL, choices="labels"), QUESTION, [])
    with pytest.raises(StudyError, match="there are 0"):
        Constrain(SMALL, choices="labels").fit([], gold)
    with pytest.raises(StudyError, match="there are 1200"):
        Constrain(SMALL, choices="labels").fit(labelled(*map(str, range(1200))), gold)


@pytest.mark.parametrize(
    "form", [{}, {"regex": "a", "grammar": "b"}, {"choices": ()}, {"choices": ("a", "")}]
)
def test_exactly_one_form_is_given(form) -> None:
    with pytest.raises(StudyError, match="constrain: "):
        Constrain(SMALL, **form)


def test_a_verifier_inside_is_not_held_to_the_form() -> None:
    seen = []

    def reply(ask: Any) -> Answer:
        seen.append(ask)
        return Answer("yes", final="yes", confidence=0.5)

    play(Constrain(BestOf(SMALL, 2, JUDGE), choices=("yes", "no")), QUESTION, reply)
    held = {ask.answerer: constraint_of(ask.request) is not None for ask in seen}
    assert held == {SMALL: True, JUDGE: False}


def test_study_files_say_it_in_a_line() -> None:
    made = load({"lever": "constrain", "inner": "fake/small", "choices": "labels"})
    assert made == Constrain(SMALL, choices="labels")
    made = load({"lever": "constrain", "inner": "fake/small", "schema": SCHEMA})
    assert made == Constrain(SMALL, schema=SCHEMA)


def test_constrained_answers_of_the_embedded_model_are_all_readable() -> None:
    pytest.importorskip("torch", reason="needs the [local] extra")
    pytest.importorskip("llguidance", reason="needs the [local] extra")
    if "specialist-spell" not in tiny.names():
        pytest.skip("the embedded models are not trained yet")
    task = worlds.task("intents", 60, 1)
    items = task.examples[:24]
    free = read(Model("tiny/specialist-spell"), task.reading)
    held = fitted(Constrain(free, choices="labels"), task, task.split("fit"))

    async def session(lever: Any) -> list[str | None]:
        async with Driver(Binder(), MemoryBank()) as driver:
            trails = [driver.answer(lever, item.request(task.sampling)) for item in items]
            return [trail.result.final for trail in await asyncio.gather(*trails)]

    assert asyncio.run(session(free)).count(None) > 0
    assert asyncio.run(session(held)).count(None) == 0
