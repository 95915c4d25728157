"""What strict and lenient reading find, rule by rule, in the things models really say."""

from __future__ import annotations

import json

import pytest

from underdog.answerer import Answer, Request, ToolCall
from underdog.errors import StudyError
from underdog.reading import RULES, Reading, reading_from

LABELS = ("card_arrival", "card", "top_up", "lost or stolen")


def both(rule: str, text: str, **options: object) -> tuple[str | None, str | None]:
    """The strict and the lenient final answer."""
    strict, lenient = (Reading(rule, flag, **options).read(Answer(text)) for flag in (False, True))  # type: ignore[arg-type]
    return strict, lenient


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("A: 26", "26", "26"),
        ("so 13*2 = $<<26=26>>26", None, "26"),
        ("The answer is 1,250.50.", "1250.5", "1250.5"),
        (r"The final answer is: $\boxed{42}$.", "42", "42"),
        (r"\boxed{\frac{1}{2}}", "0.5", "0.5"),
        ("#### -3", "-3", "-3"),
        ("16 - 3 = 13", None, "13"),
        ("5-3", None, "3"),
        ("(5)-3", None, "3"),
        ("16 - 3", None, "3"),
        ("$-4", "-4", "-4"),
        ("maybe 7</think>It is eight", None, None),
        ("1 1/2", "1.5", "1.5"),
        ("−$4.00", "-4", "-4"),
        ("50%", "50", "50"),
        ("1e5", "100000", "100000"),
        ("It weighs 5kg", None, "5"),
        ("<think>is it 7?</think> It is 8 apples", None, "8"),
        ("<think>is it 7", None, None),
        ("1e9999", None, None),
        ("3/0", None, None),
        ("none", None, None),
        ("", None, None),
    ],
)
def test_number_reads(text: str, strict: str | None, lenient: str | None) -> None:
    assert both("number", text) == (strict, lenient)


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("B", "B", "B"),
        ("(b)", "B", "B"),
        ("Answer: B", "B", "B"),
        ("**C**", "C", "C"),
        ("The answer is (C) Paris", None, "C"),
        ("B) Paris", None, "B"),
        ("It cannot be (A), so\nFinal answer: D. because", None, "D"),
        ("I think it is A or B", None, None),
        ("I am sure", None, None),
    ],
)
def test_choice_reads(text: str, strict: str | None, lenient: str | None) -> None:
    assert both("choice", text) == (strict, lenient)


def test_choice_reads_other_letters_than_a_to_j() -> None:
    assert both("choice", "Answer: K", labels=("K", "L")) == ("K", "K")
    assert both("choice", "Answer: A", labels=("K", "L")) == (None, None)


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ('{"b": 1.0, "a": [1]}', '{"a":[1],"b":1}', '{"a":[1],"b":1}'),
        ('```json\n{"a": 1}\n```', None, '{"a":1}'),
        ('Sure: {"a": 1} and then {"a": 2}.', None, '{"a":2}'),
        ("NaN", None, None),
        ("[1, 2", None, None),
    ],
)
def test_json_reads(text: str, strict: str | None, lenient: str | None) -> None:
    assert both("json", text) == (strict, lenient)


def test_json_reads_the_value_at_a_path_even_in_broken_json() -> None:
    assert both("json", '{"why": "x", "answer": " 12 "}', path="answer") == ("12", "12")
    assert both("json", '{"why": "it\'s "quoted"", "answer": "12"}', path="answer") == (None, "12")
    assert both("json", '{"r": {"items": [{"n": 3}]}}', path="r.items.0.n") == ("3", "3")
    assert both("json", '{"answer": null}', path="answer") == (None, None)


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("<answer> x </answer>", "x", "x"),
        ("<answer>no</answer> wait <answer>yes</answer>", "yes", "yes"),
        ("<ANSWER>y", None, "y"),
        ("No tags here.\nAnswer: **z**", None, "z"),
        ("just the last line\n42", None, "42"),
        ("<answer></answer>", None, "<answer></answer>"),
    ],
)
def test_tag_reads(text: str, strict: str | None, lenient: str | None) -> None:
    assert both("tag", text) == (strict, lenient)


