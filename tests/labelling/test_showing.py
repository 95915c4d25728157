"""How pairs and standings are put for people."""

from __future__ import annotations

import numpy as np
import pytest
from tests.labelling.conftest import Contest, labelled
from tests.labelling.made import made

from underdog.labelling.book import Label
from underdog.labelling.showing import headline, message_parts, plan, pretty, sentence
from underdog.labelling.standing import standing


def test_pictures_are_shown_when_they_are_embedded_and_never_fetched() -> None:
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}},
    ]
    shown = message_parts({"role": "user", "content": parts})["parts"]
    assert shown[1] == {"image": "data:image/png;base64,AAAA"}
    assert shown[2] == {"text": "[picture at https://example.org/x.png]"}


def test_earlier_tool_calls_of_a_conversation_are_shown() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
    shown = message_parts({"role": "assistant", "content": None, "tool_calls": [call]})
    assert shown == {"role": "assistant", "parts": [{"text": '{"name": "find", "arguments": "{}"}'}]}


@pytest.mark.parametrize(
    ("final", "shown"),
    [('{"a":1}', '{\n  "a": 1\n}'), ("{not json", "{not json"), ("12", "12"), ("[" * 9000, "[" * 9000)],
)
def test_json_is_spread_over_lines_and_the_rest_stays_as_it_is(final: str, shown: str) -> None:
    assert pretty(final) == shown


def test_a_standing_in_words(quiz: Contest) -> None:
    before = standing(quiz, {})
    assert headline(before, quiz) == "Nobody can tell yet whether small rivals large"
    assert sentence(before).startswith(
        "Between -"
    ) and "on 200 test examples of which 40 can differ" in sentence(before)
    assert plan(before) == "If both are equally good, about 40 more labels will most likely tell."
    after = standing(quiz, labelled(quiz, lambda item: Label.WORSE))
    assert headline(after, quiz) == "small falls short of large"
    assert sentence(after).startswith("-20.0 points, between -")
    assert plan(after) == "Every disagreement is labelled."


def test_when_labels_cannot_tell_the_plan_names_the_examples_it_takes() -> None:
    quiz, _ = made(np.random.default_rng(1), 0, n=60, harm=0.15, help_=0.15, tie=0.1, margin=0.02)
    assert "labels will hardly tell: it takes about" in plan(standing(quiz, {}))
