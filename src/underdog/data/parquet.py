"""Parquet (.parquet), through pyarrow; rows are counted from 1."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from underdog.data.rows import Row
from underdog.errors import DataError


def rows(path: Path, shown: str) -> Iterator[Row]:
    """The rows of a table as JSON values: dates as ISO texts, decimals as floats.

    Raises:
        DataError: pyarrow is not installed, or the file is no Parquet.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataError(
            f"{shown}: reading Parquet needs pyarrow; install it with: pip install 'underdog[data]'"
        ) from None
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=4096):
                for values in batch.to_pylist():
                    number += 1
                    yield Row({key: plain(value) for key, value in values.items()}, f"{shown}:{number}")
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{shown}: the file must be Parquet ({reason})") from None


def plain(value: Any) -> Any:
    """A value of Arrow as a JSON value; what has none (bytes) stays, and is refused where it is used."""
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case Decimal():
            return float(value)
        case list():
            return [plain(one) for one in value]
        case dict():
            return {key: plain(one) for key, one in value.items()}
    return value
