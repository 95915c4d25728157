"""Budgets that are never overrun: reserve the upper bound before a call is sent, settle after it.

Not a rate limiter: pace is the lane's business. Amounts are whole-run totals, resumed runs included.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from underdog.errors import BudgetSpent
from underdog.trial import Spend


@dataclass(frozen=True)
class Budget:
    """The most that a run may spend; None is no limit. `minutes` is wall time of this process."""

    dollars: float | None = None
    tokens: int | None = None
    minutes: float | None = None

    @property
    def limited(self) -> bool:
        return not (self.dollars is None and self.tokens is None and self.minutes is None)


class Purse:
    """What is spent and what is reserved, against a Budget. One event loop only."""

    def __init__(
        self, budget: Budget, spent: Spend | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.budget = budget
        self.spent = spent or Spend()
        self.reserved = Spend()
        self.pending = 0
        self._clock = clock
        self._deadline = None if budget.minutes is None else clock() + 60 * budget.minutes
        self._listeners: list[Callable[[], None]] = []

    def on_settled(self, listener: Callable[[], None]) -> None:
        """Call this whenever room may have come free."""
        self._listeners.append(listener)

    def reserve(self, bound: Spend) -> bool:
        """Reserve a call's upper bound. False: wait until another call settles.

        Raises:
            BudgetSpent: no call is under way whose settling could make room, or time is up.
        """
        if self._deadline is not None and self._clock() >= self._deadline:
            raise BudgetSpent(
                f"the budget of {self.budget.minutes:g} minutes is used up; "
                "raise it and run again: what is recorded is not paid for twice"
            )
        short = self._shortfall(bound)
        if short is None:
            self.reserved = self.reserved + bound
            self.pending += 1
            return True
        if self.pending:
            return False
        raise BudgetSpent(short)

    def has_room(self, bound: Spend, seconds: float | None = None) -> bool:
        """Whether work that costs this at most still fits; time that is not known is taken to fit."""
        late = self._deadline is not None and self._clock() + (seconds or 0.0) >= self._deadline
        return not late and self._shortfall(bound) is None

    def settle(self, bound: Spend, actual: Spend) -> None:
        """Give back a reservation and count what was really spent."""
        self.pending -= 1
        self.reserved = _minus(self.reserved, bound) if self.pending else Spend()
        self.spent = self.spent + actual
        for listener in self._listeners:
            listener()

    def _shortfall(self, bound: Spend) -> str | None:
        after = self.spent + self.reserved + bound
        limit = self.budget
        if limit.tokens is not None and after.tokens > limit.tokens:
            return (
                f"the budget of {limit.tokens} tokens has no room for the next call "
                f"(spent {self.spent.tokens}, at most {bound.tokens} more); raise it and run again"
            )
        if limit.dollars is None:
            return None
        if after.dollars is None:
            return (
                "a budget in dollars needs a price for every model, and one has none; "
                "add it under [prices] in underdog.toml or budget in tokens"
            )
        if after.dollars > limit.dollars + 1e-12:
            return (
                f"the budget of ${limit.dollars:g} has no room for the next call "
                f"(spent ${self.spent.dollars:.4f}, at most ${bound.dollars:.4f} more); "
                "raise it and run again"
            )
        return None


def _minus(total: Spend, part: Spend) -> Spend:
    dollars = None if total.dollars is None or part.dollars is None else total.dollars - part.dollars
    return Spend(
        tokens_in=total.tokens_in - part.tokens_in,
        tokens_out=total.tokens_out - part.tokens_out,
        dollars=dollars,
    )
