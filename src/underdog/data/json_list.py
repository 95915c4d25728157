"""One JSON list of objects (.json, also .gz); places are counted from 1 in the list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from underdog.data.rows import Row, decoded, lines
from underdog.errors import DataError


def rows(path: Path, shown: str) -> Iterator[Row]:
    """The objects of the list.

    Raises:
        DataError: the file is not UTF-8, not JSON, not a list, or holds what is no object.
    """
    whole = b""
    for number, line in lines(path, shown):
        decoded(line, shown, number)
        whole += line
    if not whole.strip():
        return
    try:
        values = msgspec.json.decode(whole)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DataError(
            f"{shown}: the file must be JSON ({error}); if it has one object a line, name it .jsonl"
        ) from None
    if not isinstance(values, list):
        raise DataError(f"{shown}: the file must hold a list of objects; got {type(values).__name__}")
    for index, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            raise DataError(f"{shown}:{index}: every element must be an object; got {type(value).__name__}")
        yield Row(value, f"{shown}:{index}")
