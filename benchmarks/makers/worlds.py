"""Makers of adapters on the embedded worlds: what they add to small, and what of it their controls add too.

One task a world, the same test items for every seed; a seed decides what is held out, the order of the
examples, the adapter's first weights and every draw of an answer. Looked at on test once an arm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from underdog.acts import Acts
from underdog.answerer import Answerer, Model
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.levers.constrain import Constrain
from underdog.makers import Dpo, Ground, Grpo, Lora, Made, Maker
from underdog.statistics import gap_closed, mean_interval, paired_difference
from underdog.store import Bank, Store
from underdog.studies.measure import Bench, Column
from underdog.studies.spec import read
from underdog.task import Task
from underdog.tiny import worlds

ITEMS, TEST = 3000, 520
"""Examples of a world's task over all splits (a fifth of them to learn from), and test items looked at."""
HEADER = ("seed", "arm", "right", "against small", "against large", "unread", "training")


@dataclass(frozen=True)
class Show:
    """A maker on a world; `form` is the schema that the control without training is held to, if any."""

    world: str
    maker: Maker
    form: Literal["tools"] | None = None

    @property
    def name(self) -> str:
        return f"{type(self.maker).__name__.lower()} on {self.world}"


PACE: Mapping[str, Any] = {"steps": 96, "checks": 4, "tries": 1}
SHOWS: Mapping[str, tuple[Show, ...]] = {
    "lora": (Show("tools", Lora(**PACE)), Show("intents", Lora(**{**PACE, "checks": 8, "tries": 4}))),
    "dpo": (Show("tools", Dpo(**{**PACE, "steps": 64}, teacher="small"), "tools"),),
    "grpo": (Show("countdown", Grpo(steps=48, checks=4)), Show("tools", Grpo(steps=48, checks=4))),
}


def rows(show: Show, seeds: Sequence[int], work: Path) -> Iterator[tuple[str, ...]]:
    """The rows of one show as they are measured: the models as they are, each seed's arms, all seeds."""
    task = worlds.task(show.world, ITEMS, 1)
    groups = [example.group for example in task.split("test")[:TEST]]
    start = {name: read(Model(f"tiny/{name}"), task.reading) for name in ("small", "large")}
    if show.form is not None:
        start["constrained"] = Constrain(start["small"], schema=show.form)
    columns = asyncio.run(measured(task, start, work))
    small, large = columns["small"], columns["large"]
    for name, column in columns.items():
        yield row("", name, column, small, large, groups)
    every: dict[str, list[Any]] = {}
    for seed in seeds:
        made = asyncio.run(making(show, task, seed, work))
        models = {type(show.maker).__name__.lower(): made.model, **made.controls}
        arms = {name: read(model, task.reading) for name, model in models.items()}
        for name, column in asyncio.run(measured(task, arms, work)).items():
            told = (
                f"{made.spend.flops / 1e12:.2f} TFLOPs" if name in arms and name not in made.controls else ""
            )
            yield row(str(seed), name, column, small, large, groups, told)
            every.setdefault(name, []).append(column.scores())
        for caution in made.cautions:
            yield (str(seed), f"note: {caution}", *[""] * (len(HEADER) - 2))
    yield from together(every, small, large, groups)


def together(
    every: Mapping[str, Sequence[Any]], small: Column, large: Column, groups: list[str]
) -> Iterator[tuple[str, ...]]:
    """Each arm's mean over seeds, item by item; the interval is of items, the seeds are as they fell."""
    means = {name: np.mean(scores, axis=0) for name, scores in every.items()}
    own = next(iter(means), None)
    for name, scores in means.items():
        if len(every[name]) < 2:
            continue
        right = mean_interval(scores, groups=groups)
        yield (
            f"mean of {len(every[name])}",
            name,
            shown(right.estimate, right.low, right.high),
            versus(scores, small.scores(), groups),
            versus(scores, large.scores(), groups),
            "",
            "",
        )
        if name != own:
            told = f"{own} against {name}: {versus(means[own], scores, groups)}"
            share = gap_closed(scores, small.scores(), means[own], groups=groups)
            part = shown(share.estimate, share.low, share.high)
            yield ("", told, "", "", "", "", f"its part of the gain: {part}")


async def making(show: Show, task: Task, seed: int, work: Path) -> Made:
    """The model that the maker makes from this seed; found again where it was made before."""
    bind, folder = Binder(), work / show.name.replace(" ", "-") / str(seed)
    with Store(work / "calls.sqlite") as store:
        bank = Bank(store, f"{show.name}/{seed}")
        store.start_run(bank.run, {})
        async with Acts(bind) as acts:
            ground = Ground(
                task=task,
                small=read(Model("tiny/small"), task.reading),
                large=read(Model("tiny/large"), task.reading),
                bind=bind,
                sink=bank,
                folder=folder,
                seed=seed,
                tools=acts,
            )
            made = await show.maker.make(ground)
    made.save(folder)
    return made


async def measured(task: Task, arms: Mapping[str, Answerer], work: Path) -> dict[str, Column]:
    """Each arm on the test items."""
    bind = Binder()
    with Store(work / "calls.sqlite") as store:
        bank = Bank(store, "test")
        store.start_run(bank.run, {})
        async with Driver(bind, bank) as driver:
            return await Bench(task, driver, bank).measure(arms, task.split("test")[:TEST], "test")


def row(
    seed: str, name: str, column: Column, small: Column, large: Column, groups: list[str], told: str = ""
) -> tuple[str, ...]:
    """One arm of one seed."""
    scores = column.scores()
    right = mean_interval(scores, groups=groups)
    return (
        seed,
        name,
        shown(right.estimate, right.low, right.high),
        "" if name == "small" else versus(scores, small.scores(), groups),
        "" if name == "large" else versus(scores, large.scores(), groups),
        str(column.outcomes()["unread"]),
        told,
    )


def versus(scores: Any, others: Any, groups: list[str]) -> str:
    """A paired difference in points, with its interval."""
    paired = paired_difference(scores, others, groups=groups)
    return shown(paired.difference, paired.low, paired.high, "+.1f")


def shown(point: float | None, low: float | None, high: float | None, form: str = ".1f") -> str:
    """A number of hundredths with its 95 % interval, or a dash."""
    if point is None or low is None or high is None:
        return "-"
    return f"{100 * point:{form}} [{100 * low:{form}}, {100 * high:{form}}]"
