"""Every format gives the same examples, and every row keeps its place."""

from __future__ import annotations

import gzip
import json
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from underdog.data import load_rows
from underdog.data.hub import parsed
from underdog.errors import DataError, StudyError

ROWS = [{"q": "a, b?", "a": "1"}, {"q": 'say "ü"\nnow', "a": "2"}]


def write(folder: Path, name: str) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
    csv = 'q,a\n"a, b?",1\n"say ""ü""\nnow",2\n'
    content = {
        "rows.jsonl": lines,
        "rows.ndjson": b"\n" + lines,
        "rows.jsonl.gz": gzip.compress(lines),
        "rows.json": json.dumps(ROWS).encode(),
        "rows.csv": csv.encode(),
        "rows.csv.gz": gzip.compress(csv.encode()),
        "rows.tsv": b'q\ta\na, b?\t1\n"say ""\xc3\xbc""\nnow"\t2\n',
    }[name]
    (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("name", "places"),
    [
        ("rows.jsonl", [1, 2]),
        ("rows.ndjson", [2, 3]),
        ("rows.jsonl.gz", [1, 2]),
        ("rows.json", [1, 2]),
        ("rows.csv", [2, 4]),
        ("rows.csv.gz", [2, 4]),
        ("rows.tsv", [2, 4]),
    ],
)
def test_a_format_gives_its_rows_with_their_places(name: str, places: list[int], tmp_path: Path) -> None:
    write(tmp_path, name)
    rows = list(load_rows(name, tmp_path))
    assert [dict(row.values) for row in rows] == ROWS
    assert [row.where for row in rows] == [f"{name}:{place}" for place in places]


def test_an_empty_cell_is_null(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("q,a\nx,\n")
    assert [row.values for row in load_rows("t.csv", tmp_path)] == [{"q": "x", "a": None}]


def test_parquet_gives_json_values(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    table = pa.table(
        {"q": ["x"], "n": [Decimal("1.5")], "d": [date(2026, 11, 22)], "o": [{"l": [1, None]}], "e": [None]}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    [row] = load_rows("t.parquet", tmp_path)
    assert row.values == {"q": "x", "n": 1.5, "d": "2026-11-22", "o": {"l": [1, None]}, "e": None}


def test_a_pattern_and_a_list_read_several_files_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"file": name}))
    assert [row.values["file"] for row in load_rows("*.jsonl", tmp_path)] == ["a", "b"]
    assert [row.values["file"] for row in load_rows(["b.jsonl", "a.jsonl"], tmp_path)] == ["b", "a"]


def test_the_format_can_be_said_where_the_name_does_not_tell_it(tmp_path: Path) -> None:
    (tmp_path / "export").write_text('{"a": 1}')
    assert len(list(load_rows("export", tmp_path, "jsonl"))) == 1
    with pytest.raises(StudyError, match="did you mean 'jsonl'"):
        list(load_rows("export", tmp_path, "jsonll"))


def test_a_hub_address_is_taken_apart() -> None:
    assert parsed("hf://openai/gsm8k?config=main&split=test") == (
        "openai/gsm8k",
        {"config": "main", "split": "test"},
    )
    with pytest.raises(StudyError, match="did you mean 'split'"):
        parsed("hf://openai/gsm8k?spilt=test")
    with pytest.raises(StudyError, match="must be hf://org/name"):
        parsed("hf://")


def load_dataset(path: str, name: str | None, split: str | None, revision: str | None) -> Any:
    """What the package datasets does, for a set that is not on any hub."""
    if path == "org/gone":
        raise FileNotFoundError("Dataset 'org/gone' doesn't exist on the Hub")
    parts = {"train": [{"q": "x"}], "test": [{"q": "y"}, {"q": "z"}]}
    return parts if split is None else parts[split]


def test_a_hub_data_set_gives_the_rows_of_the_named_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = ModuleType("datasets")
    package.load_dataset = load_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", package)
    rows = list(load_rows("hf://org/set?split=test", tmp_path))
    assert [(row.values["q"], row.where) for row in rows] == [
        ("y", "hf://org/set:1"),
        ("z", "hf://org/set:2"),
    ]
    with pytest.raises(StudyError, match="has the splits train, test; name one"):
        list(load_rows("hf://org/set", tmp_path))
    with pytest.raises(DataError, match=r"could not be loaded .FileNotFoundError: Dataset 'org/gone'"):
        list(load_rows("hf://org/gone", tmp_path))


def test_a_local_data_set_loads_through_the_real_package(tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="the package datasets is not installed")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "test.jsonl").write_text('{"q": "x", "n": 1}\n{"q": "y", "n": 2}\n')
    rows = list(load_rows(f"hf://{tmp_path}/set?split=test", tmp_path))
    assert [dict(row.values) for row in rows] == [{"q": "x", "n": 1}, {"q": "y", "n": 2}]