def test_what_was_found_can_be_read_again_by_another_rule() -> None:
    assert both("tag", "<answer>$18.00</answer>", then="number") == ("18", "18")
    assert both("tag", "<answer>18 eggs</answer>", then="number") == (None, "18")
    assert both("json", '{"answer": "Card Arrival"}', path="answer", then="label", labels=LABELS) == (
        None,
        "card_arrival",
    )
    reading = Reading("json", path="answer", then="number")
    assert reading.render("18") == '{"answer":"18"}'
    with pytest.raises(StudyError, match="needs 'labels'"):
        Reading("tag", then="label")
    with pytest.raises(StudyError, match="the rule number takes lenient, otherwise; got 'then'"):
        Reading("number", then="number")


def test_regex_reads_its_group_and_forgives_case_when_lenient() -> None:
    assert both("regex", "x\nA: 7\nA: 8", pattern=r"A: (\d+)") == ("8", "8")
    assert both("regex", "a: 8", pattern=r"A: (\d+)") == (None, "8")
    assert Reading("regex", pattern=r"A: (\d+)", form="A: {}").render("8") == "A: 8"


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("card_arrival", "card_arrival", "card_arrival"),
        ("Card Arrival.", None, "card_arrival"),
        ("The label is `top_up`, I think", None, "top_up"),
        ("It is about a card arrival", None, "card_arrival"),
        ("card or top up", None, None),
        ("discard", None, None),
        ("The item was lost-or-stolen", None, "lost or stolen"),
    ],
)
def test_label_reads(text: str, strict: str | None, lenient: str | None) -> None:
    assert both("label", text, labels=LABELS) == (strict, lenient)


def test_labels_that_look_alike_are_told_apart_only_by_their_exact_text() -> None:
    assert both("label", "top up", labels=("top_up", "top up")) == ("top up", "top up")
    assert both("label", "Top Up", labels=("top_up", "top up")) == (None, None)


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ('["top_up", "card"]', '["card","top_up"]', '["card","top_up"]'),
        ("top_up, card", '["card","top_up"]', '["card","top_up"]'),
        ("none", "[]", "[]"),
        ('I say ["Top Up"].', None, '["top_up"]'),
        ("card and top up", None, '["card","top_up"]'),
        ("card, parrot", None, '["card"]'),
    ],
)
def test_labels_reads(text: str, strict: str | None, lenient: str | None) -> None:
    assert both("labels", text, labels=LABELS) == (strict, lenient)


def test_first_line_and_text_read() -> None:
    assert both("first_line", "one") == ("one", "one")
    assert both("first_line", "\n one\ntwo") == (None, "one")
    assert both("text", ' "quoted" ') == ('"quoted"', "quoted")
    assert both("text", "```\ncode\n```") == ("```\ncode\n```", "code")


F1 = '[{"arguments":{"a":1},"name":"f"}]'
F1_G = '[{"arguments":{"a":1},"name":"f"},{"arguments":{},"name":"g"}]'


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ('{"name": "f", "arguments": {"a": 1}}', F1, F1),
        ('[{"f": "{\\"a\\": 1}"}]', F1, F1),
        ('{"tool_calls": [{"name": "f", "arguments": {"a": 1}}]}', F1, F1),
        ("[f(a=1), g()]", F1_G, F1_G),
        ("f(a=1)", F1, F1),
        ("[]", "[]", "[]"),
        ('```json\n[{"name": "f", "parameters": {"a": 1}}]\n```', None, F1),
        ('<tool_call>\n{"name": "f", "arguments": {"a": 1}}\n</tool_call>', None, F1),
        ('<function_call> {"name": "f", "arguments": {"a": 1}}', None, F1),
        ('<function_call> {"name": "f", "arguments": {"a": 1}} <function_call> {"g": {}}', None, F1_G),
        ("```\nf(a=1)\n```\nThat is:\n```\nf(a=1)\n```", None, F1),
        ("I would call f(a=1), then stop.", None, F1),
        ('f\n{"a": 1}', None, F1),
        ('Action: f\nAction Input: {"a": 1}', None, F1),
        ("['f(a=1)', 'g()']", None, F1_G),
        ("{'name': 'f', 'arguments': {'a': 1}}", None, F1),
        ("[f(a=1)", None, F1),
        ("I cannot help with that.", None, None),
        ("f(**everything)", None, None),
    ],
)
def test_tool_call_reads(text: str, strict: str | None, lenient: str | None) -> None:
    assert both("tool_call", text) == (strict, lenient)


