"""The worlds, one a file: a file here that defines `WORLD` is a world; nothing else has to change."""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from types import ModuleType

from underdog.answerer import Sampling
from underdog.errors import StudyError
from underdog.example import Example
from underdog.reading import near
from underdog.task import Task, placed
from underdog.tiny.world import World

HELD_OUT = {"tune": 0.25, "certify": 0.40, "test": 0.35}
"""The parts of the held-out items; what levers learn from comes from the world's own `fit` split."""
FIT_SHARE = 0.2
CAUTION = (
    "a synthetic micro-world and models trained on it: this shows a mechanism and how it is measured, "
    "and is no evidence about real tasks or models"
)


@dataclass(frozen=True)
class WorldTask(Task):
    """A task whose demonstrations are written as the embedded models learned to write."""

    def written(self, example: Example) -> str | None:
        """The target as the world wrote it: canonical JSON would be one more dialect."""
        return str(example.target)


def names() -> list[str]:
    """The names of all worlds, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


@cache
def module(name: str) -> ModuleType:
    """The module of the world of that name.

    Raises:
        StudyError: there is no such world.
    """
    if name not in names():
        known = ", ".join(names())
        raise StudyError(f"a world must be one of {known}; got {name!r}{near(name, names())}")
    return import_module(f"{__name__}.{name}")


def world(name: str) -> World:
    """The world of that name."""
    found: World = module(name).WORLD
    return found


def task(name: str, n: int = 1200, seed: int = 0) -> Task:
    """The world as a task of `n` examples: a fifth to fit on, the rest tune, certify and test."""
    chosen = world(name)
    fitted = round(n * FIT_SHARE)
    learned = [replace(item, placed="fit") for item in chosen.examples("fit", fitted, seed)]
    held = [
        replace(item, placed=placed(item.group, HELD_OUT))
        for item in chosen.examples("test", n - fitted, seed)
    ]
    return WorldTask(
        name=f"tiny/{name}",
        examples=(*learned, *held),
        scorer=chosen.scorer,
        reading=chosen.reading,
        sampling=Sampling(max_tokens=64),
        caution=CAUTION,
    )
