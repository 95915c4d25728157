"""Files into outcome tables: formats, names of columns, and what is wrong with a file."""

from __future__ import annotations

import json

import numpy as np
import pytest

from underdog.errors import DataError
from underdog.routing import read_outcomes

ROWS = [
    {"query_id": "1", "model": "small", "correct": True, "cost_usd": 0.1, "question": "one?", "pred": "A"},
    {"query_id": "1", "model": "large", "correct": False, "cost_usd": 1.0, "question": "one?", "pred": None},
    {"query_id": "2", "model": "small", "correct": None, "cost_usd": 0.2, "question": "two?", "pred": "B"},
    {"query_id": "2", "model": "large", "correct": True, "cost_usd": None, "question": "two?", "pred": "B"},
]


def jsonl(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def csv(path, rows):
    heads = list(rows[0])
    lines = [",".join("" if row[head] is None else str(row[head]) for head in heads) for row in rows]
    path.write_text("\n".join([",".join(heads), *lines]))
    return path


def parquet(path, rows):
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet").write_table(pyarrow.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize(("write", "name"), [(jsonl, "t.jsonl"), (csv, "t.csv"), (parquet, "t.parquet")])
def test_every_format_gives_the_same_table(write, name, tmp_path) -> None:
    table = read_outcomes(write(tmp_path / name, ROWS))
    assert table.ids == ("1", "2") and table.answerers == ("small", "large")
    assert table.questions == ("one?", "two?") == table.groups
    np.testing.assert_equal(table.scores, [[1, 0], [np.nan, 1]])
    np.testing.assert_equal(table.costs, [[0.1, 1.0], [0.2, np.nan]])
    assert table.answers == (("A", "B"), (None, "B"))
    assert table.categories is None and table.tokens is None


def test_questions_of_one_text_share_a_group_and_a_second_file_tells_texts(tmp_path) -> None:
    outcomes = jsonl(
        tmp_path / "o.jsonl", [{"id": i, "model": "m", "score": 0.5, "tokens": 7} for i in range(3)]
    )
    about = [{"id": i, "text": text, "category": "c", "dataset": "d"} for i, text in enumerate("xxy")]
    table = read_outcomes(outcomes, jsonl(tmp_path / "q.jsonl", about))
    assert table.questions == ("x", "x", "y") and table.groups == ("x", "x", "y")
    assert table.categories == ("d/c",) * 3
    assert table.costs.ravel().tolist() == [7, 7, 7], "tokens stand in for an unknown cost"


def test_several_rows_of_one_cell_are_averaged(tmp_path) -> None:
    rows = [{"id": "1", "model": "m", "score": s, "cost": c} for s, c in ((1, 1.0), (0, 3.0), (None, 5.0))]
    table = read_outcomes(jsonl(tmp_path / "o.jsonl", rows))
    assert table.scores.tolist() == [[0.5]] and table.costs.tolist() == [[3.0]]


@pytest.mark.parametrize(
    ("spends", "costs"),
    [
        ([{"dollars": 0.5, "flops": 9.0}, {"dollars": 0.0, "flops": 3.0}], [0.5, 0.0]),
        ([{"dollars": 0.0, "flops": 9.0}, {"dollars": 0.0, "flops": 3.0}], [9.0, 3.0]),
        ([{"dollars": None, "flops": 0.0}, {"dollars": None, "flops": 0.0}], [12.0, 12.0]),
    ],
)
def test_the_trials_of_a_study_are_an_outcome_table(spends, costs, tmp_path) -> None:
    more = {"tokens_in": 10, "tokens_out": 2, "seconds": 0.25}
    rows = [
        {"answerer": name, "example": "e1", "repeat": 0, "outcome": "right", "score": 1.0, "final": "x"}
        | {"spend": spend | more}
        for name, spend in zip(("small", "large"), spends, strict=True)
    ]
    table = read_outcomes(jsonl(tmp_path / "trials.jsonl", rows))
    assert table.costs.tolist() == [costs]
    assert table.tokens is not None and table.tokens.tolist() == [[12, 12]]
    assert table.latencies is not None and table.latencies.tolist() == [[0.25, 0.25]]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"id": "1", "model": "m"}], "needs a column for the score.*it has id, model"),
        ([{"id": "1", "model": "m", "score": "good"}], "row 1: the score must be a number.*'good'"),
        ([{"id": "1", "model": None, "score": 1}], "row 1 has no answerer"),
        ([{"id": "1", "model": "m", "score": 3}], r"must be in \[0, 1\]; got 3"),
        ([{"id": "1", "model": "m", "score": 1, "cost": -2}], "must be a number not below 0; got -2"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_sentence(rows, said, tmp_path) -> None:
    with pytest.raises(DataError, match=said):
        read_outcomes(jsonl(tmp_path / "o.jsonl", rows))


def test_a_question_without_a_group_among_grouped_ones_is_named(tmp_path) -> None:
    rows = [{"id": i, "model": "m", "score": 1, "user": user} for i, user in enumerate(["u", None])]
    with pytest.raises(DataError, match="question '1' has no group"):
        read_outcomes(jsonl(tmp_path / "o.jsonl", rows))


def test_a_file_that_is_not_there_or_no_parquet_is_said_so(tmp_path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_outcomes(tmp_path / "none.parquet")
    (tmp_path / "o.parquet").write_text("no")
    with pytest.raises(DataError, match=r"must be Parquet|needs pyarrow"):
        read_outcomes(tmp_path / "o.parquet")
