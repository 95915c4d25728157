"""Laws that hold for every rule and any text: no crash, what is rendered is read back, lenient adds."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from underdog.answerer import Answer, Request, ToolCall
from underdog.reading import RULES, Reading

LABELS = ("refund", "card arrival", "top_up", "none of these", "Δ")
READINGS = {
    "label": Reading("label", labels=LABELS),
    "labels": Reading("labels", labels=LABELS),
    "tag, number": Reading("tag", then="number"),
    "json, choice": Reading("json", path="a", then="choice"),
    "regex": Reading("regex", pattern=r"A:\s*(.+)", form="A: {}"),
    **{name: Reading(name) for name in RULES if name not in ("label", "labels", "regex")},
}
PIECES = st.sampled_from(
    ["<answer>", "</answer>", "```json", "```", "{", "}", "[", "]", '"a":', "f(", ")", "a=1", ",", "(((",
     "1e9",
     "\\boxed{", "<think>", "</think>",
     "Answer:", "<tool_call>", "A: ", "-", "1,000", "/", "%", "\n", " ",
     "refund", "B", "\ud800", "\x00", "'", '"', "\\", "Action: f\n", "####", "∞", "１２", "١٢"]
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=25).map("".join))
TOOLS = ({"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {}}}}},)


@settings(max_examples=300, deadline=None)
@given(text=TEXTS, arguments=st.one_of(st.none(), TEXTS))
def test_no_text_makes_any_reading_raise(text: str, arguments: str | None) -> None:
    calls = () if arguments is None else (ToolCall("f", arguments),)
    for reading in READINGS.values():
        for lenient in (False, True):
            final = replace(reading, lenient=lenient).read(Answer(text, calls), Request((), tools=TOOLS))
            assert final is None or final.strip()


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_what_was_read_is_read_again_from_its_rendering(text: str) -> None:
    for name, reading in READINGS.items():
        final = reading.read(Answer(text))
        if final is not None:
            again = reading.read(Answer(reading.render(final)))
            assert again == final, (name, text)


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_lenient_reading_finds_something_wherever_strict_reading_does(text: str) -> None:
    for name, reading in READINGS.items():
        if reading.read(Answer(text)) is not None:
            assert replace(reading, lenient=True).read(Answer(text)) is not None, name


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.one_of(
            st.none(),
            st.booleans(),
            st.integers(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(),
        ),
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
        max_leaves=10,
    )
)
def test_equal_json_has_one_canonical_text(value: object) -> None:
    one = Reading("json").read(Answer(json.dumps(value)))
    other = Reading("json").read(Answer(json.dumps(value, indent=2, ensure_ascii=False)))
    assert one == other


def test_floods_of_one_thing_are_read_without_hanging() -> None:
    gap, lines = " " * 30_000, "\n" * 30_000
    floods = [
        "[" * 50_000, "(" * 50_000, "{'a':" * 9_000, "f(" * 9_000, "<answer>" * 5_000, "1" * 30_000,
        f"answer{gap}x", f"the{gap}answer{gap}", f"x{lines}y", f"f{lines}g", "A\n" * 15_000,
        "```" * 10_000, "\\boxed{" * 5_000, f'"a"{gap}', "1,111" * 5_000, f"card,{gap}", "'" * 30_000,
    ]  # fmt: skip
    for text in floods:
        for reading in READINGS.values():
            for lenient in (False, True):
                replace(reading, lenient=lenient).read(Answer(text), Request((), tools=TOOLS))
