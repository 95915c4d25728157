"""JSON lines (.jsonl, .ndjson, also .gz): one JSON object a line; blank lines are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from underdog.data.rows import Row, decoded, lines
from underdog.errors import DataError

DECODER = msgspec.json.Decoder()


def rows(path: Path, shown: str) -> Iterator[Row]:
    """The objects of a file with their lines.

    Raises:
        DataError: a line is not UTF-8, not JSON or not an object.
    """
    for number, line in lines(path, shown):
        if not line.strip():
            continue
        try:
            values = DECODER.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise broken(line, shown, number, error) from None
        if not isinstance(values, dict):
            hint = ": is it one JSON list? then name it .json" if isinstance(values, list) else ""
            raise DataError(
                f"{shown}:{number}: every line must be a JSON object; got {type(values).__name__}{hint}"
            )
        yield Row(values, f"{shown}:{number}")


def broken(line: bytes, shown: str, number: int, error: Exception) -> DataError:
    """The sentence for a line that does not parse."""
    text = decoded(line, shown, number).strip()
    start = text[:40] + ("..." if len(text) > 40 else "")
    if text in ("[", "{"):
        return DataError(
            f"{shown}:{number}: every line must be a JSON object; this file is spread over lines: "
            "write one object a line, or name a list of objects .json"
        )
    nan = "; NaN and Infinity are not JSON, write null" if "NaN" in text or "Infinity" in text else ""
    return DataError(f"{shown}:{number}: the line must be JSON ({error}{nan}); it begins with {start!r}")
