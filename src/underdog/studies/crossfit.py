"""What levers learn from and what they race on: apart where examples are many, in folds where they are few.

With 400 examples or more, levers learn from fit and race on tune. Below that a fifth of the examples is too
few for either, so fit and tune become one pool of folds: on each fold the lever answers that learned from the
other folds, and the lever that is served learns from all of them (cross-fitting: Stone 1974, J R Stat Soc B
36:111). Certify and test stay apart from all of it, whatever the number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from underdog.answerer import Answerer, digest
from underdog.example import Example
from underdog.task import Task

FEW = 400
"""Below so many examples fit and tune are one pool."""
FOLDS = 5


@dataclass(frozen=True)
class Entered:
    """A lever as it races: one answerer, or one for each fold, fitted on the other folds."""

    by_fold: tuple[Answerer, ...]
    folds: Mapping[str, int] = field(default_factory=dict)

    def __call__(self, example: Example) -> Answerer:
        return self.by_fold[self.folds.get(example.group, 0) if len(self.by_fold) > 1 else 0]

    def changed(self, change: Callable[[Answerer], Answerer]) -> Entered:
        """The same with every fold's answerer changed."""
        return Entered(tuple(map(change, self.by_fold)), self.folds)


@dataclass(frozen=True)
class Lessons:
    """The examples that levers learn from and those they race on; `folds` by group where both are one."""

    learn: tuple[Example, ...]
    race: tuple[Example, ...]
    folds: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The number of folds; 0 where learning and racing have their own examples."""
        return len(set(self.folds.values()))

    @property
    def seen(self) -> list[Example]:
        """Every example that something was learned from or chosen on."""
        return [*self.learn, *(() if self.folds else self.race)]

    def others(self) -> list[list[Example]]:
        """For each fold the examples of the others: what answers there learns from them."""
        return [
            [example for example in self.learn if self.folds[example.group] != fold]
            for fold in range(self.count)
        ]


def lessons(task: Task, taught: bool = False) -> Lessons:
    """How this task's fit and tune are used; always apart where a model was `taught` on fit beforehand."""
    fit, tune = task.split("fit"), task.split("tune")
    pool = (*fit, *tune)
    groups = sorted({example.group for example in pool}, key=_place)
    if taught or len(task.examples) >= FEW or not fit or len(groups) < FOLDS:
        return Lessons(fit, tune)
    return Lessons(pool, pool, {group: place % FOLDS for place, group in enumerate(groups)})


def in_order(examples: Sequence[Example], seed: int) -> list[tuple[Example, ...]]:
    """The examples by group, the groups in an order that follows from their names and the seed alone."""
    groups: dict[str, list[Example]] = {}
    for example in examples:
        groups.setdefault(example.group, []).append(example)
    return [tuple(groups[group]) for group in sorted(groups, key=lambda group: digest([seed, group]))]


def _place(group: str) -> str:
    return digest(["fold", group])
