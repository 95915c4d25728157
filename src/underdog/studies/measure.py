"""Put examples to answerers through the driver and keep what came back as trials.

Knows nothing of levers, splits or verdicts: arms in, columns of trials out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np

from underdog.answerer import Answer, Answerer, Failure
from underdog.budget import Purse
from underdog.drive import Driver
from underdog.errors import BudgetSpent
from underdog.example import Example
from underdog.scorers import outcome_of
from underdog.studies.upfront import Upfront
from underdog.task import Task
from underdog.terms import Tally
from underdog.trial import Outcome, Spend, Trial

Floats = np.ndarray[Any, np.dtype[np.float64]]

Arm: TypeAlias = Answerer | Callable[[Example], Answerer]
"""What is measured under one name: an answerer, or one for each example (a lever fitted fold by fold)."""


class Keeper(Protocol):
    """Where trials are kept."""

    async def add_trials(self, trials: Sequence[Trial]) -> None: ...


class Progress:
    """What a study tells while it runs; this one says nothing. `report/live.py` has the one that shows."""

    def begin(self, tally: Tally, purse: Purse) -> None:
        """The run begins: where its calls and its money are counted."""

    def stage(self, name: str, arms: Sequence[str], total: int) -> None:
        """A stage begins: so many trials of these arms."""

    def trial(self, trial: Trial) -> None:
        """A trial is done."""

    def note(self, text: str) -> None:
        """Something worth a line."""


@dataclass
class Column:
    """One arm's trials over examples, in the examples' order, repeats beside each other."""

    arm: str
    examples: tuple[str, ...]
    trials: list[Trial] = field(default_factory=list)

    def scores(self) -> Floats:
        """Mean score per example over its repeats, shape (examples,); NaN where every repeat failed."""
        return self._per_example([np.nan if t.score is None else t.score for t in self.trials])

    def confidences(self) -> Floats:
        """Mean confidence per example, NaN where there is none."""
        return self._per_example([np.nan if t.confidence is None else t.confidence for t in self.trials])

    def spends(self) -> list[Spend]:
        return [trial.spend for trial in self.trials]

    def finals(self) -> list[str | None]:
        return [trial.final for trial in self.trials]

    def outcomes(self) -> dict[str, int]:
        """How many trials ended in which Outcome; all six are named."""
        counts = {str(outcome): 0 for outcome in Outcome}
        for trial in self.trials:
            counts[str(trial.outcome)] += 1
        return counts

    def total(self) -> Spend:
        return sum(self.spends(), Spend())

    def _per_example(self, values: Sequence[float]) -> Floats:
        table = np.asarray(values, dtype=np.float64).reshape(len(self.examples), -1)
        known = ~np.isnan(table)
        sums = np.where(known, table, 0.0).sum(axis=1)
        counts = known.sum(axis=1)
        means: Floats = np.divide(sums, counts, out=np.full(len(table), np.nan), where=counts > 0)
        return means


class Bench:
    """Measures arms on one task; at most `window` trials are under way at once.

    What a trial cost holds its part of the making of the models that were made for it (`upfront`).
    """

    def __init__(
        self,
        task: Task,
        driver: Driver,
        keeper: Keeper,
        *,
        repeats: int = 1,
        window: int = 512,
        progress: Progress | None = None,
        upfront: Upfront | None = None,
    ) -> None:
        self.task, self.driver, self.keeper = task, driver, keeper
        self.upfront = upfront or Upfront()
        self.repeats, self.window = repeats, window
        self.progress = progress or Progress()

    async def measure(
        self, arms: Mapping[str, Arm], examples: Sequence[Example], stage: str
    ) -> dict[str, Column]:
        """Every arm on every example, `repeats` times. Trials are kept as they come.

        Raises:
            BudgetSpent: the budget ended before all was measured; what was measured is kept.
        """
        self.progress.stage(stage, list(arms), len(arms) * len(examples) * self.repeats)
        ids = tuple(example.id for example in examples)
        columns = {name: Column(name, ids) for name in arms}
        jobs = [
            (name, arm(example) if callable(arm) else arm, example, repeat)
            for name, arm in arms.items()
            for example in examples
            for repeat in range(self.repeats)
        ]
        results: list[Trial | None] = [None] * len(jobs)
        await self._all(jobs, results)
        for job, trial in zip(jobs, results, strict=True):
            assert trial is not None
            columns[job[0]].trials.append(trial)
        return columns

    async def _all(self, jobs: Sequence[tuple[Any, ...]], results: list[Trial | None]) -> None:
        """Workers take jobs in order; the first error (a budget that is spent, say) stops them all."""
        queue = iter(enumerate(jobs))

        async def work() -> None:
            done: list[Trial] = []
            try:
                for index, (name, answerer, example, repeat) in queue:
                    trial = results[index] = await self._trial(name, answerer, example, repeat)
                    done.append(trial)
                    self.progress.trial(trial)
                    if len(done) >= 64:
                        await self.keeper.add_trials(done)
                        done = []
            finally:
                await self.keeper.add_trials(done)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self.window, len(jobs))):
                    group.create_task(work())
        except BaseExceptionGroup as several:
            raise _first(several.exceptions) from None

    async def _trial(self, name: str, answerer: Answerer, example: Example, repeat: int) -> Trial:
        request = example.request(self.task.sampling)
        if repeat:
            request = request.drawn(repeat)
        trail = await self.driver.answer(answerer, request)
        if isinstance(trail.result, Failure) and trail.result.kind == "budget":
            raise BudgetSpent(trail.result.message)
        score, note = await self._score(trail.result, example)
        answer = trail.result if isinstance(trail.result, Answer) else None
        return Trial(
            answerer=name,
            example=example.id,
            repeat=repeat,
            outcome=outcome_of(trail.result, score),
            score=score,
            final=answer.final if answer else None,
            confidence=answer.confidence if answer else None,
            spend=trail.spend + self.upfront.of(answerer),
            calls=trail.calls,
            note=note,
        )

    async def _score(self, result: Answer | Failure, example: Example) -> tuple[float | None, str]:
        """The score in [0, 1]: None for a failure, 0 for what could not be read."""
        if isinstance(result, Failure):
            return None, f"{result.kind}: {result.message}"
        if result.final is None:
            return 0.0, ""
        scorer: Any = self.task.scorer
        if not hasattr(scorer, "steps"):
            return float(scorer.score(result.final, example)), ""
        judged = await self.driver.perform(scorer.steps(result, example))
        if isinstance(judged.result, Failure):
            if judged.result.kind == "budget":
                raise BudgetSpent(judged.result.message)
            return None, f"the judge failed: {judged.result.message}"
        return float(judged.result), ""


def _first(errors: Iterable[BaseException]) -> BaseException:
    for error in errors:
        return _first(error.exceptions) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("an exception group is never empty")