def test_tool_call_prefers_the_answers_own_calls_and_refuses_broken_arguments() -> None:
    own = Answer("ignored", tool_calls=(ToolCall("f", '{"a": 1}'),))
    assert Reading("tool_call").read(own) == F1
    broken = Answer("", tool_calls=(ToolCall("f", '{"a": 1'),))
    assert Reading("tool_call", True).read(broken) is None


def test_tool_call_names_positional_arguments_only_when_lenient_and_the_tool_is_offered() -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {}, "b": {}}}}}
    request = Request((), tools=(tool,))
    assert Reading("tool_call").read(Answer("f(1)"), request) is None
    assert Reading("tool_call", True).read(Answer("f(1)"), request) == F1
    assert (
        Reading("tool_call", True).read(Answer("print(x=1)"), request)
        == '[{"arguments":{"x":1},"name":"print"}]'
    )
    assert Reading("tool_call", True).read(Answer("so print(x=1) it"), request) is None


def test_tool_call_dialect_is_held_to_when_strict() -> None:
    assert Reading("tool_call", dialect="json").read(Answer("f(a=1)")) is None
    assert Reading("tool_call", dialect="python").read(Answer("f(a=1)")) == F1
    assert Reading("tool_call", dialect="python").render(F1_G) == "[f(a=1), g()]"


def test_python_values_are_taken_as_bfcl_takes_them() -> None:
    text = "f(a=-1.5, b=(1, 2), c={'k': None}, d=name, e=2*x, g=True)"
    [call] = json.loads(Reading("tool_call").read(Answer(text)) or "")
    assert call["arguments"] == {
        "a": -1.5, "b": [1, 2], "c": {"k": None}, "d": "name", "e": "2 * x", "g": True,
    }  # fmt: skip


def test_what_could_not_be_read_may_stand_for_an_answer() -> None:
    silent = Reading("tool_call", otherwise="[]")
    assert silent.read(Answer("I have no tool for that.")) == "[]"


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("nubmer", "did you mean 'number'"),
        ({"rule": "number", "tag": "x"}, "the rule number takes lenient, otherwise; got 'tag'"),
        ({"rule": "label"}, "needs 'labels'"),
        ({"rule": "regex", "pattern": "("}, "must be a regular expression"),
        ({"rule": "tool_call", "dialect": "xml"}, "dialect must be one of any, json, python"),
        ({"rule": "tag", "tga": "x"}, "did you mean 'tag'"),
        ({"rule": "number", "lenient": "yes"}, "lenient must be a bool"),
        ({"rule": "label", "labels": "a"}, "labels must be a list"),
    ],
)
def test_a_wrong_rule_or_option_is_refused_in_a_sentence(spec: object, sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence.replace("(", r"\(")):
        reading_from(spec)  # type: ignore[arg-type]


def test_every_rule_says_what_strict_and_lenient_mean() -> None:
    for name, rule in RULES.items():
        doc = __import__(rule.strict.__module__, fromlist=["x"]).__doc__
        assert doc.startswith(f"{name}:") and "Strict:" in doc and "Lenient:" in doc
