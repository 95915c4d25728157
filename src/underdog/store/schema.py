"""The shape of a store's file: its tables, its migrations and how a connection to it is opened.

Not here: what goes into the rows (`rows.py`) and who writes them (`writer.py`).

A migration is a small named function that brings the file from version n-1 to n. Once released it is never
edited; a new one is added below it. The version is SQLite's `user_version`, and `application_id` says that
the file is underdog's.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from shlex import quote

from underdog.errors import StoreError

APPLICATION_ID = 0x75646F67  # "udog"
BUSY_SECONDS = 60.0
_CHECKPOINT_PAGES = 8_000  # 32 MB of write-ahead log between checkpoints, the only moments that fsync

_SPEND = """
    calls INTEGER NOT NULL, tokens_in INTEGER NOT NULL, tokens_cached INTEGER NOT NULL,
    tokens_out INTEGER NOT NULL, tokens_reasoning INTEGER NOT NULL, tokens_image INTEGER NOT NULL,
    dollars REAL, seconds REAL NOT NULL, flops REAL NOT NULL"""


def _v1_calls_trials_runs(db: sqlite3.Connection) -> None:
    # texts: every string that many rows share (models, examples, prompts), named by its content.
    db.execute("CREATE TABLE texts (id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, body NOT NULL)")
    # calls: append-only; the newest success of a key is its answer, failures are history.
    db.execute(
        f"""CREATE TABLE calls (
            id INTEGER PRIMARY KEY, key BLOB NOT NULL, failed INTEGER NOT NULL,
            model INTEGER NOT NULL, fingerprint INTEGER NOT NULL, versions INTEGER NOT NULL,
            request INTEGER NOT NULL, draw TEXT NOT NULL, started REAL NOT NULL, {_SPEND},
            checksum INTEGER NOT NULL, result NOT NULL)"""
    )
    db.execute("CREATE INDEX calls_by_key ON calls (key)")
    db.execute(
        """CREATE TABLE runs (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, meta TEXT NOT NULL,
            started REAL NOT NULL, finished REAL, pid INTEGER, host TEXT)"""
    )
    db.execute(
        f"""CREATE TABLE trials (
            id INTEGER PRIMARY KEY, run INTEGER NOT NULL, answerer INTEGER NOT NULL,
            example INTEGER NOT NULL, repeat INTEGER NOT NULL, outcome INTEGER NOT NULL,
            score REAL, confidence REAL, {_SPEND}, keys BLOB NOT NULL, final, note TEXT)"""
    )
    db.execute("CREATE UNIQUE INDEX trials_by_cell ON trials (run, answerer, example, repeat)")
    # reserved: the upper bounds of calls under way; spent: one running total a run.
    db.execute(
        f"CREATE TABLE reserved (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, key BLOB NOT NULL, {_SPEND})"
    )
    db.execute("CREATE INDEX reserved_by_run ON reserved (run, key)")
    db.execute(f"CREATE TABLE spent (run INTEGER PRIMARY KEY, {_SPEND})")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_v1_calls_trials_runs,)


def create_or_migrate(path: Path) -> None:
    """Make sure that `path` is a store of this version: made if absent, migrated if older.

    Raises:
        StoreError: not a store, corrupt, of a newer version, unwritable, or on a disk that cannot hold it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = _open(path)
    except OSError as error:
        raise StoreError(
            f"cannot make the folder of the store {path}: {error.strerror or error}; "
            "name a store in a folder that you can write"
        ) from error
    except sqlite3.Error as error:
        raise explain(error, path) from error
    try:
        _refuse_strangers(db, path)
        _write_ahead(db, path)
        db.execute("BEGIN IMMEDIATE")
        version = _version(db)  # read again: another process may have migrated while this one waited
        for number, migrate in enumerate(MIGRATIONS[version:], start=version + 1):
            migrate(db)
            db.execute(f"PRAGMA user_version = {number}")
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute("COMMIT")
    except sqlite3.Error as error:
        raise explain(error, path) from error
    finally:
        db.close()


def connect(path: Path, *, writes: bool) -> sqlite3.Connection:
    """A connection that any thread may use, one at a time; transactions are the caller's."""
    try:
        db = _open(path)
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        db.execute("PRAGMA cache_size = -65536")
        if not writes:
            db.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise explain(error, path) from error
    return db


def explain(error: sqlite3.Error | OverflowError, path: Path) -> StoreError:
    """The sentence for what SQLite reported: what, where, and what to do next."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name == "SQLITE_FULL" or name == "SQLITE_IOERR_SHMSIZE":
        return StoreError(
            f"the disk of the store {path} is full: what was recorded before is intact and this write was "
            "undone; free some space and go on, nothing recorded will be paid for again"
        )
    if name.startswith("SQLITE_CORRUPT"):
        return corrupt(path, str(error))
    if name == "SQLITE_NOTADB":
        return StoreError(
            f"{path} is not an SQLite database, so it cannot be a store; name another file, or put back the "
            "file that was there"
        )
    if name.startswith("SQLITE_READONLY") or name == "SQLITE_PERM":
        return StoreError(
            f"the store {path} cannot be written ({error}); make the file and its folder writable, or name "
            "a store elsewhere"
        )
    if name.startswith("SQLITE_CANTOPEN"):
        return StoreError(
            f"the store {path} cannot be opened ({error}); it must be a file in a folder that you can write"
        )
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreError(
            f"another process has been writing to the store {path} for more than {BUSY_SECONDS:.0f} s; wait "
            "for it or stop it, then start this run again"
        )
    if name.startswith("SQLITE_IOERR"):
        return StoreError(
            f"the disk of the store {path} failed ({name}); check the disk, then `sqlite3 "
            f"{quote(str(path))} 'PRAGMA integrity_check'`"
        )
    return StoreError(f"the store {path} refused a write ({type(error).__name__}: {error})")


def corrupt(path: Path, what: str) -> StoreError:
    """The sentence for a damaged file: nothing is dropped silently, and most of it can be saved."""
    file, rescued = quote(str(path)), quote(f"{path}.recovered")
    return StoreError(
        f"the store {path} is damaged ({what}); keep a copy, then rescue it with `sqlite3 {file} .recover | "
        f"sqlite3 {rescued}` and put the recovered file in its place"
    )


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _refuse_strangers(db: sqlite3.Connection, path: Path) -> None:
    """A database of someone else, or of a newer underdog, is left as it is."""
    application = db.execute("PRAGMA application_id").fetchone()[0]
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application != APPLICATION_ID and (application or tables):
        raise StoreError(
            f"{path} is an SQLite database of another program, not an underdog store; name another file"
        )
    if (version := _version(db)) > len(MIGRATIONS):
        raise StoreError(
            f"the store {path} has version {version} and this underdog reads up to {len(MIGRATIONS)}; "
            "upgrade underdog, or name another store"
        )


def _write_ahead(db: sqlite3.Connection, path: Path) -> None:
    """Switch to write-ahead logging; SQLite does not wait for other openers here, so this does."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise StoreError(
                f"the disk of the store {path} has no shared memory for write-ahead logging (a network "
                "disk?); name a store on a local disk"
            )
        return
