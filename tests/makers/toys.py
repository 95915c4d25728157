"""A task that an embedded model learns in a few steps, and the ground to make models on."""

from __future__ import annotations

from pathlib import Path

from underdog.answerer import Model, Sampling
from underdog.engines.binding import Binder
from underdog.example import Example
from underdog.makers import Ground, Watcher
from underdog.reading import Reading
from underdog.scorers import Label
from underdog.store import MemoryBank
from underdog.studies.spec import read
from underdog.task import Task

SIDES = {"red": "left", "blue": "right"}


def example(number: int, split: str = "fit", group: str | None = None) -> Example:
    colour = list(SIDES)[number % 2]
    messages = ({"role": "user", "content": f"{colour} {number}"},)
    return Example(f"{number}", group or f"{number}", messages, SIDES[colour], placed=split)


def toy(fit: int = 48, tune: int = 12) -> Task:
    """Say left to red and right to blue."""
    examples = [example(i) for i in range(fit)] + [example(i, "tune") for i in range(fit, fit + tune)]
    labels = tuple(SIDES.values())
    return Task(
        "toy", tuple(examples), Label(labels), Reading("label", labels=labels), Sampling(max_tokens=6)
    )


def ground(folder: Path, task: Task | None = None, watch: Watcher | None = None, **more: object) -> Ground:
    """The embedded small model on the toy or another task; calls are kept in memory."""
    task = task or toy()
    small = read(Model("tiny/small"), task.reading)
    given = {"bind": Binder(base=folder), "sink": MemoryBank(), **more}
    return Ground(task=task, small=small, folder=folder, base=folder, watch=watch or Watcher(), **given)
