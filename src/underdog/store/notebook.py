"""A notebook: one JSON object in the store's file that outlives its process; one process at a time writes it.

The gateway keeps its watches in one. Not for results or calls: those are rows of their own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from underdog.store.sqlite import Store
from underdog.trial import Call


@dataclass(frozen=True)
class Notebook:
    """The notes under a name, and a look at the calls beside them.

    Raises:
        StoreError: `opened`, where another process has the notebook.
    """

    store: Store
    name: str

    @classmethod
    def opened(cls, store: Store, name: str) -> Notebook:
        """The notebook of this name, made if there is none; nobody else may write to it until `close`."""
        store.start_run(name)
        return cls(store, name)

    def read(self) -> dict[str, Any]:
        """What was last written; empty in a new one."""
        return next(run.meta for run in self.store.runs() if run.name == self.name)

    async def write(self, notes: Mapping[str, Any]) -> None:
        """Replace what is there; returns when it would survive a kill."""
        await asyncio.to_thread(self.store.start_run, self.name, notes)

    def find(self, key: str) -> Call | None:
        """The newest success recorded under a call's key."""
        return self.store.find(key)

    def close(self) -> None:
        """Let others have it."""
        self.store.finish_run(self.name)
