"""Calls and trials as rows, and rows as calls and trials. No thread, no transaction, no decision.

Texts are compressed when that pays (a `str` in a column is plain, `bytes` are zlib), keys are 16 bytes, and
whatever many rows share (models, fingerprints, versions, examples, answerers, whole prompts) is kept once, in
`texts`, under its digest. Each result carries a checksum, since SQLite itself does not notice a flipped bit.
"""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeAlias

from underdog.errors import StoreError
from underdog.store.schema import corrupt
from underdog.trial import Call, Outcome, Spend, Trial

Packed: TypeAlias = str | bytes
Text: TypeAlias = tuple[bytes, str]  # (digest, text): a string to be interned

OUTCOMES = tuple(Outcome)  # stored by position: append only
_POSITION = {outcome: position for position, outcome in enumerate(OUTCOMES)}
SPEND_NAMES = tuple(field.name for field in fields(Spend))
SPEND = ", ".join(SPEND_NAMES)
spend_values = attrgetter(*SPEND_NAMES)

_COMPRESS_FROM = 200  # characters; shorter texts do not get smaller
_INTERNED_AT_ONCE = 200_000  # texts remembered by one writer, about 25 MB

_MARKS = ", ".join("?" * len(SPEND_NAMES))
INSERT_CALL = (
    "INSERT INTO calls (model, fingerprint, versions, request, key, failed, draw, started, checksum, "
    f"result, {SPEND}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {_MARKS})"
)
INSERT_TRIAL = (
    "INSERT OR REPLACE INTO trials (run, answerer, example, repeat, outcome, score, confidence, keys, "
    f"final, note, {SPEND}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, {_MARKS})"
)
ADD_SPENT = (
    f"INSERT INTO spent (run, {SPEND}) VALUES (?, {_MARKS}) ON CONFLICT (run) DO UPDATE SET "
    + ", ".join(f"{name} = {name} + excluded.{name}" for name in SPEND_NAMES)
)
SELECT_CALL = (
    f"SELECT c.id, c.key, c.failed, c.draw, c.started, c.checksum, c.result, {SPEND}, "
    "m.body, f.body, v.body, r.digest, r.body FROM calls c LEFT JOIN texts m ON m.id = c.model "
    "LEFT JOIN texts f ON f.id = c.fingerprint LEFT JOIN texts v ON v.id = c.versions "
    "LEFT JOIN texts r ON r.id = c.request"
)
SELECT_TRIAL = (
    f"SELECT answerer, example, repeat, outcome, score, confidence, keys, final, note, {SPEND} FROM trials"
)


def pack(text: str) -> Packed:
    """The text as it is stored."""
    if len(text) < _COMPRESS_FROM and text.isascii():
        return text
    raw = text.encode("utf-8", "surrogatepass")
    squeezed = zlib.compress(raw, 1)
    try:
        return squeezed if len(squeezed) < len(raw) else raw.decode("utf-8")
    except UnicodeDecodeError:  # half a surrogate pair, which SQLite's text cannot hold
        return squeezed


def unpack(stored: Packed) -> str:
    """The text that `pack` stored. Raises zlib.error when the bytes are damaged."""
    if isinstance(stored, str):
        return stored
    return zlib.decompress(stored).decode("utf-8", "surrogatepass")


def key_bytes(key: str) -> bytes:
    """The 16 bytes of a call's key.

    Raises:
        StoreError: the key is not 32 hexadecimal digits.
    """
    try:
        raw = bytes.fromhex(key)
    except ValueError:
        raw = b""
    if len(raw) != 16:
        raise StoreError(f"a call's key must be 32 hexadecimal digits, as digest() makes; got {key!r}")
    return raw


def named(text: str) -> Text:
    """The text with the digest that it is interned under."""
    return _named_short(text) if len(text) < _COMPRESS_FROM else _named(text)


def _named(text: str) -> Text:
    raw = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=16).digest(), text


_named_short = lru_cache(maxsize=16_384)(_named)


