"""What making a model shows while it runs: a bar on a terminal, a line now and then elsewhere.

Besides it shows what a study does, since asking and judging are part of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from underdog.makers.watching import Watcher
from underdog.report.figures import count
from underdog.report.live import Lines, LiveTable, Watch

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

_EVERY = 5.0
_TOLD = {"loss": "loss", "reward": "reward", "rewards/accuracies": "pairs told right"}


class Silent(Watch, Watcher):
    """Shows nothing."""


class TrainingLines(Lines, Watcher):
    """A line when a training begins, and one every few seconds."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(write, clock)
        self._steps = 0
        self._told = clock()

    def training(self, what: str, steps: int) -> None:
        self._steps = steps
        self._write(f"training {what}, up to step {count(steps)}")

    def trained(self, step: int, logs: Mapping[str, float]) -> None:
        if self._now() - self._told >= _EVERY:
            self._told = self._now()
            self._write(f"step {count(step)} of {count(self._steps)}{logged(logs)}")


class TrainingBar(LiveTable, Watcher):
    """A bar for the training under way; each one leaves a line above it when it ends."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._progress: Progress | None = None
        self._bar: TaskID | None = None

    def __exit__(self, *error: object) -> None:
        self._close_bar()
        super().__exit__(*error)

    def stage(self, name: str, arms: Sequence[str], total: int) -> None:
        self._close_bar()
        super().stage(name, arms, total)

    def training(self, what: str, steps: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._close_bar()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[told]}"),
            console=self._console,
            transient=True,
        )
        self._bar = self._progress.add_task(f"training {what}", total=steps, told="")
        self._progress.start()

    def trained(self, step: int, logs: Mapping[str, float]) -> None:
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, completed=step, told=logged(logs).lstrip(", "))

    def _close_bar(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


TrainingWatch: TypeAlias = Silent | TrainingLines | TrainingBar


def training_watch(console: Console, quiet: bool) -> TrainingWatch:
    """A bar on a terminal, lines elsewhere, nothing when quiet."""
    if quiet:
        return Silent()
    if console.is_terminal:
        return TrainingBar(console)
    return TrainingLines(lambda text: console.print(text, soft_wrap=True))


def logged(logs: Mapping[str, float]) -> str:
    """What was logged at a step and is worth showing, as a clause of its own."""
    return "".join(f", {word} {logs[name]:.3g}" for name, word in _TOLD.items() if name in logs)
