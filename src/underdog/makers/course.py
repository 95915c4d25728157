"""A course of training: one TRL trainer, its checkpoints, and the look at held-out examples at each of them.

Imports torch. The trainer runs in a thread; looks are taken on the event loop, through the same engine that
will serve. A course that was killed goes on from its last whole checkpoint to the same result: the order of
the examples is laid out beforehand, and the state of the random numbers is in the checkpoint.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import threading
import time
import warnings
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from huggingface_hub import constants
from transformers import PrinterCallback, TrainerCallback, set_seed

from underdog.makers.choosing import Look, spent_patience
from underdog.makers.made import Curve
from underdog.makers.settings import Settings, Try
from underdog.makers.watching import Watcher

_STATE = "trainer_state.json"
_PREFIX = "checkpoint-"
_UNTOLD = {"step", "epoch", "seconds"}


class Lesson(Protocol):
    """What is taught, and by which of TRL's trainers."""

    @property
    def flops_per_token(self) -> float:
        """Floating-point operations for each token of training and parameter of the model."""
        ...

    def trainer(self, one: Try, common: dict[str, Any]) -> Any:
        """A new trainer; `common` are the arguments that all of them share."""
        ...

    def tokens(self, step: int, logs: Sequence[dict[str, Any]]) -> int:
        """How many tokens so many steps have read, padding not counted."""
        ...


