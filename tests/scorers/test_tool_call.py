"""Which tool calls are right: BFCL's rules, one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from underdog.errors import DataError
from underdog.example import Example
from underdog.scorers import ToolCalls

PARAMETERS = {
    "type": "object",
    "required": ["city"],
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "limit": {"type": "number"},
        "exact": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "sizes": {"type": "array", "items": {"type": "integer"}},
        "box": {"type": "object"},
        "stops": {"type": "array", "items": {"type": "object"}},
    },
}
TOOLS = tuple(
    {"type": "function", "function": {"name": name, "parameters": PARAMETERS}}
    for name in ("weather.get", "weather.list")
)


def example(target: Any, tools: Any = TOOLS) -> Example:
    return Example("1", "1", (), target, tools=tools)


def score(target: Any, *calls: Any, scorer: ToolCalls | None = None, tools: Any = TOOLS) -> float:
    made = [{"name": name, "arguments": arguments} for name, arguments in calls]
    return (scorer or ToolCalls()).score(json.dumps(made), example(target, tools))


def arguments(**values: list[Any]) -> list[dict[str, Any]]:
    return [{"weather.get": {"city": ["Rome"], **values}}]


@pytest.mark.parametrize(
    ("right", "given", "verdict"),
    [
        ({}, {"city": "rome."}, 1),
        ({}, {"city": "Paris"}, 0),
        ({}, {}, 0),
        ({}, {"city": "Rome", "days": 1}, 0),
        ({}, {"city": "Rome", "colour": "red"}, 0),
        ({"days": [3]}, {"city": "Rome", "days": 3}, 1),
        ({"days": [3]}, {"city": "Rome", "days": 3.0}, 0),
        ({"days": [3]}, {"city": "Rome", "days": "3"}, 0),
        ({"days": [3]}, {"city": "Rome"}, 0),
        ({"days": [3, ""]}, {"city": "Rome"}, 1),
        ({"days": [3, ""]}, {"city": "Rome", "days": 4}, 0),
        ({"days": [1]}, {"city": "Rome", "days": True}, 0),
        ({"limit": [2.0, 2.5]}, {"city": "Rome", "limit": 2}, 1),
        ({"limit": [2.0, 2.5]}, {"city": "Rome", "limit": 2.5}, 1),
        ({"exact": [True]}, {"city": "Rome", "exact": True}, 1),
        ({"exact": [True]}, {"city": "Rome", "exact": "true"}, 0),
        ({"days": ["n_days"]}, {"city": "Rome", "days": "n_days"}, 1),
        ({"days": ["n_days"]}, {"city": "Rome", "days": "N days"}, 0),
        ({"tags": [["a", "b-c"]]}, {"city": "Rome", "tags": ["A", "b c"]}, 1),
        ({"tags": [["a", "b"]]}, {"city": "Rome", "tags": ["b", "a"]}, 0),
        ({"tags": [["a"]]}, {"city": "Rome", "tags": [1]}, 0),
        ({"sizes": [[1, 2]]}, {"city": "Rome", "sizes": [1, 2]}, 1),
        ({"sizes": [[1, 2]]}, {"city": "Rome", "sizes": [1, 2.0]}, 0),
        ({"tags": [["a"], ""]}, {"city": "Rome", "tags": []}, 1),
        ({"box": [{"x": [1, 2], "y": ["", "up"]}]}, {"city": "Rome", "box": {"x": 2}}, 1),
        ({"box": [{"x": [1, 2], "y": ["", "up"]}]}, {"city": "Rome", "box": {"x": 2, "y": "Up"}}, 1),
        ({"box": [{"x": [1, 2]}]}, {"city": "Rome", "box": {"x": 3}}, 0),
        ({"box": [{"x": [1, 2]}]}, {"city": "Rome", "box": {"x": 1, "z": 1}}, 0),
        ({"box": [{"in": {"x": [1]}}]}, {"city": "Rome", "box": {"in": {"x": 1}}}, 1),
        (
            {"stops": [[{"at": ["a"]}, {"at": ["b"]}]]},
            {"city": "Rome", "stops": [{"at": "A"}, {"at": "b"}]},
            1,
        ),
        ({"stops": [[{"at": ["a"]}, {"at": ["b"]}]]}, {"city": "Rome", "stops": [{"at": "A"}]}, 0),
    ],
)
def test_an_argument_is_right_as_bfcl_says(
    right: dict[str, Any], given: dict[str, Any], verdict: int
) -> None:
    assert score(arguments(**right), ("weather.get", given)) == verdict


def test_values_may_come_as_texts_only_when_told() -> None:
    texts = ToolCalls(texts=True)
    target = arguments(days=[3], exact=[True], tags=[["a"]], limit=[2.5])
    given = {"city": "Rome", "days": "3L", "exact": "True", "tags": '["a"]', "limit": "2.5f"}
    assert score(target, ("weather.get", given), scorer=texts) == 1
    assert score(target, ("weather.get", given)) == 0
    assert score(target, ("weather.get", {**given, "days": "4"}), scorer=texts) == 0


def test_calls_come_in_any_order_unless_ordered_and_each_counts_once() -> None:
    target = [{"weather.get": {"city": ["Rome"]}}, {"weather.list": {"city": ["Oslo"]}}]
    one, two = ("weather.get", {"city": "Rome"}), ("weather.list", {"city": "Oslo"})
    assert score(target, two, one) == 1
    assert score(target, two, one, scorer=ToolCalls(ordered=True)) == 0
    assert score(target, one, two, scorer=ToolCalls(ordered=True)) == 1
    assert score(target, one, one) == 0
    assert score(target, one) == 0
    assert score(target, one, two, one) == 0


def test_dots_in_names_may_be_underscores_as_endpoints_want_them() -> None:
    target, dotted, flat = arguments(), ("weather.get", {"city": "Rome"}), ("weather_get", {"city": "Rome"})
    verdicts = {
        names: (
            score(target, dotted, scorer=ToolCalls(names=names)),
            score(target, flat, scorer=ToolCalls(names=names)),
        )
        for names in ("either", "dotted", "underscored")
    }
    assert verdicts == {"either": (1, 1), "dotted": (1, 0), "underscored": (0, 1)}


def test_plain_calls_are_a_target_too_and_need_no_tools() -> None:
    target = [{"name": "f", "arguments": {"x": 1, "y": [1, 2]}}]
    assert score(target, ("f", {"x": 1, "y": [1, 2]}), tools=()) == 1
    assert score(target, ("f", {"x": 1}), tools=()) == 0
    assert score(json.dumps(target), ("f", {"y": [1, 2], "x": 1}), tools=()) == 1
    assert score({"name": "f", "arguments": {}}, ("f", {}), tools=()) == 1


def test_calling_nothing_can_be_right() -> None:
    assert score([]) == 1
    assert score([], ("weather.get", {"city": "Rome"})) == 0


def test_bfcls_numbered_and_shortened_names_mean_the_offered_tool() -> None:
    numbered = {"weather.get_1": {"city": ["Rome"]}, "weather.get 2": {"city": ["Oslo"]}}
    both = (("weather.get", {"city": "Oslo"}), ("weather.get", {"city": "Rome"}))
    assert score(numbered, *both) == 1
    assert score([{"get": {"city": ["Rome"]}}], ("weather.get", {"city": "Rome"})) == 1


def test_gold_is_a_right_call_with_what_is_required_and_nothing_that_may_be_left_out() -> None:
    target = arguments(days=[3, ""], limit=["", 1.0], box=[{"x": [1], "y": ["", 2]}])
    gold = ToolCalls().gold(example(target))
    assert json.loads(gold or "") == [{"name": "weather.get", "arguments": {"city": "Rome", "box": {"x": 1}}}]
    assert ToolCalls().score(gold or "", example(target)) == 1


@pytest.mark.parametrize(
    "target", [None, "call it", 3, [3], [{"a": {}, "b": {}}], [{"nobody": {}}], [{"f": 3}]]
)
def test_a_target_that_is_no_tool_call_is_refused(target: Any) -> None:
    with pytest.raises(
        DataError, match=r"the target must be tool calls of weather\.get, weather\.list|must be tool calls"
    ):
        ToolCalls().gold(example(target))
