"""What all lanes of a driver share: where calls are kept, the budget, retries, the timeout, the tally.

Values and one protocol; it sends nothing. The lane that keeps to these terms is in `lane.py`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from underdog.answerer import Failure
from underdog.budget import Purse
from underdog.trial import Call, Spend


class Sink(Protocol):
    """Where calls are kept: the study's bank, or the gateway's ledger (whose `find` finds nothing)."""

    def find(self, key: str) -> Call | None: ...

    async def record(self, calls: Sequence[Call]) -> None:
        """Return when the calls would survive a kill."""
        ...

    async def reserve(self, key: str, bound: Spend) -> None:
        """Note that a call is about to be sent; one never recorded counts as spent at its bound."""
        ...


@dataclass(frozen=True)
class Retry:
    """Exponential backoff with full jitter; a server's Retry-After is obeyed up to `longest` seconds."""

    attempts: int = 5
    first: float = 0.5
    longest: float = 60.0

    def delay(self, attempt: int, failure: Failure) -> float:
        """Seconds to wait after the given failed attempt (1 is the first)."""
        jittered = random.uniform(0, min(self.longest, self.first * 2 ** (attempt - 1)))
        if failure.retry_after is None:
            return jittered
        return min(self.longest, failure.retry_after) + jittered * 0.1


@dataclass
class Tally:
    """Calls made in this process: sent and paid for, or found in the bank."""

    sent: int = 0
    banked: int = 0
    spend: Spend = Spend()

    def add(self, spend: Spend) -> None:
        self.sent += 1
        self.spend = self.spend + spend


@dataclass(frozen=True)
class Terms:
    """What all lanes of a driver share. `fresh` ignores the bank (what is asked is still recorded)."""

    sink: Sink
    purse: Purse
    retry: Retry = Retry()
    timeout: float = 600.0
    fresh: bool = False
    tally: Tally = field(default_factory=Tally)

    def find(self, key: str) -> Call | None:
        """The recorded call, unless it failed: failures are asked again."""
        call = None if self.fresh else self.sink.find(key)
        return None if call is None or call.failed else call