@dataclass
class Course:
    """One try at a lesson, from its first step or from where an earlier process was stopped.

    `look` scores a checkpoint of the trainer. `seconds` is the time of the steps alone, without looks.
    """

    lesson: Lesson
    settings: Settings
    one: Try
    folder: Path
    seed: int
    look: Callable[[int, Path], Coroutine[Any, Any, Look]]
    watch: Watcher = field(default_factory=Watcher)
    looks: list[Look] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)

    async def run(self, until: int) -> list[Look]:
        """Train on to a step, or to where patience ends; returns all looks so far.

        Cancelled, it writes a checkpoint first.
        """
        await self._catch_up()
        done = self.looks[-1].step if self.looks else 0
        last = until == self.settings.steps
        if done >= until or (last and self.looks and spent_patience(self.looks, self.settings.patience)):
            return self.looks
        self.watch.training(self.one.name, until)
        marks = _Marks(self, until, asyncio.get_running_loop())
        thread = asyncio.ensure_future(asyncio.to_thread(self._train, marks))
        try:
            await asyncio.shield(thread)
        except asyncio.CancelledError:
            marks.stop.set()
            await thread
            raise
        return self.looks

    async def _catch_up(self) -> None:
        """Take the looks at checkpoints that an earlier process left; the bank has their calls."""
        known = {look.step for look in self.looks}
        for step in checkpoints(self.folder):
            if step in self.settings.marks and step not in known:
                self.looks.append(await self.look(step, self.checkpoint(step)))
        if (steps := checkpoints(self.folder)) and not self.logs:
            self.logs = json.loads((self.checkpoint(steps[-1]) / _STATE).read_text())["log_history"]

    def checkpoint(self, step: int) -> Path:
        return self.folder / f"{_PREFIX}{step}"

    def _train(self, marks: TrainerCallback) -> None:
        steps = checkpoints(self.folder)
        with _quietly():
            set_seed(self.seed)
            trainer = self.lesson.trainer(self.one, self._common())
            trainer.remove_callback(PrinterCallback)
            trainer.add_callback(marks)
            trainer.train(resume_from_checkpoint=str(self.checkpoint(steps[-1])) if steps else None)
        self.logs = list(trainer.state.log_history)

    def _common(self) -> dict[str, Any]:
        """What all trainers are told; one epoch over an order laid out beforehand, at a constant rate."""
        asked, cuda = self.settings, torch.cuda.is_available()
        micro = asked.micro_batch or asked.batch
        return {
            "output_dir": str(self.folder),
            "max_steps": asked.steps,
            "per_device_train_batch_size": micro,
            "gradient_accumulation_steps": asked.batch // micro,
            "learning_rate": self.one.rate,
            "lr_scheduler_type": "constant",
            "save_strategy": "no",
            "logging_steps": max(1, asked.steps // 100),
            "report_to": "none",
            "disable_tqdm": True,
            "use_cpu": not cuda,
            "bf16": asked.bf16,
            "activation_checkpointing": asked.activation_checkpointing,
            "dataloader_pin_memory": cuda,
            "seed": self.seed,
        }

    def curves(self) -> dict[str, Curve]:
        """What was logged on the way, by name, and what the looks showed."""
        rows = [row for row in self.logs if "loss" in row]
        names = sorted({key for row in rows for key in row} - _UNTOLD)
        found = {
            name: tuple((row["step"], float(row[name])) for row in rows if name in row) for name in names
        }
        found["held_out_score"] = tuple((look.step, look.score) for look in self.looks)
        found["held_out_readable"] = tuple((look.step, look.readable) for look in self.looks)
        return {name: curve for name, curve in found.items() if curve}

    @property
    def seconds(self) -> float:
        """Seconds of training, of all processes together; not of looks."""
        return float(max((row.get("seconds", 0.0) for row in self.logs), default=0.0))

    @property
    def tokens(self) -> int:
        """Tokens that training has read."""
        step = max((row["step"] for row in self.logs), default=0)
        return self.lesson.tokens(step, self.logs)


class _Marks(TrainerCallback):  # type: ignore[misc]  # transformers has no types
    """Says when to write a checkpoint and when to stop, and has each one looked at."""

    def __init__(self, course: Course, until: int, loop: asyncio.AbstractEventLoop) -> None:
        self.course, self.until, self.loop = course, until, loop
        self.stop = threading.Event()
        self._seconds, self._began = course.seconds, 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._seconds += time.perf_counter() - self._began
        at_mark = state.global_step in self.course.settings.marks
        if self.stop.is_set() or state.global_step >= self.until:
            control.should_training_stop = True
        control.should_save = at_mark or control.should_training_stop
        control.should_log = control.should_log or control.should_save

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        row = state.log_history[-1]
        row["seconds"] = self._seconds
        self.course.watch.trained(state.global_step, row)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        course, step = self.course, state.global_step
        if step not in course.settings.marks:
            return
        with _same_dice():
            looking = asyncio.run_coroutine_threadsafe(course.look(step, course.checkpoint(step)), self.loop)
            course.looks.append(looking.result())
        last = self.until == course.settings.steps
        if last and spent_patience(course.looks, course.settings.patience):
            control.should_training_stop = True


def checkpoints(folder: Path) -> list[int]:
    """The steps of the whole checkpoints in a folder, rising. The trainer writes its state last."""
    found = []
    for path in folder.glob(f"{_PREFIX}*/{_STATE}"):
        try:
            found.append(int(json.loads(path.read_text(encoding="utf-8"))["global_step"]))
        except (json.JSONDecodeError, KeyError):
            continue
    return sorted(found)


@contextmanager
def _same_dice() -> Iterator[None]:
    """Leave the state of all random numbers as it was: a look loads a model, which draws."""
    kept = torch.get_rng_state(), np.random.get_state(), random.getstate()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    try:
        yield
    finally:
        torch.set_rng_state(kept[0])
        np.random.set_state(kept[1])
        random.setstate(kept[2])
        if cuda:
            torch.cuda.set_rng_state_all(cuda)


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the trainers' advice to developers, and without TRL telling its makers that it was used."""
    loggers = [logging.getLogger(name) for name in ("transformers", "trl", "accelerate", "peft")]
    levels = [logger.level for logger in loggers]
    told, constants.HF_HUB_DISABLE_TELEMETRY = constants.HF_HUB_DISABLE_TELEMETRY, True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.filterwarnings("ignore", message="You are using 'rollout_func'", category=UserWarning)
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            constants.HF_HUB_DISABLE_TELEMETRY = told
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
