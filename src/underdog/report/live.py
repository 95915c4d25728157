"""What a study shows while it runs: a live table on a terminal, a line every few seconds elsewhere.

`Watch` keeps the counts and draws nothing; `LiveTable` and `Lines` show them. Use each as a context manager.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from underdog.report.figures import DASH, arm_title, clock, count, dollars, percent
from underdog.studies.measure import Progress
from underdog.trial import Outcome, Trial

if TYPE_CHECKING:
    from rich.console import Console, Group
    from rich.live import Live

    from underdog.budget import Purse
    from underdog.terms import Tally

_EVERY = 5.0
_LEG = re.compile(r": [\d,]+ of [\d,]+$")


@dataclass(slots=True)
class ArmCount:
    """One arm of the stage under way. Failed trials are done but have no score."""

    total: int
    done: int = 0
    scored: int = 0
    points: float = 0.0
    unread: int = 0
    failed: int = 0

    def add(self, trial: Trial) -> None:
        self.done += 1
        self.unread += trial.outcome is Outcome.UNREAD
        self.failed += trial.outcome is Outcome.FAILED
        if trial.score is not None:
            self.scored += 1
            self.points += trial.score

    @property
    def score(self) -> float | None:
        """Mean score so far, None before the first scored trial."""
        return self.points / self.scored if self.scored else None


class Watch(Progress):
    """The counts of the stage under way and what the run has spent. Shows nothing."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = ""
        self.arms: dict[str, ArmCount] = {}
        self._now = clock
        self._began = self._stage_began = clock()
        self._tally: Tally | None = None
        self._purse: Purse | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing half drawn."""

    def begin(self, tally: Tally, purse: Purse) -> None:
        """The run begins: where calls and money are counted while it lasts."""
        self._tally, self._purse = tally, purse

    def stage(self, name: str, arms: Sequence[str], total: int) -> None:
        if not self.goes_on(name):
            self._stage_began = self._now()
            self.arms = {}
        self.name = name
        for arm in arms:
            self.arms.setdefault(arm, ArmCount(0)).total += total // max(1, len(arms))

    def goes_on(self, name: str) -> bool:
        """Whether this is the next leg of the race under way: `race: 48 of 240` after `race: 30 of 240`."""
        return bool(_LEG.search(name)) and name.partition(":")[0] == self.name.partition(":")[0]

    def trial(self, trial: Trial) -> None:
        self.arms[trial.answerer].add(trial)

    @property
    def calls_sent(self) -> int | None:
        """Calls sent by this process; None before the run begins."""
        return None if self._tally is None else self._tally.sent

    @property
    def done(self) -> int:
        return sum(arm.done for arm in self.arms.values())

    @property
    def total(self) -> int:
        return sum(arm.total for arm in self.arms.values())

    def stage_line(self) -> str:
        """The stage under way or just over, in one line."""
        failed = sum(arm.failed for arm in self.arms.values())
        broken = f", {count(failed)} failed" if failed else ""
        took = clock(self._now() - self._stage_began)
        return f"{self.name}, {count(self.done)} of {count(self.total)} trials{broken} in {took}"

    def spend_line(self) -> str:
        """Calls, money, time and what is left of the budget, in one line."""
        parts = []
        if self._tally is not None:
            sent, banked = count(self._tally.sent), count(self._tally.banked)
            parts.append(f"{sent} calls sent, {banked} from the bank")
            parts.append(f"spent {dollars(self._tally.spend.dollars)}")
        parts.append(f"elapsed {clock(self._now() - self._began)}")
        left = self._left()
        return " · ".join([*parts, f"left {left}"] if left else parts)

    def _left(self) -> str:
        """What is left of each limit of the budget; empty without limits."""
        if self._purse is None:
            return ""
        limit, spent = self._purse.budget, self._purse.spent
        left = []
        if limit.dollars is not None:
            left.append(DASH if spent.dollars is None else dollars(max(0.0, limit.dollars - spent.dollars)))
        if limit.tokens is not None:
            left.append(f"{count(max(0, limit.tokens - spent.tokens))} tokens")
        if limit.minutes is not None:
            left.append(clock(max(0.0, 60 * limit.minutes - (self._now() - self._began))))
        return ", ".join(left)


class LiveTable(Watch):
    """A table that is drawn anew four times a second; each finished stage leaves one line above it."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._live: Live | None = None

    def __exit__(self, *_: object) -> None:
        self._close_stage()

    def stage(self, name: str, arms: Sequence[str], total: int) -> None:
        from rich.live import Live

        if self.goes_on(name):
            super().stage(name, arms, total)
            return
        self._close_stage()
        super().stage(name, arms, total)
        self._live = Live(get_renderable=self.table, console=self._console, transient=True)
        self._live.start()

    def note(self, text: str) -> None:
        self._console.print(text)

    def table(self) -> Group:
        """The counts as they stand."""
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        rows = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        rows.add_column("", no_wrap=True)
        for heading in ("done", "score so far", "n", "unread", "failed"):
            rows.add_column(heading, justify="right")
        for name, arm in self.arms.items():
            rows.add_row(
                Text(arm_title(name)),
                f"{count(arm.done)}/{count(arm.total)}",
                percent(arm.score),
                count(arm.scored),
                count(arm.unread),
                count(arm.failed),
            )
        head = Text(f"{self.name}, {count(self.done)} of {count(self.total)} trials", "bold")
        return Group(head, rows, Text(self.spend_line(), "dim"))

    def _close_stage(self) -> None:
        if self._live is None:
            return
        self._live.stop()
        self._live = None
        self.note(self.stage_line())


class Lines(Watch):
    """Plain lines for logs and pipes: one every few seconds and one when a stage ends."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._write = write
        self._last = clock()

    def __exit__(self, *_: object) -> None:
        self._close_stage()

    def stage(self, name: str, arms: Sequence[str], total: int) -> None:
        if self.goes_on(name):
            super().stage(name, arms, total)
            return
        self._close_stage()
        super().stage(name, arms, total)
        self._last = self._now()

    def trial(self, trial: Trial) -> None:
        super().trial(trial)
        if self._now() - self._last >= _EVERY:
            self._say()

    def note(self, text: str) -> None:
        self._write(text)

    def _say(self) -> None:
        self._last = self._now()
        self._write(f"{self.stage_line()} · {self.spend_line()}")

    def _close_stage(self) -> None:
        if self.name:
            self._say()
            self.name = ""
