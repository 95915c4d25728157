"""Compress a local model and see what that broke: on the task, and on an algorithmic probe.

A task's own score can hide damage (arXiv 2502.11569), so both are measured before and after, on the same
examples. The methods are in `quantize.py`, `prune.py` and `gguf.py`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import msgspec

from underdog.answerer import Model, digest
from underdog.drive import Driver
from underdog.engines import Engine
from underdog.engines.hf_checkpoint import Checkpoint
from underdog.makers.checkpoint import behind, weight_bytes
from underdog.makers.ground import Ground
from underdog.makers.made import Made
from underdog.makers.probe import probe
from underdog.makers.rescore import Rescore, rescore
from underdog.task import Task
from underdog.trial import Spend

_WEAK_PROBE = 0.5  # a model that does worse than this on the probe has little left to lose there


class Method(Protocol):
    """A frozen dataclass that writes a smaller or sparser checkpoint."""

    @property
    def learns(self) -> bool:
        """Whether it reads examples."""
        ...

    def write(self, source: Checkpoint, folder: Path, task: Task) -> None:
        """Write the new checkpoint; of the task, only fit may be read."""
        ...


@dataclass(frozen=True)
class Compress:
    """One artefact: how it is made and on what it is judged.

    Attributes:
        method: `quantize.Quantize` or `prune.Prune`.
        task: pruning reads its fit split; `split` is what both models are then scored on.
        probe: the algorithmic check; for a small model that was never taught `makers/probe.py`'s questions,
            a task of the same kind that it knows.
        margin: the loss that would still be called no worse.
    """

    method: Method
    task: Task
    probe: Task = field(default_factory=probe)
    split: str = "tune"
    margin: float = 0.02

    async def make(
        self, model: Model, folder: Path, driver: Driver, bind: Callable[[Model], Engine], base: Path
    ) -> Made:
        """Write the checkpoint to `folder/model`, score it, and leave `folder/made.json`.

        `base` is where relative file names start.

        Raises:
            ConfigError: the model has no weights at hand, or the folder is taken.
            StudyError: pruning found no example with a gold answer.
        """
        source, target = behind(bind, model), folder / "model"
        began = time.perf_counter()
        self.method.write(source, target, self.task)
        seconds = time.perf_counter() - began
        made = Model(f"hf/{os.path.relpath(target, base)}", dtype=model.dtype)
        judged = self.task.split(self.split)
        on_task = await rescore(driver, model, made, self.task, judged, margin=self.margin)
        on_probe = await rescore(driver, model, made, self.probe, self.probe.examples, margin=self.margin)
        before = weight_bytes(Path(source.source().name))
        record = Made(
            made,
            model,
            {"maker": type(self.method).__name__.lower(), **vars(self.method)},
            data=self._data(),
            seed=getattr(self.method, "seed", 0),
            spend=Spend(seconds=seconds),
            evidence={
                "task": reported(on_task),
                "probe": reported(on_probe),
                "bytes": {"before": before or None, "after": weight_bytes(target)},
            },
            versions={name: version(name) for name in ("torch", "transformers")},
            cautions=cautions(on_task, on_probe),
        )
        record.save(folder, base)
        return record

    def _data(self) -> dict[str, Any]:
        """What the method learned from."""
        if not self.method.learns:
            return {"n": 0}
        learned = self.task.split("fit")
        return {"n": len(learned), "digest": digest([[one.id, one.messages, one.target] for one in learned])}


async def compressed(method: Method, ground: Ground) -> Made:
    """A compressed model on a maker's ground, scored on tune; every call is in the ground's bank.

    Raises:
        ConfigError, StudyError: as `Compress.make`.
    """
    compress = Compress(method, ground.task)
    async with Driver(ground.bind, ground.sink, purse=ground.purse, tools=ground.tools) as driver:
        return await compress.make(ground.model, ground.folder, driver, ground.bind, ground.base)


def reported(found: Rescore) -> dict[str, Any]:
    """A comparison as JSON, its ruling and its sentence included."""
    plain: dict[str, Any] = msgspec.to_builtins(found)
    return {"ruling": found.ruling, "said": found.said(), **plain}


def cautions(on_task: Rescore, on_probe: Rescore) -> tuple[str, ...]:
    """What must be said wherever the artefact is shown."""
    told = []
    if on_task.ruling == "worse":
        told.append(f"it is worse: {on_task.said()}")
    if on_probe.ruling == "worse":
        shown = "too" if on_task.ruling == "worse" else "and the task does not show it"
        told.append(f"the algorithmic probe is damaged, {shown}: {on_probe.said()}")
    if (on_probe.before.estimate or 0.0) < _WEAK_PROBE:
        told.append(
            "the probe can tell little: the model had few of its items right before "
            f"({on_probe.said()}): choose a probe that it can do"
        )
    return tuple(told)
