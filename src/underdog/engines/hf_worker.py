"""The one thread that owns a local model: jobs come in from any event loop, answers go back to it.

Rows join and leave the running batch as they come. Nothing that a model raises ends the thread: what ran is
run again with half as many rows at a time, and a row that fails alone is a Failure. No torch in here.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

from underdog.answerer import Answer, Failure, Request

if TYPE_CHECKING:
    from underdog.engines.hf_decode import Decoder, Row

Result: TypeAlias = Answer | Failure | BaseException

_MOST = 256  # rows in one batch
_PATIENCE = 8  # steps that waiting rows wait for others, so that the running batch is rebuilt seldom
# What a model's code raises: torch reports exhausted memory and failed kernels as RuntimeError.
_MODEL_ERRORS = (RuntimeError, MemoryError, ValueError, TypeError, LookupError, AttributeError)
_CLOSED = Failure("cancelled", "the local engine was closed before this request was answered")


@dataclass(eq=False, slots=True)
class Job:
    """A request on its way. `deliver` is called on the event loop with the result, `emit` with text.

    `given` counts the characters that `emit` was called with: a row that is run again goes on from there.
    """

    request: Request
    loop: asyncio.AbstractEventLoop
    deliver: Callable[[Result], None]
    emit: Callable[[str], None] | None = None
    given: int = 0
    row: Row | None = None
    cancelled: bool = False

    def cancel(self) -> None:
        """Nobody waits any more: the row leaves the batch at its next token."""
        self.cancelled = True
        if self.row is not None:
            self.row.cancelled = True

    def post(self, function: Callable[..., None], *values: object) -> None:
        """Call a function on the job's event loop; a loop that is closed no longer wants to know."""
        with suppress(RuntimeError):
            self.loop.call_soon_threadsafe(function, *values)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the thread does with a job: `open` loads the model, `row` reads the request, `answer` the row."""

    open: Callable[[], Decoder]
    row: Callable[[Job], Row | Failure]
    answer: Callable[[Job, Row], Answer | Failure]


class Worker:
    """Starts its thread with the first job, and a new one with the first job after the thread has ended."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._shift: _Shift | None = None
        self._thread: threading.Thread | None = None

    def submit(self, jobs: Sequence[Job]) -> None:
        with self._lock:
            if self._shift is None or self._shift.over:
                self._shift = _Shift(self._desk, self._lock)
                self._thread = threading.Thread(target=self._shift.run, name="underdog-hf", daemon=True)
                self._thread.start()
            for job in jobs:
                self._shift.inbox.put(job)

    def close(self) -> None:
        """Stop after the current token and wait for it. What was not answered comes back as cancelled."""
        with self._lock:
            shift, thread = self._shift, self._thread
            if shift is not None:
                shift.inbox.put(None)
        if thread is not None:
            thread.join()


class _Shift:
    """One life of the thread. An error that is not the model's ends it and is raised where it is awaited."""

    def __init__(self, desk: Desk, lock: threading.Lock) -> None:
        self.inbox: SimpleQueue[Job | None] = SimpleQueue()
        self.over = False
        self._desk, self._lock = desk, lock
        self._arrived: list[Job] = []
        self._waiting: list[Job] = []
        self._running: dict[Row, Job] = {}
        self._most = _MOST
        self._patience = 0

    def run(self) -> None:
        outcome: Result = _CLOSED
        try:
            self._serve()
        except Exception as error:  # missing weights or our own bug: those who wait must learn of it
            outcome = error
        with self._lock:
            self.over = True
            self._receive(block=False)
        for job in [*self._running.values(), *self._waiting, *self._arrived]:
            job.post(job.deliver, outcome)

    def _serve(self) -> None:
        decoder: Decoder | None = None
        while self._receive(block=not self._waiting and not self._running):
            decoder = decoder or self._desk.open()
            self._queue_up()
            joining = self._joining(decoder)
            try:
                if joining:
                    decoder.admit(joining)
                ended = decoder.step()
            except _MODEL_ERRORS as error:
                decoder.clear()
                self._retreat(error)
                continue
            for row in ended:
                job = self._running.pop(row)
                job.post(job.deliver, self._desk.answer(job, row))
            if not self._running:
                self._most = min(_MOST, 2 * self._most)

    def _receive(self, block: bool) -> bool:
        """Take in everything that has come; False when asked to stop."""
        with suppress(Empty):
            while True:
                job = self.inbox.get(block=block and not self._arrived)
                if job is None:
                    return False
                self._arrived.append(job)
        return True

    def _queue_up(self) -> None:
        """Read the requests that came; those that came together are sorted so that like runs with like."""
        ready: list[tuple[int, int, Job]] = []
        for number, job in enumerate(self._arrived):
            row = self._desk.row(job)
            if isinstance(row, Failure):
                job.post(job.deliver, row)
            else:
                job.row = row
                ready.append((row.reach, number, job))
        self._waiting += [job for _, _, job in sorted(ready)]
        self._arrived = []

    def _joining(self, decoder: Decoder) -> list[Row]:
        """The waiting rows that join the batch before the next token."""
        self._waiting = [job for job in self._waiting if not job.cancelled]
        self._patience -= 1
        if not self._waiting or (self._patience > 0 and self._running):
            return []
        self._patience = _PATIENCE
        rows = {job.row: job for job in self._waiting if job.row}
        joining = list(rows)[: decoder.fitting(list(rows), self._most)]
        self._waiting = self._waiting[len(joining) :]
        self._running |= {row: rows[row] for row in joining}
        return joining

    def _retreat(self, error: Exception) -> None:
        """Run what ran again, half as many rows at a time; one row that failed alone has failed."""
        failed = list(self._running.values())
        self._running = {}
        if len(failed) == 1:
            message = f"the local model failed: {type(error).__name__}: {error}"
            failed[0].post(failed[0].deliver, Failure("server_error", message))
            return
        self._most = max(1, len(failed) // 2)
        self._arrived = failed
