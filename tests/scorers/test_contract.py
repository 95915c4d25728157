"""One contract for every scorer: gold scores 1, nothing and another's gold 0, and no answer crashes it."""

from __future__ import annotations

from dataclasses import is_dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from underdog.answerer import Answer
from underdog.errors import DataError, StudyError
from underdog.example import Example
from underdog.scorers import SCORERS, scorer_from
from underdog.scorers import __all__ as names

TOOLS = (
    {
        "type": "function",
        "function": {
            "name": "pay",
            "parameters": {
                "type": "object",
                "properties": {"who": {"type": "string"}, "sum": {"type": "number"}},
                "required": ["who"],
            },
        },
    },
)
# Scorer -> options, and two targets of which neither's gold is right for the other.
CASES: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "exact": ({}, "red wine", "white wine"),
    "label": ({"labels": ["refund", "card"]}, "refund", "card"),
    "number": ({"absolute": 0.01}, 12.5, "1,300"),
    "contains": ({}, ["Paris", "paname"], "Rome"),
    "regex": ({"pattern": r"^{target}\b"}, "a.b", "c"),
    "json": ({}, {"a": 1, "b": [True]}, {"c": None}),
    "token_f1": ({}, "the red wine", "white bread"),
    "tool_call": ({}, [{"pay": {"who": ["Ann"], "sum": [3.0, ""]}}], [{"pay": {"who": ["Bob"]}}]),
    "set_f1": ({}, ["a", "b"], ["c"]),
    "list_f1": ({}, ["a", "b", "a"], '["c"]'),
    "python": ({"function": "operator:eq_of_tests"}, "x", "y"),
    "judge": ({"model": "fake/judge"}, "x", "y"),
}
SCORING = sorted(set(CASES) - {"judge", "python"})


def case(name: str) -> tuple[Any, Example, Example]:
    options, one, other = CASES[name]
    scorer = scorer_from({"rule": name, **options})
    return scorer, *(
        Example(f"{i}", f"{i}", (), target, tools=TOOLS) for i, target in enumerate((one, other))
    )


def test_every_scorer_has_a_case_and_its_own_name() -> None:
    assert set(SCORERS) == set(CASES) and len(names) == len(SCORERS)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_scorer_is_a_frozen_dataclass_with_a_docstring(name: str) -> None:
    cls = SCORERS[name]
    assert is_dataclass(cls) and cls.__dataclass_params__.frozen and cls.__doc__  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", SCORING)
def test_gold_scores_1_through_its_own_reading_and_everything_else_0(name: str) -> None:
    scorer, one, other = case(name)
    final = scorer.reading.read(Answer(scorer.reading.render(scorer.gold(one))), one.request(None))
    assert scorer.score(final, one) == 1
    assert scorer.score("", one) == 0
    assert scorer.score(scorer.gold(other), one) == 0
    assert scorer.score(scorer.gold(one), other) == 0


@pytest.mark.parametrize("name", SCORING)
def test_no_answer_makes_a_scorer_raise_or_leave_0_to_1(name: str) -> None:
    scorer, one, _ = case(name)

    @settings(max_examples=60, deadline=None)
    @given(
        st.one_of(
            st.text(),
            st.sampled_from(['[{"name":1}]', '[{"name":"pay","arguments":[]}]', "{}", "1e999", "[[]]"]),
        )
    )
    def check(final: str) -> None:
        assert 0 <= scorer.score(final, one) <= 1

    check()


@pytest.mark.parametrize("name", sorted(set(SCORING) - {"json", "regex"}))
def test_a_target_of_the_wrong_kind_is_one_sentence_with_its_place(name: str) -> None:
    scorer, _, _ = case(name)
    wrong = Example("7", "7", (), {"nobody": object}, where="cases.jsonl:7")
    with pytest.raises(DataError, match=r"^cases\.jsonl:7: for the scorer \w+ the target must be .*; got "):
        scorer.gold(wrong)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("numbr", "did you mean 'number'"),
        ({"rule": "number", "absolut": 1}, "did you mean 'absolute'"),
        ({"rule": "number", "absolute": -1}, "must be 0 or more"),
        ({"rule": "number", "absolute": "much"}, "absolute of number must be a float; got 'much'"),
        ({"rule": "exact", "ignore_case": 1}, "ignore_case of exact must be a bool"),
        ({"rule": "python"}, "python needs 'function'"),
        ({"rule": "regex", "pattern": "("}, "must be a regular expression"),
        ({"rule": "tool_call", "names": "any"}, "must be one of either, dotted, underscored"),
        ({"rule": "json", "schema": {"type": "object", "propertys": {}}}, "did you mean 'properties'"),
        ({"number": {}}, "the rule must be one of"),
    ],
)
def test_a_wrong_scorer_or_option_is_refused_in_a_sentence(spec: Any, sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        scorer_from(spec)
