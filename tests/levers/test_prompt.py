"""Prompt: system text, template and demonstrations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from underdog.answerer import Answer, Model, Request, play
from underdog.errors import StudyError
from underdog.example import Example
from underdog.levers import Prompt

SMALL = Model("fake/small")
SYSTEM, USER = {"role": "system", "content": "old"}, {"role": "user", "content": "q"}


def asked(lever, *messages):
    seen = []
    play(lever, Request(messages, example="e1"), lambda ask: seen.append(ask.request) or Answer("a"))
    return [(m["role"], m["content"]) for m in seen[0].messages]


def gold(example: Example) -> str | None:
    return example.target


def example(name: str, target: str | None, content: object = None) -> Example:
    return Example(name, name, ({"role": "user", "content": content or f"ask {name}"},), target)


def test_a_system_text_replaces_the_old_one_or_is_added() -> None:
    lever = Prompt(SMALL, system="new")
    assert asked(lever, SYSTEM, USER) == [("system", "new"), ("user", "q")]
    assert asked(lever, USER) == [("system", "new"), ("user", "q")]
    assert asked(lever, {"role": "developer", "content": "old"}, USER)[0] == ("system", "new")
    assert asked(Prompt(SMALL), SYSTEM, USER) == [("system", "old"), ("user", "q")]


def test_a_template_wraps_the_last_user_message_only() -> None:
    lever = Prompt(SMALL, template="Q: {input}\nA:")
    turns = [USER, {"role": "assistant", "content": "a"}, {"role": "user", "content": "second {input}"}]
    assert [content for _, content in asked(lever, *turns)] == ["q", "a", "Q: second {input}\nA:"]


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


def test_demonstrations_are_earlier_turns_in_the_same_template() -> None:
    lever = Prompt(SMALL, "new", "<{input}>", demonstrations=(("1+1", "2"), ("2+2", "4")))
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


def test_fit_draws_its_shots_from_the_examples_by_seed() -> None:
    examples = [example(str(i), f"gold {i}") for i in range(20)]
    one, again, other = (Prompt(SMALL, shots=3, seed=seed).fit(examples, gold) for seed in (1, 1, 2))
    assert one == again != other and len(one.demonstrations) == 3
    assert all(a.removeprefix("gold ") == u.removeprefix("ask ") for u, a in one.demonstrations)
    assert replace(one, demonstrations=()) == Prompt(SMALL, shots=3, seed=1)


def test_examples_without_gold_or_text_are_no_demonstrations_and_too_few_are_refused() -> None:
    poor = [example("1", "gold"), example("2", None), example("3", "gold", [{"type": "text", "text": "x"}])]
    assert Prompt(SMALL, shots=1).fit(poor, gold).demonstrations == (("ask 1", "gold"),)
    with pytest.raises(StudyError, match=r"2 shots need as many fit examples .* there are 1: lower `shots`"):
        Prompt(SMALL, shots=2).fit(poor, gold)
