"""What each scorer counts as right, and by how much."""

from __future__ import annotations

from typing import Any

import pytest

from underdog.errors import DataError
from underdog.example import Example
from underdog.scorers import Contains, Exact, Json, Label, ListF1, Number, Regex, SetF1, TokenF1
from underdog.scorers.token_f1 import words


def score(scorer: Any, final: str, target: Any) -> float:
    return float(scorer.score(final, Example("1", "1", (), target)))


def test_exact_forgives_white_space_and_case_only_if_told() -> None:
    assert score(Exact(), "red  wine\n", "red wine") == 1
    assert score(Exact(), "Red wine", "red wine") == 0
    assert score(Exact(ignore_case=True), "Red wine", ["white", "red wine"]) == 1
    assert score(Exact(), "true", True) == 1
    assert score(Exact(), "3", 3) == 1


def test_label_must_be_a_known_label() -> None:
    with pytest.raises(DataError, match="one of card, refund, did you mean 'refund'"):
        Label(("card", "refund")).gold(Example("1", "1", (), "refnud"))


@pytest.mark.parametrize(
    ("scorer", "final", "target", "right"),
    [
        (Number(), "0.3", 0.1 + 0.2, 1),
        (Number(), "1234567", 1234568, 0),
        (Number(absolute=1), "1234567", 1234568, 1),
        (Number(relative=0.1), "91", 100, 1),
        (Number(relative=0.1), "89", 100, 0),
        (Number(), "18 dollars", "$18", 1),
        (Number(), "1/4", 0.25, 1),
        (Number(), "none", 0, 0),
        (Number(), "5", [4, 5], 1),
    ],
)
def test_number_is_right_within_its_tolerance(scorer: Number, final: str, target: Any, right: int) -> None:
    assert score(scorer, final, target) == right


@pytest.mark.parametrize("target", [True, "twelve", None, [], {"a": 1}])
def test_number_refuses_what_is_no_number(target: Any) -> None:
    with pytest.raises(DataError, match="number"):
        Number().gold(Example("1", "1", (), target))


def test_contains_looks_for_whole_words_unless_anywhere() -> None:
    assert score(Contains(), "It is PARIS, of course", "paris") == 1
    assert score(Contains(), "comparison", "paris") == 0
    assert score(Contains(anywhere=True), "comparison", "paris") == 1
    assert score(Contains(ignore_case=False), "PARIS", "paris") == 0
    assert score(Contains(every=True), "red and blue", ["red", "blue", "green", "grey"]) == 0.5


def test_regex_takes_the_pattern_from_the_target_or_the_target_into_the_pattern() -> None:
    assert score(Regex(), "code 4711", r"\b47\d\d\b") == 1
    assert score(Regex(ignore_case=True), "CODE", "code") == 1
    assert score(Regex(pattern=r"^{target}$"), "a.b", "a.b") == 1
    assert score(Regex(pattern=r"^{target}$"), "axb", "a.b") == 0
    assert Regex().gold(Example("1", "1", (), "a+")) is None
    with pytest.raises(DataError, match=r"a regular expression \("):
        Regex().gold(Example("1", "1", (), "("))


def test_json_gives_the_share_of_fields_out_of_those_either_has() -> None:
    target = {"name": "Ann", "age": 3, "tags": ["x", "y"]}
    assert score(Json(), '{"name": " Ann ", "age": 3.0, "tags": ["x", "y"]}', target) == 1
    assert score(Json(), '{"name": "Ann", "age": 4, "tags": ["x", "y"]}', target) == 0.75
    assert score(Json(), '{"name": "Ann", "age": 3, "tags": ["x", "y"], "extra": 1}', target) == 0.8
    assert score(Json(), '{"age": true}', {"age": 1}) == 0
    assert score(Json(), '{"a.b": {}}', {"a.b": {}}) == 1
    assert score(Json(), "not json", target) == 0


def test_json_can_look_at_some_fields_ask_for_all_and_forgive_case() -> None:
    target = {"name": "Ann", "address": {"city": "Rome", "zip": "1"}}
    answer = '{"name": "ann", "address": {"city": "Rome", "zip": "2"}}'
    assert score(Json(fields=("address.city", "name")), answer, target) == 0.5
    assert score(Json(fields=("address.city", "name"), ignore_case=True), answer, target) == 1
    assert score(Json(whole=True), answer, target) == 0
    with pytest.raises(DataError, match=r"an object with the field 'address\.town'"):
        Json(fields=("address.town",)).gold(Example("1", "1", (), target))


def test_json_that_does_not_meet_its_schema_scores_nothing() -> None:
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 1}}}
    assert score(Json(schema=schema), '{"n": 2}', {"n": 2}) == 1
    assert score(Json(schema=schema), '{"n": 0}', {"n": 0}) == 0
    assert score(Json(schema=schema), '{"n": 5}', None) == 1
    assert score(Json(schema=schema), "{}", None) == 0


def test_token_f1_normalises_as_squad_does() -> None:
    assert words("The  Red-wine, a  Glass!") == ["redwine", "glass"]
    assert score(TokenF1(), "red wine glass", "the red wine") == pytest.approx(0.8)
    assert score(TokenF1(), "wine", ["beer", "Wine."]) == 1
    assert score(TokenF1(), "the", "a") == 1


def test_set_f1_ignores_order_and_repeats_and_list_f1_does_not() -> None:
    assert score(SetF1(), '["B", "a", "a"]', ["a", "b"]) == 1
    assert score(SetF1(exact_case=True), '["B", "a"]', ["a", "b"]) == 0.5
    assert score(SetF1(), "a, b, c", ["a", "b"]) == 0.8
    assert score(SetF1(), "[]", []) == 1
    assert score(ListF1(), '["b", "a"]', ["a", "b"]) == 0.5
    assert score(ListF1(), '["a"]', ["a", "a"]) == pytest.approx(2 / 3)
    assert score(ListF1(), '["a", "b", "a"]', ["a", "b"]) == 0.8
    assert score(SetF1(), '[1, "1"]', [1.0]) == pytest.approx(1)
