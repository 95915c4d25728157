"""What a driver writes to: a study's bank, a gateway's ledger, and a bank without a file.

Each is the driver's `Sink` (find, record, reserve) for one run. Serving never reads a bank: the ledger's
`find` finds nothing, so the gateway is no response cache shared between its users.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from underdog.store.sqlite import Store
from underdog.trial import Call, Spend, Trial


@dataclass(frozen=True)
class Bank:
    """A study's sink: what any run recorded is found, and what this run spends is counted."""

    store: Store
    run: str

    def find(self, key: str) -> Call | None:
        return self.store.find(key)

    async def record(self, calls: Sequence[Call]) -> None:
        await self.store.record(calls, run=self.run)

    async def reserve(self, key: str, bound: Spend) -> None:
        await self.store.reserve(self.run, key, bound)

    async def add_trials(self, trials: Sequence[Trial]) -> None:
        await self.store.add_trials(self.run, trials)

    def spent(self) -> Spend:
        """What this run has spent in all its processes; calls in flight at a crash at their bounds."""
        return self.store.spent(self.run)


class Ledger(Bank):
    """A gateway's sink: everything is recorded, nothing is ever answered from the record."""

    def find(self, key: str) -> Call | None:
        return None


@dataclass
class MemoryBank:
    """A bank that ends with the process: for tests and for trying things out."""

    calls: dict[str, Call] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)
    _reserved: dict[str, list[Spend]] = field(default_factory=dict)
    _spent: Spend = field(default_factory=Spend)

    def find(self, key: str) -> Call | None:
        call = self.calls.get(key)
        return None if call is None or call.failed else call

    async def record(self, calls: Sequence[Call]) -> None:
        for call in calls:
            if not call.failed or self.find(call.key) is None:
                self.calls[call.key] = call
            self._reserved.pop(call.key, None)
            self._spent = self._spent + call.spend

    async def reserve(self, key: str, bound: Spend) -> None:
        self._reserved.setdefault(key, []).append(bound)

    async def add_trials(self, trials: Sequence[Trial]) -> None:
        self.trials.extend(trials)

    def spent(self) -> Spend:
        open_bounds = [bound for bounds in self._reserved.values() for bound in bounds]
        return sum(open_bounds, self._spent)
