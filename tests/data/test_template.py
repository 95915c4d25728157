"""Templates and columns: strict, sandboxed, and free of HTML."""

from __future__ import annotations

import pytest

from underdog.data.rows import Row
from underdog.data.template import deep, maker
from underdog.errors import DataError

ROW = Row({"q": "a < b & c", "n": {"x": [1, {"y": "deep"}]}, "none": None, "dotted.name": 5}, "t.jsonl:1")


def test_a_template_prints_text_as_it_is() -> None:
    assert maker("input", "Q: {{ q }}\n")(ROW) == "Q: a < b & c\n"
    assert maker("input", "{{ n | tojson }}")(ROW) == '{"x": [1, {"y": "deep"}]}'
    assert maker("input", "{{ q | tojson }}")(ROW) == '"a < b & c"'
    assert maker("input", "{{ none or '' }}{% if none %}never{% endif %}")(ROW) == ""


def test_a_column_gives_the_value_itself_also_inside_objects() -> None:
    assert maker("target", "n")(ROW) == {"x": [1, {"y": "deep"}]}
    assert maker("target", "n.x.1.y")(ROW) == "deep"
    assert maker("target", "dotted.name")(ROW) == 5
    assert maker("target", "none")(ROW) is None


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ q.__init__.__globals__ }}",
        "{{ n.x.append(2) }}",
        "{{ range(10**9) | list }}",
    ],
)
def test_the_sandbox_holds(source: str) -> None:
    with pytest.raises(DataError, match=r"^t\.jsonl:1: the template of input failed"):
        maker("input", source)(ROW)
    assert ROW.values["n"]["x"] == [1, {"y": "deep"}]


def test_templates_inside_a_json_value_are_all_filled_in() -> None:
    made = deep(
        "messages", [{"role": "user", "content": [{"type": "text", "text": "{{ n.x[0] }}!"}], "n": 3}]
    )
    assert made(ROW) == [{"role": "user", "content": [{"type": "text", "text": "1!"}], "n": 3}]
