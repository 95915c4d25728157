"""Integer and pruned weights of the small embedded model: what the task shows, and what the probe shows.

Every artefact is scored on 500 held-out items of a task and 500 of an algorithmic probe that the model does
nearly perfectly: sums with their steps written out. Only the training after pruning draws anything at random.
"""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from benchmarks.truth.table import Table

from underdog.answerer import Model, Sampling
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.makers.compress import Compress
from underdog.makers.prune import Prune
from underdog.makers.quantize import Quantize
from underdog.store.sinks import MemoryBank
from underdog.task import Task
from underdog.tiny import worlds

SMALL = Model("tiny/small")
ITEMS = 500
SEED = 1
METHODS = (
    Quantize(8),
    Quantize(4),
    Prune(0.3),
    Prune(0.5, by="magnitude"),
    Prune(0.5),
    Prune(0.5, pattern="2:4"),
    Prune(0.5, recover=100, rate=3e-4),
)


def held_out(name: str, seed: int, system: str | None = None) -> Task:
    """500 held-out items of a world as one test set, after 240 to learn from."""
    whole = worlds.task(name, 240 + ITEMS, seed)
    learned = worlds.world(name).examples("fit", 240, seed)
    tested = worlds.world(name).examples("test", ITEMS, seed)
    if system is not None:
        line = {"role": "system", "content": system}
        tested = [replace(one, messages=(line, *one.messages[1:])) for one in tested]
    examples = [
        *(replace(one, placed="fit") for one in learned),
        *(replace(one, placed="test") for one in tested),
    ]
    return replace(whole, examples=tuple(examples), sampling=Sampling(max_tokens=96))


def tables(seed: int = SEED) -> list[Table]:
    """One table: a row for each artefact."""
    torch.set_num_threads(1)
    found = Table(
        f"Compressing tiny/small: intents as the task, sums with steps as the probe, {ITEMS} items each",
        ("method", "kB", "intents", "change, points", "probe", "change, points", "said of the probe"),
    )
    with tempfile.TemporaryDirectory() as place:
        for row in asyncio.run(_rows(Path(place), seed)):
            found.add(*row)
    return [found]


async def _rows(place: Path, seed: int) -> list[tuple[Any, ...]]:
    bind = Binder(base=place)
    task = held_out("intents", seed)
    steps = held_out("arithmetic", seed, "Write the steps.")
    probe = replace(steps, name="sums with steps", examples=steps.split("test"), whole_test=True)
    made = []
    async with Driver(bind, MemoryBank()) as driver:
        for method in METHODS:
            how = replace(method, seed=seed) if isinstance(method, Prune) else method
            folder = place / f"{how.name} {seed}".replace(" ", "-").replace("%", "")
            record = await Compress(how, task, probe, split="test").make(SMALL, folder, driver, bind, place)
            shown = record.evidence
            made.append(
                (
                    how.name,
                    f"{shown['bytes']['before'] / 1000:.0f} → {shown['bytes']['after'] / 1000:.0f}",
                    _share(shown["task"]),
                    _change(shown["task"]),
                    _share(shown["probe"]),
                    _change(shown["probe"]),
                    shown["probe"]["ruling"],
                )
            )
            print(*made[-1], flush=True)
    return made


def _share(told: dict[str, Any]) -> str:
    return f"{100 * told['before']['estimate']:.1f} → {100 * told['after']['estimate']:.1f}"


def _change(told: dict[str, Any]) -> str:
    paired = told["paired"]
    low, high = 100 * paired["low"], 100 * paired["high"]
    return f"{100 * paired['difference']:+.1f} [{low:+.1f}, {high:+.1f}], p {paired['p']:.2g}"


if __name__ == "__main__":
    for table in tables():
        print(table.text())
