"""A user's own function scores, and its mistakes become sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from underdog.errors import UserError
from underdog.example import Example
from underdog.scorers import scorer_from

EXAMPLE = Example("1", "1", (), "abc", fields={"bonus": True}, where="rows.csv:4")
SOURCE = """
def starts(final, example):
    return final[:1] == example.target[:1] and example.fields["bonus"]

def breaks(final, example):
    return 1 / len(final)

def says(final, example):
    return 2

ten = 10
"""


@pytest.fixture
def base(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(SOURCE)
    (tmp_path / "torn.py").write_text("import nothing_of_that_name")
    return str(tmp_path)


def test_the_function_sees_the_answer_the_target_and_the_row(base: str) -> None:
    scorer = scorer_from({"rule": "python", "function": "mine.py:starts"}, base)
    assert scorer.score("axe", EXAMPLE) == 1
    assert scorer.score("box", EXAMPLE) == 0


def test_a_function_of_a_module_works_too() -> None:
    scorer = scorer_from({"rule": "python", "function": "operator:ne"})
    assert scorer.score("axe", EXAMPLE) == 1


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (
            "mine.py:breaks",
            r"^rows\.csv:4: the scorer mine\.py:breaks failed on the answer '' \(ZeroDivisionError",
        ),
        ("mine.py:says", r"^rows\.csv:4: the scorer mine\.py:says must return a number from 0 to 1; got 2"),
        ("mine.py:nobody", "has no function 'nobody'"),
        ("mine.py:ten", "has no function 'ten'"),
        ("mine.py", 'must be "module:name"'),
        ("torn.py:x", "could not be imported .*nothing_of_that_name"),
        ("gone.py:x", "could not be imported"),
    ],
)
def test_what_goes_wrong_in_it_is_one_sentence(base: str, function: str, sentence: str) -> None:
    scorer = scorer_from({"rule": "python", "function": function}, base)
    with pytest.raises(UserError, match=sentence):
        scorer.score("", EXAMPLE)
