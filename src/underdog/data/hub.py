"""Data sets of the Hugging Face hub, `hf://org/name?config=main&split=test&revision=...`, by `datasets`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from underdog.data.parquet import plain
from underdog.data.rows import Row
from underdog.errors import DataError, StudyError
from underdog.reading import near

PREFIX = "hf://"
OPTIONS = ("config", "split", "revision")


def rows(address: str) -> Iterator[Row]:
    """The rows of one split; the split may be left out when there is only one.

    Raises:
        StudyError: the address is malformed, or the split has to be named.
        DataError: `datasets` is not installed, or it cannot load the data set.
    """
    name, options = parsed(address)
    try:
        import datasets
    except ImportError:
        raise DataError(
            f"data: {address} needs the package datasets; install it with: pip install 'underdog[hub]'"
        ) from None
    try:
        table: Any = datasets.load_dataset(
            name,
            options.get("config"),
            split=options.get("split"),
            revision=options.get("revision"),
        )
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"data: {address} could not be loaded ({type(error).__name__}: {reason})") from error
    if isinstance(table, dict):
        if len(table) != 1:
            raise StudyError(
                f"data: {address} has the splits {', '.join(table)}; name one with split=... in the address"
            )
        [table] = table.values()
    for number, values in enumerate(table, start=1):
        yield Row({key: plain(value) for key, value in values.items()}, f"{PREFIX}{name}:{number}")


def parsed(address: str) -> tuple[str, dict[str, str]]:
    """The data set's name and the options of an address."""
    parts = urlsplit(address)
    name = f"{parts.netloc}{parts.path}".rstrip("/")
    options = dict(parse_qsl(parts.query))
    for key in options:
        if key not in OPTIONS:
            raise StudyError(f"data: {address} may say {', '.join(OPTIONS)}; got {key!r}{near(key, OPTIONS)}")
    if not name:
        raise StudyError(f"data: the address must be hf://org/name?split=...; got {address!r}")
    return name, options
