"""From files to examples: one format a file, templates, conversations. `load_rows` reads any of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from underdog.data import csv_table, hub, json_list, jsonl, parquet
from underdog.data.rows import Reader, Row, matching
from underdog.errors import DataError, StudyError
from underdog.reading import near

FORMATS: Mapping[str, Reader] = {
    "jsonl": jsonl.rows,
    "json": json_list.rows,
    "csv": csv_table.rows,
    "parquet": parquet.rows,
}
"""The one list of file formats. (`hf://` addresses are read by hub.py.)"""

SUFFIXES: Mapping[str, str] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}


def load_rows(data: str | Sequence[str], base: Path, form: str | None = None) -> Iterator[Row]:
    """The rows of a path, a glob pattern, a list of those or a hub address, in order.

    `form` names the format where the suffix does not tell it.

    Raises:
        StudyError: an unknown format.
        DataError: nothing there, an empty file, or one that is not what it says.
    """
    for name in [data] if isinstance(data, str) else data:
        if name.startswith(hub.PREFIX):
            yield from hub.rows(name)
            continue
        for path in matching(name, base):
            count = 0
            for row in reader(path, form)(path, path.name):
                count += 1
                yield row
            if not count:
                raise DataError(f"{path.name}: the file must have at least one row; it is empty")


def reader(path: Path, form: str | None) -> Reader:
    """What reads a file: by the format's name, else by the suffix."""
    if form is not None and form not in FORMATS:
        raise StudyError(
            f"format: must be one of {', '.join(FORMATS)}; got {form!r}{near(str(form), FORMATS)}"
        )
    suffix = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    name = form or SUFFIXES.get(suffix.lower())
    if name is None:
        raise StudyError(
            f"data: the format of {path.name} cannot be told from its name; say format: {', '.join(FORMATS)}"
        )
    return FORMATS[name]