class Interner:
    """Ids of texts, for the one connection that writes. `forget` after a rollback: its ids are gone."""

    def __init__(self) -> None:
        self._ids: dict[bytes, int] = {}

    def forget(self) -> None:
        self._ids.clear()

    def id(self, db: sqlite3.Connection, text: Text) -> int:
        digest, body = text
        known = self._ids.get(digest)
        if known is not None:
            return known
        if len(self._ids) >= _INTERNED_AT_ONCE:
            self._ids.clear()
        row = db.execute("SELECT id FROM texts WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            made = db.execute("INSERT INTO texts (digest, body) VALUES (?, ?)", (digest, pack(body)))
            row = (made.lastrowid,)
        found = self._ids[digest] = int(row[0])
        return found


def call_row(call: Call) -> tuple[tuple[Text, ...], tuple[Any, ...]]:
    """(texts to intern, the other columns of INSERT_CALL)."""
    key, result = key_bytes(call.key), pack(call.result)
    texts = tuple(map(named, (call.model, call.fingerprint, call.versions, call.request)))
    return texts, (
        key,
        call.failed,
        call.draw,
        call.started,
        _checksum(key, call.failed, result),
        result,
        *spend_values(call.spend),
    )


def read_call(row: Sequence[Any], path: Path) -> Call:
    """The Call of a row of SELECT_CALL.

    Raises:
        StoreError: what is stored is not what was written.
    """
    _, key, failed, draw, started, checksum, result = row[:7]
    model, fingerprint, versions, digest, request = row[-5:]
    try:
        if _checksum(key, failed, result) != checksum:
            raise ValueError("its checksum does not match")
        if None in (model, fingerprint, versions, request):
            raise ValueError("a text that it points to is missing")
        asked = unpack(request)
        if named(asked)[0] != digest:
            raise ValueError("its request is not the one that was stored")
        return Call(
            key=key.hex(),
            model=unpack(model),
            fingerprint=unpack(fingerprint),
            request=asked,
            draw=draw,
            result=unpack(result),
            failed=bool(failed),
            spend=Spend(*row[7:-5]),
            started=started,
            versions=unpack(versions),
        )
    except (zlib.error, ValueError, TypeError, AttributeError) as error:
        name = key.hex() if isinstance(key, bytes) else repr(key)
        raise corrupt(path, f"call {name}: {error}") from error


def trial_row(trial: Trial) -> tuple[tuple[Text, Text], tuple[Any, ...]]:
    """(answerer and example to intern, the other columns of INSERT_TRIAL after them)."""
    return (named(trial.answerer), named(trial.example)), (
        trial.repeat,
        _POSITION[trial.outcome],
        trial.score,
        trial.confidence,
        b"".join(map(key_bytes, trial.calls)),
        None if trial.final is None else pack(trial.final),
        trial.note or None,
        *spend_values(trial.spend),
    )


def read_trial(row: Sequence[Any], names: dict[int, str], path: Path) -> Trial:
    """The Trial of a row of SELECT_TRIAL; `names` maps ids to texts.

    Raises:
        StoreError: what is stored is not what was written.
    """
    answerer, example, repeat, outcome, score, confidence, keys, final, note = row[:9]
    try:
        return Trial(
            answerer=names[answerer],
            example=names[example],
            repeat=repeat,
            outcome=OUTCOMES[outcome],
            score=score,
            final=None if final is None else unpack(final),
            confidence=confidence,
            spend=Spend(*row[9:]),
            calls=tuple(keys[at : at + 16].hex() for at in range(0, len(keys), 16)),
            note=note or "",
        )
    except (zlib.error, ValueError, TypeError, AttributeError, LookupError) as error:
        raise corrupt(path, f"a trial of example {names.get(example, example)}: {error!r}") from error


def read_names(db: sqlite3.Connection, ids: Iterable[int]) -> dict[int, str]:
    """The interned texts of these ids."""
    wanted = list(ids)
    names: dict[int, str] = {}
    for start in range(0, len(wanted), 500):
        part = wanted[start : start + 500]
        marks = ", ".join("?" * len(part))
        rows = db.execute(f"SELECT id, body FROM texts WHERE id IN ({marks})", part).fetchall()
        names.update((number, unpack(body)) for number, body in rows)
    return names


def _checksum(key: bytes, failed: bool, result: Packed) -> int:
    raw = result if isinstance(result, bytes) else result.encode("utf-8")
    return zlib.crc32(raw, zlib.crc32(key, int(failed)))
