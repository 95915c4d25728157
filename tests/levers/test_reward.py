"""Reward asks its model about an answer, or about every step of it, and pools what it hears."""

from __future__ import annotations

import pytest

from underdog.answerer import Answer, Request, ToolCall, play
from underdog.levers import Reward
from underdog.levers.candidate import shown
from underdog.levers.reward import beginnings

QUESTION = Request(({"role": "user", "content": "7+5-3?"},))
SOLUTION = "7+5=12\n12-3=8\n8"


def asked(lever, text=SOLUTION, values=(0.9, 0.2, 0.4)):
    acts = []

    def reply(act):
        acts.append(act)
        return list(values)[-len(act.arguments["texts"]) :]

    return play(lever, shown(QUESTION, Answer(text)), reply), acts


def test_the_whole_answer_is_judged_once():
    found, (act,) = asked(Reward("hf/judge", identity="abc"))
    assert act.tool.name == "reward"
    assert act.arguments == {
        "model": "hf/judge",
        "messages": list(QUESTION.messages),
        "texts": [SOLUTION],
        "identity": "abc",
    }
    assert (found.confidence, found.text) == (0.4, "")


@pytest.mark.parametrize(("pool", "verdict"), [("min", 0.2), ("mean", 0.5), ("last", 0.4)])
def test_steps_are_pooled_as_asked(pool, verdict):
    assert asked(Reward("hf/judge", pool))[0].confidence == pytest.approx(verdict)


def test_the_weakest_step_is_named():
    assert asked(Reward("hf/judge", "min"))[0].text == "step 2 of 3 looks weakest (0.20): 12-3=8"


def test_steps_end_at_the_delimiter_and_empty_ones_are_none():
    assert beginnings("a\n\nb\n", "\n") == ["a\n", "a\n\nb\n"]
    assert beginnings("one step", "\n") == ["one step"]
    assert beginnings("a; b; c", "; ") == ["a; ", "a; b; ", "a; b; c"]


def test_tool_calls_are_judged_as_text():
    answer = Answer("", tool_calls=(ToolCall("book", '{"day":"Monday"}'),))
    acts = []
    play(Reward("hf/judge"), shown(QUESTION, answer), lambda act: acts.append(act) or [0.5])
    assert "book" in acts[0].arguments["texts"][0]
