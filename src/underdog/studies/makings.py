"""Models that a study makes before it races: from its fit split, by the makers that it names.

Until it is made, such a model is a name that stands for its parent in the forecast. Made once, it is found
again as long as the parent, the recipe, the seed and what there is to learn from are the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from underdog.answerer import Answerer, Model, digest
from underdog.errors import StudyError
from underdog.levers.learner import changed
from underdog.makers import Ground, Made, Maker, Watcher, load_made, maker_from
from underdog.makers.made import FILE
from underdog.task import Task

_NOT_YET = "not made yet: "
_ASKED = "asked"


@dataclass(frozen=True)
class Making:
    """One model to be made: by which maker, from which model of the study; `recipe` as the study has it."""

    maker: Maker
    parent: str
    recipe: Mapping[str, Any] = field(default_factory=dict)


def makings_from(value: Any, models: Mapping[str, Model], where: str) -> dict[str, Making]:
    """What `makers:` in a study file names.

    Raises:
        StudyError: not a mapping, a name that is taken, an unknown maker, model or setting.
    """
    if not isinstance(value, Mapping):
        raise StudyError(f"{where}: `makers` must be a mapping of new models to makers; got {value!r}")
    found: dict[str, Making] = {}
    for name, raw in value.items():
        place = f"{where}: makers.{name}"
        if name in models:
            raise StudyError(f"{place}: the name is taken by a model of the study; choose another")
        if not isinstance(raw, Mapping):
            raise StudyError(f"{place}: must be a mapping with `maker`; got {raw!r}")
        recipe = dict(raw)
        parent = recipe.pop("model", "small")
        if parent not in models:
            raise StudyError(f"{place}: `model` must be one of {', '.join(models)}; got {parent!r}")
        found[str(name)] = Making(maker_from(recipe, place), parent, recipe)
    return found


def unmade(makings: Mapping[str, Making], models: Mapping[str, Model]) -> dict[str, Model]:
    """The models to be made, as they are called until then."""
    return {name: replace(models[one.parent], adapter=_NOT_YET + name) for name, one in makings.items()}


def standing_in(
    bind: Callable[[Model], Any], makings: Mapping[str, Making], models: Mapping[str, Model]
) -> Callable[[Model], Any]:
    """`bind`, with the engine of its parent for a model that is not made yet: a forecast needs no more."""
    parents = {models[name]: models[one.parent] for name, one in makings.items()}
    return (lambda model: bind(parents.get(model, model))) if parents else bind


@dataclass(frozen=True)
class Workshop:
    """Where a study's models are made: the ground of its makers, and where files are written."""

    ground: Ground
    folder: Path

    async def made(self, name: str, making: Making, parent: Model) -> Made:
        """The model of that name: found, where the same was made before, or else made.

        Raises:
            UserError: too few data, or a model that cannot be trained.
            BudgetSpent: the budget ended first; what was asked and trained is kept.
        """
        folder, asked = self.folder / name, self._asked(making, parent)
        if (folder / FILE).is_file():
            before = await asyncio.to_thread(load_made, folder, self.ground.base)
            if before.evidence.get(_ASKED) == asked:
                return before
        self.ground.watch.note(f"making {name} from {making.parent}")
        ground = replace(self.ground, small=self.ground.reading(parent), folder=folder, paid={})
        made = await making.maker.make(ground)
        made = replace(made, evidence={**made.evidence, _ASKED: asked})
        made.save(folder, self.ground.base)
        return made

    def _asked(self, making: Making, parent: Model) -> str:
        """What decides which model comes out; the large one where its answers are learned."""
        teacher = self.ground.large if making.maker.asks() is not None else None
        learned = [[one.id, one.messages, one.target] for one in self.ground.task.split("fit")]
        return digest([parent, making.recipe, self.ground.seed, learned, repr(teacher)])


def with_models(levers: Mapping[str, Answerer], made: Mapping[Model, Model]) -> dict[str, Answerer]:
    """The levers with made models in the place of those that were not made yet."""

    def swapped(part: Answerer) -> Answerer:
        return made.get(part, part) if isinstance(part, Model) else part

    return {name: changed(lever, swapped) for name, lever in levers.items()}


def insist_on_fit(task: Task, makings: Mapping[str, Making], where: str) -> None:
    """Raises StudyError where there is nothing to learn from."""
    if makings and task.whole_test:
        raise StudyError(
            f"{where}: `makers` learn from fit and `splits: test` leaves none; let the task be split"
        )


class Noting(Watcher):
    """What makers tell, as notes of a study's progress."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note

    def training(self, what: str, steps: int) -> None:
        self._note(f"training {what}: up to {steps} steps")

    def note(self, text: str) -> None:
        self._note(text)
