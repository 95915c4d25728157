"""Prompt: system text and template."""

from __future__ import annotations

from dataclasses import replace

from underdog.answerer import Answer, Model, Request, play
from underdog.levers import FewShot, Prompt

SMALL = Model("fake/small")
SYSTEM, USER = {"role": "system", "content": "old"}, {"role": "user", "content": "q"}


def asked(lever, *messages):
    seen = []
    play(lever, Request(messages, example="e1"), lambda ask: seen.append(ask.request) or Answer("a"))
    return [(m["role"], m["content"]) for m in seen[0].messages]


def test_a_system_text_replaces_the_old_one_or_is_added() -> None:
    lever = Prompt(SMALL, system="new")
    assert asked(lever, SYSTEM, USER) == [("system", "new"), ("user", "q")]
    assert asked(lever, USER) == [("system", "new"), ("user", "q")]
    assert asked(lever, {"role": "developer", "content": "old"}, USER)[0] == ("system", "new")
    assert asked(Prompt(SMALL), SYSTEM, USER) == [("system", "old"), ("user", "q")]


def test_a_template_wraps_every_user_message_so_that_earlier_turns_look_as_they_were_asked() -> None:
    lever = Prompt(SMALL, template="Q: {input}\nA: {other}")
    turns = [USER, {"role": "assistant", "content": "a"}, {"role": "user", "content": "second {input}"}]
    assert [content for _, content in asked(lever, *turns)] == [
        "Q: q\nA: {other}",
        "a",
        "Q: second {input}\nA: {other}",
    ]


def test_a_template_finds_the_user_behind_a_tools_answer() -> None:
    tool = {"role": "tool", "content": "result", "tool_call_id": "1"}
    call = {"role": "assistant", "content": None}
    assert asked(Prompt(SMALL, template="<{input}>"), USER, call, tool) == [
        ("user", "<q>"),
        ("assistant", None),
        ("tool", "result"),
    ]


def test_a_template_wraps_the_last_text_of_a_message_in_parts_and_leaves_its_image() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}, image]
    [(_, content)] = asked(Prompt(SMALL, template="<{input}>"), {"role": "user", "content": parts})
    assert content == [{"type": "text", "text": "one"}, {"type": "text", "text": "<two>"}, image]
    assert parts[1]["text"] == "two"
    [(_, content)] = asked(Prompt(SMALL, template="<{input}>"), {"role": "user", "content": [image]})
    assert content == [image]


def test_demonstrations_of_a_lever_around_it_stand_in_the_same_template() -> None:
    lever = FewShot(Prompt(SMALL, "new", "<{input}>"), demonstrations=(("1+1", "2"), ("2+2", "4")))
    assert asked(lever, SYSTEM, USER) == [
        ("system", "new"),
        ("user", "<1+1>"),
        ("assistant", "2"),
        ("user", "<2+2>"),
        ("assistant", "4"),
        ("user", "<q>"),
    ]


def test_everything_else_of_the_request_stays() -> None:
    request = Request((USER,), tools=({"type": "function"},), example="e1", draw=(3,), extra={"user": "u"})
    seen = []
    play(Prompt(SMALL, system="s"), request, lambda ask: seen.append(ask.request) or Answer("a"))
    assert replace(seen[0], messages=request.messages) == request
