"""Solve on constrained choice, and Repair with an exact verifier on countdown, beside the embedded models.

Synthetic micro-worlds: they show the mechanism, and are no evidence about real tasks. The embedded models
write no formulations, so a program of the world does, and no model is asked at all.
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
from underdog.levers import BestOf, Check, Compute, Repair, Solve
from underdog.levers.program import Program
from underdog.statistics import paired_difference
from underdog.store import Bank, Store
from underdog.studies.measure import Bench, Column
from underdog.studies.spec import read
from underdog.task import Task
from underdog.tiny import worlds

WORLDS = ("choice", "countdown")


def arms(name: str, small: Answerer) -> dict[str, Answerer]:
    """What is measured on a world beside the models alone."""
    place = f"underdog.tiny.worlds.{name}"
    if name == "choice":
        exact = Solve(Compute(Program.read(f"{place}:formulation")), "milp", show="chosen")
        return {"solve, formulated by a program": exact}
    verifier = Check(Program.read(f"{place}:check"))
    repairs = {f"repair, at most {most}": Repair(small, verifier, most) for most in (1, 3)}
    return {**repairs, "best of 3, same verifier": BestOf(small, 3, verifier)}


def table(name: str, n: int, seed: int, store: Path) -> Table:
    """Every arm of a world on its test items: score, paired difference from small, calls an item."""
    task = worlds.task(name, n, seed)
    columns = asyncio.run(measured(name, task, seed, store))
    test = task.split("test")
    groups = [example.group for example in test]
    made = Table(
        f"{name}: {len(test)} test items, percent right",
        ("arm", "right", "minus small", "p", "better : worse", "calls"),
    )
    for arm, column in columns.items():
        against = paired_difference(column.scores(), columns["small"].scores(), groups=groups)
        made.add(
            arm,
            shown(column.scores()),
            "-" if arm == "small" else difference(against),
            "-" if arm == "small" or against.p is None else f"{against.p:.2g}",
            "-" if arm == "small" else f"{against.helps} : {against.harms}",
            f"{np.mean([spend.calls for spend in column.spends()]):.2f}",
        )
    return made


async def measured(name: str, task: Task, seed: int, store: Path) -> Mapping[str, Column]:
    """Greedy small and large, then the arms, over one bank of calls."""
    store.parent.mkdir(parents=True, exist_ok=True)
    columns: dict[str, Column] = {}
    with Store(store) as kept:
        run = f"logic/{name}"
        kept.start_run(run, {"n": len(task.examples), "seed": seed})
        bank, bind = Bank(kept, run), Binder()
        async with Acts(bind) as acts, Driver(bind, bank, tools=acts) as driver:
            bench = Bench(task, driver, bank)
            models = {one: read(Model(f"tiny/{one}"), task.reading) for one in ("small", "large")}
            for arm, answerer in {**models, **arms(name, models["small"])}.items():
                columns |= await bench.measure({arm: answerer}, task.split("test"), "test")
    return columns
