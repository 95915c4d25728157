"""The Read lever: it fills `final`, changes nothing else, and is only its rule and options."""

from __future__ import annotations

from dataclasses import fields

import pytest

from underdog.answerer import Answer, Failure, Model, Request, play
from underdog.errors import StudyError
from underdog.levers.read import Read
from underdog.reading import Reading

SMALL = Model("fake/small")
REQUEST = Request(({"role": "user", "content": "3 + 4?"},))


def test_the_final_answer_is_read_and_the_text_passes_as_it_came() -> None:
    said = Answer("I say 7", confidence=0.5, finish="length")
    answer = play(Read(SMALL, "number", lenient=True), REQUEST, [said])
    assert isinstance(answer, Answer)
    assert (answer.final, answer.text, answer.confidence, answer.finish) == ("7", "I say 7", 0.5, "length")


def test_an_answer_that_cannot_be_read_has_no_final_answer() -> None:
    answer = play(Read(SMALL, "number"), REQUEST, [Answer("I say 7", final="stale")])
    assert isinstance(answer, Answer) and answer.final is None


def test_a_failure_passes_through() -> None:
    failure = Failure("timeout", "too slow")
    assert play(Read(SMALL, "number"), REQUEST, [failure]) == failure


def test_readers_nest_and_the_outer_one_decides() -> None:
    lever = Read(Read(SMALL, "text"), "json", path="answer")
    answer = play(lever, REQUEST, [Answer('{"answer": "7"}')])
    assert isinstance(answer, Answer) and answer.final == "7"


def test_a_reader_is_a_reading_with_somebody_to_ask() -> None:
    reading = Reading("label", lenient=True, labels=("a", "b"))
    lever = Read(SMALL, **vars(reading))
    assert lever.reading == reading
    assert {f.name for f in fields(Read)} - {"inner"} == {f.name for f in fields(Reading)}


def test_an_unknown_rule_is_refused_when_the_lever_is_made() -> None:
    with pytest.raises(StudyError, match="did you mean 'number'"):
        Read(SMALL, "numbr")
