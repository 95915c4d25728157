"""One process a run: a lock that the operating system takes back when its holder dies, even by `kill -9`.

It is an exclusive SQLite transaction on an empty file beside the store: the same on every system, not handed
on to forked children, and seen by two stores in one process too. Not here: who holds it (a row of `runs`).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path


class RunLock:
    """The lock of one run; `held` is False when somebody else has it."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(exist_ok=True)
        self._db = sqlite3.connect(file, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            self._db.close()
            if error.sqlite_errorname != "SQLITE_BUSY":
                raise
            self.held = False
        else:
            self.held = True

    def release(self) -> None:
        """Let the next one have it."""
        self._db.close()
        self.held = False
