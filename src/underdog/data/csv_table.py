"""CSV and TSV (.csv, .tsv, also .gz), with a header line; every value is a text, an empty one is null."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from underdog.data.rows import Row, decoded, lines
from underdog.errors import DataError


def rows(path: Path, shown: str) -> Iterator[Row]:
    """The rows of a table; a row's place is the line on which it ends.

    Raises:
        DataError: not UTF-8, no or a doubled column name, or a row of another length than the header.
    """
    numbered = (decoded(line, shown, number) for number, line in lines(path, shown))
    table = csv.reader(numbered, delimiter="\t" if ".tsv" in path.suffixes else ",", strict=True)
    header: list[str] | None = None
    try:
        for cells in table:
            if not cells:
                continue
            if header is None:
                header = named(cells, shown)
                continue
            where = f"{shown}:{table.line_num}"
            if len(cells) != len(header):
                raise DataError(
                    f"{where}: the header names {len(header)} columns; this row has {len(cells)}: "
                    "is a comma or line end not in quotes?"
                )
            yield Row({key: cell or None for key, cell in zip(header, cells, strict=True)}, where)
    except csv.Error as error:
        raise DataError(f"{shown}:{table.line_num}: the table is broken ({error})") from None


def named(cells: list[str], shown: str) -> list[str]:
    """The column names."""
    names = [cell.strip() for cell in cells]
    for index, name in enumerate(names, start=1):
        if not name:
            raise DataError(f"{shown}:1: every column must have a name; column {index} has none")
        if names.count(name) > 1:
            raise DataError(f"{shown}:1: column names must differ; {name!r} stands there twice")
    return names
