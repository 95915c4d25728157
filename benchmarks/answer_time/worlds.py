"""Votes, verifiers and revisions on the embedded models, at what each of them costs.

Synthetic micro-worlds: they show the mechanism, and are no evidence about real tasks. All arms of a world
share one bank of draws, kept between runs. Nothing is chosen and nothing corrected for the number of arms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from benchmarks.answer_time.replay import difference, shown
from benchmarks.truth.table import Table

from underdog.acts import Acts
from underdog.answerer import Answerer, Model
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.levers import Prompt
from underdog.plan import models_of
from underdog.statistics import paired_difference
from underdog.store import Bank, Store
from underdog.studies.measure import Bench, Column
from underdog.studies.spec import read
from underdog.task import Task
from underdog.tiny import searched, worlds
from underdog.tiny.worlds import arithmetic

STEPS = arithmetic.STEPPED[0]
LINES = {"stepped arithmetic": STEPS}
"""Worlds asked in another manner than their own: the system line that asks for it."""
WORLDS = ("countdown", "stepped arithmetic", "arithmetic", "passage")
SEARCHED = ("countdown",)
"""Worlds on which all arms are measured; on the others the votes alone, a quarter of the draws."""
AGAINST = f"vote of {searched.DRAWS}"


def table(name: str, n: int, seed: int, store: Path) -> Table:
    """Every arm of a world on its test items: score, paired differences, calls and tokens written an item."""
    task = worlds.task(name.rpartition(" ")[2], n, seed)
    small, large = (asked_as(name, Model(f"tiny/{one}"), task) for one in ("small", "large"))
    found = {"small, greedy": small, "large, greedy": large}
    if name == "arithmetic":
        found["small, greedy, writing the steps"] = Prompt(small, system=STEPS)
    found |= searched.arms(small, name) if name in SEARCHED else searched.votes(small)
    columns = asyncio.run(measured(name, task, found, (seed, store)))
    test = task.split("test")
    groups = [example.group for example in test]
    greedy, vote = columns["small, greedy"].scores(), columns[AGAINST].scores()
    made = Table(
        f"{name}: {len(test)} test items, percent right",
        ("arm", "right", "minus greedy", f"minus {AGAINST}", "better : worse", "calls", "tokens"),
    )
    for arm, column in columns.items():
        scores, spends = column.scores(), column.spends()
        against = [paired_difference(scores, other, groups=groups) for other in (greedy, vote)]
        made.add(
            arm,
            shown(scores),
            "-" if arm == "small, greedy" else difference(against[0]),
            "-" if arm == AGAINST else difference(against[1]),
            "-" if arm == AGAINST else f"{against[1].helps} : {against[1].harms}",
            f"{np.mean([spend.calls for spend in spends]):.2f}",
            f"{np.mean([spend.tokens_out for spend in spends]):.0f}",
        )
    return made


async def measured(
    name: str, task: Task, arms: Mapping[str, Answerer], kept_as: tuple[int, Path]
) -> Mapping[str, Column]:
    """Every arm on a world's test items over one bank of calls; `kept_as` is the seed and the bank's file."""
    seed, store = kept_as
    store.parent.mkdir(parents=True, exist_ok=True)
    test = task.split("test")
    with Store(store) as kept:
        run = f"answer_time/{name}"
        kept.start_run(run, {"n": len(task.examples), "seed": seed})
        bank, bind = Bank(kept, run), Binder()
        async with Acts(bind) as acts, Driver(bind, bank, tools=acts) as driver:
            bench = Bench(task, driver, bank)
            for model in {model: None for arm in arms.values() for model in models_of(arm)}:
                await bench.measure({model.name: model}, test[:1], "load")  # two at once is not safe
            columns: dict[str, Column] = {}
            for arm, answerer in arms.items():
                columns |= await bench.measure({arm: answerer}, test, "test")
    return columns


def asked_as(name: str, model: Model, task: Task) -> Answerer:
    """The model read as the task says, and asked in the world's other manner where `name` is one."""
    answerer = read(model, task.reading)
    return Prompt(answerer, system=LINES[name]) if name in LINES else answerer
