"""Render: the client sees the final answer alone."""

from __future__ import annotations

import pytest

from underdog.answerer import Answer, Failure, Model, Request, TokenLogprob, ToolCall, play
from underdog.errors import ContractError
from underdog.levers import Read, Render

SMALL = Model("fake/small")
QUESTION = Request(({"role": "user", "content": "q"},))
# As the reading rule `tool_call` writes calls.
CALLS = '[{"arguments":{"city":"Zürich"},"name":"weather"},{"arguments":{},"name":"time"}]'


def test_the_text_becomes_the_final_answer_and_nothing_else_is_said() -> None:
    said = Answer(
        "So it is 7.",
        tool_calls=(ToolCall("f", "{}"),),
        final="7",
        confidence=0.5,
        finish="tool_calls",
        logprobs=(TokenLogprob("So", -1.0),),
    )
    assert play(Render(SMALL), QUESTION, [said]) == Answer("7", final="7", confidence=0.5)


@pytest.mark.parametrize("tools", [False, True])
def test_an_unread_answer_passes_as_it_came(tools) -> None:
    said = Answer("I do not know", tool_calls=(ToolCall("f", "{}"),), finish="tool_calls")
    assert play(Render(SMALL, tools), QUESTION, [said]) == said


@pytest.mark.parametrize("tools", [False, True])
def test_a_failure_passes(tools) -> None:
    lost = Failure("timeout", "late")
    assert play(Render(SMALL, tools), QUESTION, [lost]) == lost


def test_what_a_lenient_reading_found_is_what_the_client_gets() -> None:
    lever = Render(Read(SMALL, rule="number", lenient=True))
    assert play(lever, QUESTION, [Answer("It must be 1,234 apples")]).text == "1234"


def test_calls_that_were_read_become_tool_calls() -> None:
    result = play(Render(SMALL, tools=True), QUESTION, [Answer("weather(...)", final=CALLS)])
    assert (result.text, result.finish, result.final) == ("", "tool_calls", CALLS)
    assert result.tool_calls == (
        ToolCall("weather", '{"city": "Zürich"}', "call_0"),
        ToolCall("time", "{}", "call_1"),
    )


def test_no_call_is_an_answer_that_stops() -> None:
    said = Answer("none needed", final="[]", finish="tool_calls", tool_calls=(ToolCall("f", "{"),))
    assert play(Render(SMALL, tools=True), QUESTION, [said]) == Answer("", final="[]")


@pytest.mark.parametrize("final", ["seven", "7", "[7]", "[{}]", '{"name": "f"}'])
def test_a_final_answer_that_is_no_list_of_calls_is_refused(final) -> None:
    with pytest.raises(ContractError, match="needs a final answer that is a list of calls"):
        play(Render(SMALL, tools=True), QUESTION, [Answer("x", final=final)])


def test_calls_read_by_the_rule_for_calls_can_be_rendered() -> None:
    tools = ({"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}},)
    request = Request(QUESTION.messages, tools=tools)
    lever = Render(Read(SMALL, rule="tool_call"), tools=True)
    said = Answer("", tool_calls=(ToolCall("weather", '{ "city":"Rome" }', "abc"),), finish="tool_calls")
    result = play(lever, request, [said])
    assert result.tool_calls == (ToolCall("weather", '{"city": "Rome"}', "call_0"),)
