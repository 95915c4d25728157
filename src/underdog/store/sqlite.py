"""The Store: one SQLite file of calls, trials and runs, read from any thread and written by one.

Reads use their own connections; writes go through the writer's group commit. The rows are `rows.py`'s, the
tables `schema.py`'s.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any

from underdog.errors import StoreError
from underdog.store import rows
from underdog.store.lock import RunLock
from underdog.store.schema import connect, corrupt, create_or_migrate, explain
from underdog.store.scores import Scores, read_scores
from underdog.store.writer import Writer
from underdog.trial import Call, Spend, Trial

DEFAULT_PATH = Path(".underdog/store.sqlite")
_KEYS_AT_ONCE = 400


@dataclass(frozen=True)
class Run:
    """One run as the store knows it; times are seconds since 1970, `finished` None while it is open."""

    name: str
    meta: dict[str, Any]
    started: float
    finished: float | None
    pid: int | None
    host: str | None


class Store:
    """Calls, trials and runs in one file; use as a context manager, or call `close`.

    Any number of processes may share the file, one process a run. `run` is started at once when given.

    Raises:
        StoreError: `path` cannot be made, is not a store, is corrupt, of a newer version or on a full disk;
            or another process has the run.
    """

    def __init__(self, path: Path, *, run: str | None = None) -> None:
        self.path = Path(path)
        create_or_migrate(self.path)
        self._interner = rows.Interner()
        self._pending: dict[str, Call] = {}
        self._held: dict[str, tuple[int, RunLock]] = {}
        self._reader = connect(self.path, writes=False)
        self._reading = threading.Lock()
        self._writer = Writer(connect(self.path, writes=True), self.path, self._interner.forget)
        self._closed = False
        try:
            if run is not None:
                self.start_run(run)
        except StoreError:
            self.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Commit what is queued, let go of the runs and close the file. Twice is once."""
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        with self._reading:
            self._reader.close()
        for _, lock in self._held.values():
            lock.release()
        self._held.clear()

    # Calls

    def find(self, key: str) -> Call | None:
        """The newest success recorded under this key, by any run; also one that is being committed."""
        pending = self._pending.get(key)
        if pending is not None:
            return pending
        sql = f"{rows.SELECT_CALL} WHERE c.key = ? AND c.failed = 0 ORDER BY c.id DESC LIMIT 1"
        found = self._read(sql, (rows.key_bytes(key),))
        return rows.read_call(found[0], self.path) if found else None

    def find_many(self, keys: Iterable[str]) -> dict[str, Call]:
        """`find` for many keys at once; those that are not there are left out."""
        wanted = {key: rows.key_bytes(key) for key in keys}
        calls = {key: call for key in wanted if (call := self._pending.get(key)) is not None}
        raw = [value for key, value in wanted.items() if key not in calls]
        for start in range(0, len(raw), _KEYS_AT_ONCE):
            part = raw[start : start + _KEYS_AT_ONCE]
            part += part[-1:] * (_KEYS_AT_ONCE - len(part))  # one prepared statement for all lengths
            marks = ", ".join("?" * _KEYS_AT_ONCE)
            sql = f"{rows.SELECT_CALL} WHERE c.key IN ({marks}) AND c.failed = 0"
            for row in sorted(self._read(sql, part), key=itemgetter(0)):  # the newest last
                call = rows.read_call(row, self.path)
                calls[call.key] = call
        return calls

    async def record(self, calls: Sequence[Call], *, run: str | None = None) -> None:
        """Keep these calls; returns when they are committed and would survive a kill.

        Nothing recorded is ever replaced: failures and repeated successes are added beside it. With `run`,
        the calls' spend is counted as that run's and their reservations are given back, in one transaction.

        Raises:
            StoreError: they were not kept (none of them).
        """
        if not calls:
            return
        packed = [rows.call_row(call) for call in calls]
        number = None if run is None else self._number(run)
        successes = {call.key: call for call in calls if not call.failed}
        self._pending.update(successes)

        def committed() -> None:
            for key, call in successes.items():
                if self._pending.get(key) is call:
                    del self._pending[key]

        def work(db: sqlite3.Connection) -> None:
            self._insert_calls(db, packed)
            if number is not None:
                _settle(db, number, calls)

        await self._writer.write(work, committed)

    async def reserve(self, run: str, key: str, bound: Spend) -> None:
        """Note, before a call is sent, what it can cost at most; `record` takes the note back.

        A call that never comes back (a crash, a cancellation) stays counted at its bound in `spent`.
        """
        values = (self._number(run), rows.key_bytes(key), *rows.spend_values(bound))
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO reserved (run, key, {rows.SPEND}) VALUES ({marks})"
        await self._writer.write(lambda db: db.execute(sql, values) and None)

    def spent(self, run: str) -> Spend:
        """What the run's calls cost in all its processes, those under way at their upper bounds."""
        each = f"SELECT {rows.SPEND} FROM {{}} WHERE run = (SELECT id FROM runs WHERE name = ?1)"
        found = self._read(f"{each.format('spent')} UNION ALL {each.format('reserved')}", (run,))
        return sum((Spend(*row) for row in found), Spend())

    def pace(self, fingerprint: str) -> float | None:
        """Mean engine seconds of the successes of what has this fingerprint, of the newest 20,000 calls."""
        sql = (
            "SELECT avg(seconds) FROM calls WHERE failed = 0 AND id > (SELECT max(id) FROM calls) - 20000 "
            "AND fingerprint = (SELECT id FROM texts WHERE digest = ?)"
        )
        mean: float | None = self._read(sql, (rows.named(fingerprint)[0],))[0][0]
        return mean

    # Runs

    def start_run(self, run: str, meta: Mapping[str, Any] | None = None) -> Run:
        """Open a run for writing, new or resumed, and keep other processes out until it is finished.

        Calls that were under way when its last process died are charged at their upper bounds from here on.
        `meta` is any JSON object and replaces what was there; without it, what was there stays.

        Raises:
            StoreError: another process, or another Store of this one, has the run.
        """
        if run not in self._held:
            number = self._writer.write_now(partial(_run_number, name=run))
            lock = self._lock(run, number)
            self._writer.write_now(partial(_open_run, number=number))
            self._held[run] = (number, lock)
        if meta is not None:
            text, number = json.dumps(meta), self._number(run)
            self._write_one("UPDATE runs SET meta = ? WHERE id = ?", (text, number))
        return next(one for one in self.runs() if one.name == run)

    def finish_run(self, run: str) -> None:
        """Note that the run is complete and let go of it."""
        number, lock = self._number(run), self._held[run][1]
        self._write_one("UPDATE runs SET finished = ? WHERE id = ?", (time.time(), number))
        del self._held[run]
        lock.release()

    def runs(self) -> list[Run]:
        """Every run, oldest first."""
        sql = "SELECT name, meta, started, finished, pid, host FROM runs ORDER BY id"
        return [Run(name, json.loads(meta), *rest) for name, meta, *rest in self._read(sql, ())]

    # Trials

    async def add_trials(self, run: str, trials: Sequence[Trial]) -> None:
        """Keep these trials; one of the same (answerer, example, repeat) is replaced.

        Raises:
            StoreError: they were not kept (none of them), or the run was not started here.
        """
        number = self._number(run)
        packed = [rows.trial_row(trial) for trial in trials]

        def work(db: sqlite3.Connection) -> None:
            ids = partial(self._interner.id, db)
            db.executemany(
                rows.INSERT_TRIAL,
                [(number, *map(ids, texts), *values) for texts, values in packed],
            )

        await self._writer.write(work)

    def clear_trials(self, run: str) -> None:
        """Forget a run's trials, not its calls: a study that starts again makes them anew from the bank."""
        self._write_one("DELETE FROM trials WHERE run = ?", (self._number(run),))

    def trials(self, run: str, answerer: str | None = None) -> Iterator[Trial]:
        """A run's trials, by answerer, example (in the order in which the store met them) and repeat."""
        sql = f"{rows.SELECT_TRIAL} WHERE run = (SELECT id FROM runs WHERE name = ?)"
        values: tuple[Any, ...] = (run,)
        if answerer is not None:
            sql += " AND answerer = (SELECT id FROM texts WHERE digest = ?)"
            values += (rows.named(answerer)[0],)
        with self._other_reader() as db:
            names: dict[int, str] = {}
            found = db.execute(f"{sql} ORDER BY answerer, example, repeat", values)
            while part := found.fetchmany(1_000):
                unknown = {number for row in part for number in row[:2]} - names.keys()
                names.update(rows.read_names(db, unknown))
                yield from (rows.read_trial(row, names, self.path) for row in part)

    def scores(self, run: str) -> Scores:
        """A run's trials as aligned arrays; empty ones when there are none."""
        with self._other_reader() as db:
            row = db.execute("SELECT id FROM runs WHERE name = ?", (run,)).fetchone()
            return read_scores(db, -1 if row is None else row[0])

    # The file

    def _write_one(self, sql: str, values: Sequence[Any]) -> None:
        self._writer.write_now(lambda db: db.execute(sql, values) and None)

    def _read(self, sql: str, values: Sequence[Any]) -> list[Any]:
        # All rows at once: a statement left half read would keep every later read at its old snapshot.
        with self._reading:
            if self._closed:
                raise StoreError(f"the store {self.path} was closed; open it again")
            try:
                return self._reader.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                raise explain(error, self.path) from error

    @contextmanager
    def _other_reader(self) -> Iterator[sqlite3.Connection]:
        """A connection of its own for a long read, so that `find` never waits for it."""
        db = connect(self.path, writes=False)
        try:
            yield db
        except sqlite3.Error as error:
            raise explain(error, self.path) from error
        except KeyError as error:
            raise corrupt(self.path, f"text {error} is missing") from error
        finally:
            db.close()

    def _insert_calls(self, db: sqlite3.Connection, packed: Sequence[tuple[Any, tuple[Any, ...]]]) -> None:
        ids = partial(self._interner.id, db)
        db.executemany(rows.INSERT_CALL, [(*map(ids, texts), *values) for texts, values in packed])

    def _number(self, run: str) -> int:
        held = self._held.get(run)
        if held is None:
            raise StoreError(
                f"run {run!r} is not open in this process; call start_run({run!r}) before writing to it"
            )
        return held[0]

    def _lock(self, run: str, number: int) -> RunLock:
        try:
            lock = RunLock(self.path.with_name(f"{self.path.name}.locks") / str(number))
        except sqlite3.Error as error:
            raise explain(error, self.path) from error
        except OSError as error:
            raise StoreError(
                f"cannot make the folder {self.path}.locks ({error.strerror}); make its folder writable"
            ) from error
        if not lock.held:
            row = self._read("SELECT pid, host FROM runs WHERE id = ?", (number,))[0]
            holder = "another process" if row[0] is None else f"process {row[0]} on {row[1]}"
            raise StoreError(
                f"run {run!r} in {self.path} is being worked on by {holder}; wait for it or stop it, "
                "or give this run another name (runs share the bank, nothing is paid for twice)"
            )
        return lock


def _run_number(db: sqlite3.Connection, name: str) -> int:
    sql = "INSERT OR IGNORE INTO runs (name, meta, started) VALUES (?, '{}', ?)"
    db.execute(sql, (name, time.time()))
    return int(db.execute("SELECT id FROM runs WHERE name = ?", (name,)).fetchone()[0])


def _open_run(db: sqlite3.Connection, number: int) -> None:
    sql = "UPDATE runs SET finished = NULL, pid = ?, host = ? WHERE id = ?"
    db.execute(sql, (os.getpid(), socket.gethostname(), number))
    left = db.execute(f"SELECT run, {rows.SPEND} FROM reserved WHERE run = ?", (number,)).fetchall()
    db.executemany(rows.ADD_SPENT, left)
    db.execute("DELETE FROM reserved WHERE run = ?", (number,))


def _settle(db: sqlite3.Connection, number: int, calls: Sequence[Call]) -> None:
    keys = [(number, rows.key_bytes(call.key)) for call in calls]
    db.executemany("DELETE FROM reserved WHERE run = ? AND key = ?", keys)
    db.executemany(rows.ADD_SPENT, [(number, *rows.spend_values(call.spend)) for call in calls])
