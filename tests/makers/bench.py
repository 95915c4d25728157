"""What the makers' tests share: the embedded small model, a driver for it, and a world as a task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from underdog import tiny
from underdog.answerer import Model, Sampling
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.engines.hf_checkpoint import Checkpoint
from underdog.store.sinks import MemoryBank
from underdog.task import Task
from underdog.tiny import worlds

SMALL = Model("tiny/small")
SOURCE = Checkpoint(str(tiny.path("small")))
Found = TypeVar("Found")


def driven(base: Path, work: Callable[[Driver, Binder], Awaitable[Found]]) -> Found:
    """What `work` gives, with a driver whose local files are found from `base`."""

    async def run() -> Found:
        bind = Binder(base=base)
        async with Driver(bind, MemoryBank()) as driver:
            return await work(driver, bind)

    return asyncio.run(run())


def stepped(n: int) -> Task:
    """Sums with written steps: what the small model does nearly perfectly."""
    whole = worlds.task("arithmetic", n, 3)
    asked = tuple(
        replace(
            one, messages=({"role": "system", "content": "Write the steps."}, *one.messages[1:]), placed=None
        )
        for one in whole.examples
        if one.placed != "fit"
    )
    return replace(
        whole, name="arithmetic with steps", examples=asked, whole_test=True, sampling=Sampling(max_tokens=96)
    )
