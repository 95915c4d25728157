"""Rows: what every format is read into, and which format a name stands for.

Each format is a file beside this one with one function `rows(path, shown)`. Nothing here knows of tasks.
"""

from __future__ import annotations

import glob
import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from underdog.errors import DataError

MAX_LINE = 64 * 2**20
"""Bytes; a longer line is a file that is not what it says, or would not fit in memory as a table."""


class Row(NamedTuple):
    """One row as it came, and its place: "tickets.jsonl:17"."""

    values: Mapping[str, Any]
    where: str


Reader = Callable[[Path, str], Iterator[Row]]


def matching(pattern: str, base: Path) -> list[Path]:
    """The files that a path or glob pattern names, in the order of their names.

    Raises:
        DataError: there is none, or it is a folder.
    """
    full = base / pattern
    names = [str(full)] if full.exists() else sorted(glob.glob(str(full), recursive=True))
    files = [Path(name) for name in names if not Path(name).is_dir()]
    if not files:
        folder = "is a folder: name the files in it, for example *.jsonl"
        found = folder if full.is_dir() else "does not exist"
        raise DataError(f"data: {pattern} {found} (looked in {base.resolve()})")
    return files


def lines(path: Path, shown: str) -> Iterator[tuple[int, bytes]]:
    """The lines of a file, unzipped when its name ends in .gz, with their numbers from 1.

    Raises:
        DataError: the file cannot be read, its compression is broken, or a line is too long.
    """
    number = 0
    try:
        with opened(path) as file:
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise DataError(
                        f"{shown}:{number}: a line may have {MAX_LINE // 2**20} MiB; this one is longer: "
                        "is it JSON lines, one object a line?"
                    )
                yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"{shown}:{number + 1}: the compressed file is broken or cut short ({error}); copy it again"
        ) from None
    except OSError as error:
        raise DataError(f"{shown}: cannot be read ({error.strerror or error})") from None


def opened(path: Path) -> IO[bytes]:
    """The file's bytes, unzipped."""
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def decoded(line: bytes, shown: str, number: int) -> str:
    """A line as text.

    Raises:
        DataError: it is not UTF-8.
    """
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        wide = line[:2] in (b"\xff\xfe", b"\xfe\xff")
        kind = "it looks like UTF-16" if wide else f"byte {error.start + 1} is {line[error.start]:#04x}"
        raise DataError(f"{shown}:{number}: the text must be UTF-8; {kind}: save it as UTF-8") from None
