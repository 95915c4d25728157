"""The outcome table: what it refuses, and how rows and columns are taken out of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.routing.worlds import made

from underdog.errors import DataError
from underdog.routing.table import codes_of, column_means

NAN = float("nan")


def test_rows_and_columns_come_in_the_order_they_are_named() -> None:
    table = made([[0, 1, 0.5], [1, 0, NAN]], [[1, 2, 3], [4, 5, 6]], answerers=("a", "b", "c"))
    table = replace(table, answers=(("x", None), ("y", "z"), (None, None)))
    part = table.only(["c", "a"]).rows(np.array([1, 0]))
    assert part.answerers == ("c", "a") and part.ids == ("q1", "q0")
    assert part.costs.tolist() == [[6, 4], [3, 1]]
    assert part.answers == ((None, None), (None, "x"))
    assert np.isnan(part.scores[0, 0]) and part.scores[1, 0] == 0.5
    assert len(table.rows(np.array([True, False]))) == 1


def test_a_complete_table_has_the_covered_answerers_and_no_gap() -> None:
    table = made([[1, NAN, 0], [0, NAN, 1], [1, 1, NAN]], answerers=("a", "b", "c"))
    assert table.coverage.tolist() == pytest.approx([1, 1 / 3, 2 / 3])
    whole = table.complete(0.6)
    assert whole.answerers == ("a", "c") and whole.ids == ("q0", "q1")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answerers": ("a", "a")}, "'a' twice"),
        ({"groups": ("g",)}, "2 ids but 1 groups"),
        ({"costs": np.zeros((2, 3))}, r"costs must have shape \(2, 2\)"),
        ({"answers": (("x", "y"),)}, "answers must be 2 tuples of 2"),
        ({"scores": np.array([[0.0, 1.5], [1, 1]])}, r"'q0'.*'b'.*in \[0, 1\]; got 1.5"),
        ({"costs": np.array([[0.0, 1], [-1, 1]])}, "'q1'.*'a'.*not below 0; got -1"),
        ({"costs": np.array([[0.0, 1], [np.inf, 1]])}, "got inf"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(change, said) -> None:
    with pytest.raises(DataError, match=said):
        replace(made([[0, 1], [1, 0]]), **change)


def test_an_unknown_answerer_is_named_with_those_there_are() -> None:
    with pytest.raises(DataError, match="no answerer 'z'; it has a, b"):
        made([[0, 1]]).column("z")


def test_means_are_over_what_is_known() -> None:
    means = column_means(np.array([[1.0, NAN, NAN], [0.0, 1.0, NAN]]))
    assert means[:2].tolist() == [0.5, 1.0] and np.isnan(means[2])


def test_codes_number_values_as_they_appear() -> None:
    assert codes_of(["b", "a", "b", "c"]).tolist() == [0, 1, 0, 2]
