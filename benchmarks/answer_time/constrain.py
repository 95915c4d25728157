"""Constrained answers of the embedded models, beside the same answers free, read strictly and leniently.

Synthetic micro-worlds: they show the mechanism, and are no evidence about real tasks. Nothing is chosen and
nothing corrected for the number of arms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from benchmarks.answer_time.replay import difference, shown
from benchmarks.answer_time.worlds import measured
from benchmarks.truth.table import Table

from underdog.answerer import Answerer, Model
from underdog.levers import Constrain
from underdog.statistics import paired_difference
from underdog.studies.fitting import fitted
from underdog.studies.spec import read
from underdog.task import Task
from underdog.tiny import worlds

WORLDS = ("intents", "tools")
MODELS = ("small", "large", "specialist-spell")
FREE, LENIENT, HELD = "free", "free, read leniently", "constrained"


def table(name: str, n: int, seed: int, store: Path) -> Table:
    """Each model free, read leniently and held to the world's labels or calls, on the test items."""
    task = worlds.task(name, n, seed)
    arms = {f"{model}, {way}": arm for model in MODELS for way, arm in ways(model, task).items()}
    columns = asyncio.run(measured(f"constrained {name}", task, arms, (seed, store)))
    groups = [example.group for example in task.split("test")]
    made = Table(
        f"{name}: {len(groups)} test items, percent right",
        ("arm", "right", "minus free", "minus lenient", "unread", "cut off"),
    )
    for arm, column in columns.items():
        model = arm.partition(",")[0]
        others = [columns[f"{model}, {way}"] for way in (FREE, LENIENT)]
        ended = column.outcomes()
        made.add(
            arm,
            shown(column.scores()),
            *(
                "-"
                if other is column
                else difference(paired_difference(column.scores(), other.scores(), groups=groups))
                for other in others
            ),
            ended["unread"],
            ended["cut_off"],
        )
    return made


def ways(model: str, task: Task) -> Mapping[str, Answerer]:
    """One model: as it is, with its answers read leniently, and held to the form."""
    leaf = Model(f"tiny/{model}")
    free = read(leaf, task.reading)
    held = Constrain(free, schema="tools") if task.name == "tiny/tools" else Constrain(free, choices="labels")
    return {
        FREE: free,
        LENIENT: read(leaf, task.reading, lenient=True),
        HELD: fitted(held, task, task.split("fit")),
    }
