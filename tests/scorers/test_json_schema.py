"""Our part of JSON Schema agrees with the jsonschema package, and refuses what it would not check."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from underdog.errors import StudyError
from underdog.scorers.json_schema import check, valid

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.sampled_from([0.5, 2.0]),
        st.sampled_from(["", "a", "bb"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(
                st.sampled_from(TYPES), st.lists(st.sampled_from(TYPES), min_size=1, unique=True)
            ),
            "enum": st.lists(VALUES, min_size=1, max_size=3),
            "const": VALUES,
            "minimum": st.integers(-2, 2),
            "exclusiveMaximum": st.integers(-2, 2),
            "minLength": st.integers(0, 2),
            "pattern": st.sampled_from(["a", "^b", "^$"]),
            "items": inner,
            "minItems": st.integers(0, 2),
            "uniqueItems": st.booleans(),
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
            "required": st.lists(st.sampled_from("abc"), max_size=2, unique=True),
            "additionalProperties": st.one_of(st.booleans(), inner),
            "maxProperties": st.integers(0, 2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
        },
    )


SCHEMAS = st.recursive(st.one_of(st.booleans(), schemas(st.booleans())), schemas, max_leaves=4)


@settings(max_examples=100, deadline=None)
@given(VALUES, SCHEMAS)
def test_a_value_is_valid_where_jsonschema_says_so(value: Any, schema: Any) -> None:
    check(schema)
    assert valid(value, schema) == jsonschema.Draft202012Validator(schema).is_valid(value)


def test_true_is_not_one_and_one_is_one_point_nought() -> None:
    assert valid(1, {"enum": [1.0]}) and not valid(1, {"enum": [True]})
    assert not valid([False], {"const": [0]}) and valid({"a": 2.0}, {"const": {"a": 2}})


def test_an_unknown_keyword_is_refused_with_its_place() -> None:
    with pytest.raises(StudyError, match=r"schema\.a\.items has the keyword '\$ref'"):
        check({"properties": {"a": {"items": {"$ref": "#/x"}}}})
    with pytest.raises(StudyError, match="must be an object; got list"):
        check({"anyOf": [[]]})
