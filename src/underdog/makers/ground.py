"""Ground: what a maker stands on: the task, the models, where calls are kept and where it may write.

Grading is here too: answers through the driver and the bank, so that no call is paid for twice.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from underdog.answerer import Answer, Answerer, Failure, Model, Request
from underdog.budget import Budget, Purse
from underdog.drive import Bind, Driver
from underdog.errors import BudgetSpent, StudyError
from underdog.example import Example
from underdog.levers.read import Read
from underdog.makers.watching import Watcher
from underdog.task import Task
from underdog.terms import Sink
from underdog.trial import Spend

FEWEST_LEARNED, FEWEST_HELD_OUT = 24, 8
_WINDOW = 512


@dataclass(frozen=True, slots=True)
class Graded:
    """One answer and what it was worth: `score` is None where the model or the scorer failed."""

    text: str | None
    final: str | None
    score: float | None

    @property
    def right(self) -> bool:
        return self.score is not None and self.score >= 1 - 1e-9


@dataclass(frozen=True)
class Ground:
    """What a maker works with.

    Attributes:
        small: the model to train, read as the task says.
        large: whom to ask for answers to learn from, where there is one.
        bind, sink, purse, tools: for the driver through which answers come.
        folder: where files are written. base: where relative paths in models start.
        paid: what each call cost, by its key; filled in as answers come, so that none counts twice.
    """

    task: Task
    small: Read
    bind: Bind
    sink: Sink
    folder: Path
    large: Answerer | None = None
    base: Path = field(default_factory=Path)
    seed: int = 0
    purse: Purse = field(default_factory=lambda: Purse(Budget()))
    tools: Mapping[str, Any] = field(default_factory=dict)
    watch: Watcher = field(default_factory=Watcher)
    paid: dict[str, Spend] = field(default_factory=dict)

    @property
    def model(self) -> Model:
        """The model to train.

        Raises:
            StudyError: `small` reads something other than a model.
        """
        if not isinstance(self.small.inner, Model):
            raise StudyError(f"a maker trains a model; got a {type(self.small.inner).__name__}")
        return self.small.inner

    def reading(self, model: Model) -> Read:
        """Another model, read as the small one is."""
        return replace(self.small, inner=model)

    async def graded(
        self,
        answerer: Answerer,
        examples: Sequence[Example],
        draws: int = 1,
        temperature: float | None = None,
    ) -> list[list[Graded]]:
        """So many answers to each example, in their order; the engines are closed afterwards.

        Raises:
            BudgetSpent: the budget ended first; what was asked is kept.
        """
        gate = asyncio.Semaphore(_WINDOW)
        async with Driver(self.bind, self.sink, purse=self.purse, tools=self.tools) as driver:

            async def one(example: Example, draw: int) -> Graded:
                request = self.task.request(example)
                if temperature is not None:
                    request = request.sampled(temperature=temperature).drawn(draw)
                async with gate:
                    return await self._graded(driver, answerer, example, request)

            jobs = [asyncio.ensure_future(one(e, draw)) for e in examples for draw in range(draws)]
            try:
                found = await asyncio.gather(*jobs)
            finally:
                for job in jobs:
                    job.cancel()
        return [found[at : at + draws] for at in range(0, len(found), draws)]

    async def _graded(self, driver: Driver, answerer: Answerer, example: Example, request: Request) -> Graded:
        trail = await driver.answer(answerer, request)
        self.paid.update(trail.paid)
        result = trail.result
        if isinstance(result, Failure):
            _insist_on_budget(result)
            return Graded(None, None, None)
        return Graded(result.text, result.final, await self.score(driver, result, example))

    async def score(self, driver: Driver, answer: Answer, example: Example) -> float | None:
        """In [0, 1]: 0 for what could not be read, None where the judge failed."""
        if answer.final is None:
            return 0.0
        scorer: Any = self.task.scorer
        if not hasattr(scorer, "steps"):
            return float(scorer.score(answer.final, example))
        judged = await driver.perform(scorer.steps(answer, example))
        self.paid.update(judged.paid)
        if isinstance(judged.result, Failure):
            _insist_on_budget(judged.result)
            return None
        return float(judged.result)

    @property
    def spend(self) -> Spend:
        """What all answers together have cost."""
        return sum(self.paid.values(), Spend())

    def parts(self, maker: str, share: float) -> tuple[list[Example], list[Example]]:
        """The fit examples with a target: those to learn from, and those held out. Groups stay together.

        Raises:
            StudyError: too few of either; says how many it takes.
        """
        known = [example for example in self.task.split("fit") if example.target is not None]
        by_hash = sorted({example.group for example in known}, key=self._place)
        wanted, held_groups, held = round(share * len(known)), set[str](), 0
        sizes = {group: 0 for group in by_hash}
        for example in known:
            sizes[example.group] += 1
        for group in by_hash:
            if held >= wanted:
                break
            held_groups.add(group)
            held += sizes[group]
        learned = [example for example in known if example.group not in held_groups]
        held_out = [example for example in known if example.group in held_groups]
        if len(learned) < FEWEST_LEARNED or len(held_out) < FEWEST_HELD_OUT:
            raise StudyError(
                f"{maker}: learns from the fit split and needs at least {FEWEST_LEARNED} examples with a "
                f"target to learn from and {FEWEST_HELD_OUT} to hold out; there are {len(learned)} and "
                f"{len(held_out)} (held_out {share:g}): give fit a larger share under task.splits, or add "
                "examples"
            )
        return learned, held_out

    def _place(self, group: str) -> bytes:
        return hashlib.sha256(f"underdog/makers/{self.seed}/{group}".encode(errors="surrogatepass")).digest()


def _insist_on_budget(failure: Failure) -> None:
    if failure.kind == "budget":
        raise BudgetSpent(failure.message)
