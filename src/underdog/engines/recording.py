"""Files of recorded outputs: JSON Lines (plain or gzipped) or Parquet, with columns found or declared.

A file is parsed once a process, however many models are replayed from it, and kept compressed model by model;
only the rows of a model that is asked for are unpacked. What the rows mean to a request is `replay.py`'s.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from underdog.errors import DataError, StudyError
from underdog.reading import near

_ENDINGS = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".parquet")
_SNIFFED_ROWS = 200
_CHUNK = 1 << 18  # bytes of a model's rows that are compressed together

_GUESSES: dict[str, tuple[str, ...]] = {
    "example": ("example", "example_id", "qid", "question_id", "query_id", "item_id", "doc_id", "id"),
    "model": ("model", "model_name", "model_id"),
    "text": ("text", "output", "response", "completion", "generation", "answer", "pred", "prediction"),
    "sample": ("sample", "sample_index", "sample_id", "draw"),
    "tokens_in": ("tokens_in", "prompt_tokens", "input_tokens", "in_tok"),
    "tokens_out": ("tokens_out", "completion_tokens", "output_tokens", "out_tok"),
    "dollars": ("dollars", "cost", "cost_usd"),
    "finish": ("finish", "finish_reason", "stop_reason"),
    "prompt": ("prompt_hash", "prompt", "messages"),
}


@dataclass(frozen=True)
class Columns:
    """Which column of a file holds what; None where the file has none.

    `example` is the example's id, `text` what the model wrote (null is read as nothing written), `sample`
    the number of the draw from 0, `prompt` the messages, the one user message, or `prompt_hash` of them.
    Recorded latency has no place here: it is never quoted as this machine's.
    """

    example: str
    text: str
    model: str | None = None
    sample: str | None = None
    tokens_in: str | None = None
    tokens_out: str | None = None
    dollars: str | None = None
    finish: str | None = None
    prompt: str | None = None


@dataclass
class _Rows:
    """One model's rows, as compressed lines."""

    chunks: list[bytes] = field(default_factory=list)
    open: bytearray = field(default_factory=bytearray)

    def add(self, line: bytes) -> None:
        self.open += line.rstrip(b"\r\n") + b"\n"
        if len(self.open) >= _CHUNK:
            self.chunks.append(zlib.compress(self.open, 1))
            self.open = bytearray()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        decode = msgspec.json.Decoder(dict[str, Any]).decode
        for chunk in (*map(zlib.decompress, self.chunks), bytes(self.open)):
            yield from map(decode, chunk.split(b"\n")[:-1])


@dataclass(frozen=True)
class Recording:
    """One file: its columns, the hash of its bytes, and its rows by the value of the model column."""

    file: Path
    sha256: str
    present: tuple[str, ...]
    columns: Columns
    models: Mapping[str, _Rows]

    def rows(self, model: str | None = None) -> Iterator[dict[str, Any]]:
        """The rows of one model, or of all; `model` must be in `models`."""
        for name in self.models if model is None else (model,):
            yield from self.models[name]


def open_recording(file: Path, declared: Mapping[str, str]) -> Recording:
    """The recording in a file; parsed again only when the file or the declared columns changed.

    Raises:
        DataError: the file is missing, of another kind, or a line of it is not a JSON object.
        StudyError: a declared column is not in the file, or no column looks like an id or a text.
    """
    if not file.name.lower().endswith(_ENDINGS):
        raise DataError(f"{file}: recorded outputs must be one of {', '.join(_ENDINGS)}")
    try:
        state = file.stat()
    except OSError as error:
        raise DataError(f"{file}: the recorded outputs cannot be read ({error.strerror})") from error
    return _open(file, state.st_mtime_ns, state.st_size, tuple(sorted(declared.items())))


@lru_cache(maxsize=16)
def _open(file: Path, mtime_ns: int, size: int, declared: tuple[tuple[str, str], ...]) -> Recording:
    try:
        whole = msgspec.json.Decoder(dict[str, Any]).decode
        first = [row for _, row in islice(_parsed(file, whole), _SNIFFED_ROWS)]
        if not first:
            raise DataError(f"{file}: there is no recorded output in it")
        present = tuple(dict.fromkeys(name for row in first for name in row))
        columns = _columns(file, present, dict(declared))
        models: dict[str, _Rows] = {}
        for line, name in _parsed(file, _reads_only(columns.model)):
            models.setdefault(name, _Rows()).add(line)
        with file.open("rb") as raw:
            sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file}: the recorded outputs cannot be read ({error})") from error
    return Recording(file, sha256, present, columns, models)


def _parsed(file: Path, decode: Callable[[bytes], Any]) -> Iterator[tuple[bytes, Any]]:
    """(line, what `decode` makes of it) for every line that is not blank."""
    for number, line in enumerate(_lines(file), start=1):
        if line.isspace():
            continue
        try:
            line.decode()
            yield line, decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DataError(f"{file} line {number}: each line must be a JSON object ({error})") from error


def _lines(file: Path) -> Iterator[bytes]:
    if file.suffix.lower() == ".parquet":
        yield from _parquet_lines(file)
        return
    with gzip.open(file) if file.suffix.lower() == ".gz" else file.open("rb") as lines:
        yield from lines


def _parquet_lines(file: Path) -> Iterator[bytes]:
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise DataError(
            f"{file}: reading Parquet needs pyarrow; install it with: pip install 'underdog[data]'"
        ) from error
    try:
        for batch in parquet.ParquetFile(file).iter_batches(batch_size=4_096):
            yield from map(msgspec.json.encode, batch.to_pylist())
    except arrow.ArrowInvalid as error:
        raise DataError(f"{file}: this is not a Parquet file ({error})") from error


def _reads_only(column: str | None) -> Callable[[bytes], str]:
    """A decoder of one column's value as text, "" where it is null; other columns are skipped, not built."""
    fields_read = [] if column is None else [("value", Any, None)]
    row = msgspec.defstruct("Row", fields_read, rename={"value": column or ""})
    decode = msgspec.json.Decoder(row).decode

    def name(line: bytes) -> str:
        value = getattr(decode(line), "value", None)
        return "" if value is None else str(value)

    return name


def _columns(file: Path, present: tuple[str, ...], declared: dict[str, str]) -> Columns:
    """The declared columns, and the first of the usual names for the others."""
    known = [one.name for one in fields(Columns)]
    for name, column in declared.items():
        if name not in known:
            raise StudyError(
                f"replay of {file}: columns can name {', '.join(known)}; got {name!r}{near(name, known)}"
            )
        if column not in present:
            raise StudyError(
                f"replay of {file}: columns says that {name} is in {column!r}, but the columns are "
                f"{', '.join(present)}{near(column, present)}"
            )
    taken = set(declared.values())
    found = dict(declared)
    for name, guesses in _GUESSES.items():
        free = (guess for guess in guesses if guess in present and guess not in taken)
        if name not in found and (guess := next(free, None)) is not None:
            found[name] = guess
            taken.add(guess)
    for name, what in (("example", "the example's id"), ("text", "what the model wrote")):
        if name not in found:
            raise StudyError(
                f"replay of {file}: no column looks like {what}; say which of {', '.join(present)} it is, "
                f"for example columns: {{{name}: {present[0]}}}"
            )
    return Columns(**found)
