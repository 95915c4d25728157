"""One thread that commits what everybody writes, many writes to a transaction.

Group commit: while one transaction is committed, the next writes queue up and share the next one, so that
thousands of small writes a second cost a few hundred commits. A write returns when it is committed, which in
WAL mode survives `kill -9`; only a power cut can take the last moments, and never the file. Not here: SQL.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from underdog.errors import StoreError
from underdog.store.schema import explain

Work: TypeAlias = Callable[[sqlite3.Connection], Any]
_AT_ONCE = 1_000  # writes in one transaction

# Errors of one write, not of the disk or the file: they are not shared by the writes beside it.
_OWN_FAULT = (
    OverflowError,
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)


@dataclass(frozen=True, slots=True, eq=False)
class _Write:
    work: Work
    resolve: Callable[[Any, BaseException | None], None]
    after: Callable[[], None]
    loop: asyncio.AbstractEventLoop | None


class Writer:
    """Owns the writing connection; `rolled_back` is called after every transaction that was undone."""

    def __init__(
        self, db: sqlite3.Connection, path: Path, rolled_back: Callable[[], None] = lambda: None
    ) -> None:
        self._db = db
        self._path = path
        self._rolled_back = rolled_back
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._gate = threading.Lock()  # so that nothing is queued behind the end
        self._ended: str | None = None
        self._thread = threading.Thread(target=self._run, name="underdog-store", daemon=True)
        self._thread.start()

    async def write(self, work: Work, after: Callable[[], None] = lambda: None) -> Any:
        """Do `work` in a transaction and return its value when that is committed.

        `after` is called in the writer's thread when the write is over, also when nobody waits any more.

        Raises:
            StoreError: it was not committed; nothing of this write was kept.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._put(_Write(work, partial(_resolve, future), after, loop))
        return await future

    def write_now(self, work: Work) -> Any:
        """The same for callers without an event loop; waits."""
        future: Future[Any] = Future()
        self._put(_Write(work, partial(_resolve, future), lambda: None, None))
        return future.result()

    def close(self) -> None:
        """Commit what is queued and end the thread. Later writes are refused."""
        with self._gate:
            if self._ended is None:
                self._ended = "it was closed"
                self._queue.put(None)
        self._thread.join()
        self._db.close()

    def _put(self, write: _Write) -> None:
        with self._gate:
            if self._ended is not None:
                write.after()
                raise StoreError(f"the store {self._path} takes no more writes: {self._ended}; open it again")
            self._queue.put(write)

    def _run(self) -> None:
        writes: list[_Write] = []
        try:
            while True:
                writes, last = self._drain()
                self._commit(writes)
                if last:
                    return
        except BaseException as error:  # whatever ends this thread must reach those who wait for it
            self._die(writes, error)
            raise

    def _drain(self) -> tuple[list[_Write], bool]:
        """Everything that is queued, waiting for the first; and whether the end is."""
        writes: list[_Write] = []
        write = self._queue.get()
        while write is not None:
            writes.append(write)
            if len(writes) == _AT_ONCE:
                return writes, False
            try:
                write = self._queue.get_nowait()
            except queue.Empty:
                return writes, False
        return writes, True

    def _commit(self, writes: Sequence[_Write]) -> None:
        if not writes:
            return
        try:
            values = self._transact(writes)
        except (sqlite3.Error, OverflowError) as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self._rolled_back()
            if len(writes) > 1 and isinstance(error, _OWN_FAULT):
                for write in writes:
                    self._commit([write])
                return
            told = explain(error, self._path)
            told.__cause__ = error
            _settle(writes, [None] * len(writes), told)
        else:
            _settle(writes, values, None)

    def _transact(self, writes: Sequence[_Write]) -> list[Any]:
        self._db.execute("BEGIN IMMEDIATE")
        values = [write.work(self._db) for write in writes]
        self._db.execute("COMMIT")
        return values

    def _die(self, writes: Sequence[_Write], error: BaseException) -> None:
        with self._gate:
            self._ended = f"its writer stopped ({type(error).__name__}: {error})"
        waiting = list(writes)
        while not self._queue.empty():
            write = self._queue.get()
            if write is not None:
                waiting.append(write)
        told = StoreError(
            f"the store {self._path} takes no more writes: {self._ended}; this write was not kept, "
            "open the store again"
        )
        _settle(waiting, [None] * len(waiting), told)


def _settle(writes: Sequence[_Write], values: Sequence[Any], error: BaseException | None) -> None:
    """Tell everybody who waits, with one wake-up for each event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[Callable[[], None]]] = {}
    for write, value in zip(writes, values, strict=True):
        write.after()
        if write.loop is None:
            write.resolve(value, error)
        else:
            loops.setdefault(write.loop, []).append(partial(write.resolve, value, error))
    for loop, calls in loops.items():
        # A loop that closed meanwhile has nobody left to tell; the write itself is done.
        if not loop.is_closed():
            try:
                loop.call_soon_threadsafe(_call_all, calls)
            except RuntimeError:
                if not loop.is_closed():
                    raise


def _call_all(calls: Sequence[Callable[[], None]]) -> None:
    for call in calls:
        call()


def _resolve(future: asyncio.Future[Any] | Future[Any], value: Any, error: BaseException | None) -> None:
    if future.done():  # cancelled meanwhile
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
