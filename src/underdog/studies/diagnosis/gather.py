"""Evidence from a study's models: carries the stages of a diagnosis out, within its share of the budget.

What cannot be had (a recording has no second sample, an engine no log-probabilities, the share is used up)
is named in `Evidence.missing` with the reason; only a greedy answer of every model is insisted on. Trials are
not kept: they are read off calls, and calls are in the bank.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from underdog.budget import Budget
from underdog.drive import Driver
from underdog.errors import BudgetSpent
from underdog.example import Example
from underdog.studies.choosing import LENIENT
from underdog.studies.diagnosis.conclude import diagnose
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.findings import Diagnosis
from underdog.studies.diagnosis.stages import Effort, Stage, chosen, retriever, stages
from underdog.studies.forecast import Forecast, Work, forecast
from underdog.studies.measure import Bench, Column, Progress
from underdog.studies.spec import Spec
from underdog.trial import Spend, Trial

# So many examples tell whether a way of asking works at all.
_SCOUTS = 4
# A probe of fewer examples would not tell anything.
_FEWEST = 20


async def diagnosed(
    spec: Spec, bench: Bench, examples: Sequence[Example], effort: Effort | None = None
) -> Diagnosis:
    """What the task is bound by and which levers to try, from these examples (of tune, say).

    Takes its calls from the study's own driver, so both find each other's in the bank, and at most its share
    of the study's budget.

    Raises:
        BudgetSpent: the whole budget ended before every model had answered.
    """
    return diagnose(await gathered(spec, bench, examples, effort), spec.margin)


async def gathered(
    spec: Spec, bench: Bench, examples: Sequence[Example], effort: Effort | None = None
) -> Evidence:
    """Ask cheap first, and stop where the share of the budget ends.

    Raises:
        BudgetSpent: the whole budget ended before every model had answered.
    """
    effort = effort or Effort()
    work = chosen(examples, effort.examples)
    first, *others = (planned := stages(spec, work, effort))[0]
    missing = dict(planned[1])
    allowance = Allowance(spec.budget, effort.share, bench.driver)
    first = shortened(first, max(allowance.room(first), _FEWEST))
    columns = await measured(first, bench)
    greedy = {name: columns[name] for name in spec.models}
    missing |= {f"answers of {name}": why for name, one in greedy.items() if (why := silent(one))}
    draws: dict[str, Column] = {}
    probes: dict[str, dict[str, Column]] = {}
    work, asked = first.examples, {example.id for example in first.examples}
    for stage in others:
        assert stage.model is not None
        within = tuple(example for example in stage.examples if example.id in asked)
        got = await obtained(replace(stage, examples=within), bench, allowance)
        if isinstance(got, str):
            missing[stage.title] = got
        elif stage.probe == "confidence":
            greedy[stage.model] = with_confidence(greedy[stage.model], got[stage.model])
        elif stage.probe == "draws":
            draws |= got
        else:
            probes.setdefault(stage.probe, {}).update(got)
    return Evidence(
        task=spec.task,
        examples=work,
        small="small",
        large="large",
        greedy=greedy,
        lenient=leniently(columns),
        draws={name: column for name, column in draws.items() if name in spec.models},
        lenient_draws=leniently(draws),
        probes=probes,
        missing=missing,
        retriever=retriever(spec),
        parameters={name: size for name, column in greedy.items() if (size := weights(column)) is not None},
    )


def leniently(columns: Mapping[str, Column]) -> dict[str, Column]:
    """The leniently read ones of these columns, under their models' names."""
    of = {arm.removesuffix(LENIENT): column for arm, column in columns.items() if arm.endswith(LENIENT)}
    return {model: replace(column, arm=model) for model, column in of.items()}


class Allowance:
    """What a diagnosis may take: a share of each limit of the study's budget."""

    def __init__(self, budget: Budget, share: float, driver: Driver) -> None:
        self._budget, self._share, self._driver = budget, share, driver
        self._before, self._began = driver.tally.spend, time.monotonic()

    def room(self, stage: Stage) -> int:
        """How many of the stage's examples fit into what is left, at the upper bounds of their calls."""
        limit, spent = self._budget, self._driver.tally.spend
        need = bounded(stage, self._driver)
        parts = [1.0]
        if limit.tokens is not None:
            left = self._share * limit.tokens - (spent.tokens - self._before.tokens)
            parts.append(left / need.tokens if need.tokens else 1.0)
        if limit.dollars is not None and need.dollars != 0:
            parts.append(self._dollars_left() / need.dollars if need.dollars is not None else 0.0)
        if limit.minutes is not None and time.monotonic() - self._began > 60 * self._share * limit.minutes:
            parts.append(0.0)
        return int(len(stage.examples) * max(0.0, min(parts)))

    def __str__(self) -> str:
        return f"the {100 * self._share:g} % of the budget that a diagnosis may take"

    def _dollars_left(self) -> float:
        spent, before = self._driver.tally.spend.dollars, self._before.dollars
        if self._budget.dollars is None or spent is None or before is None:
            return 0.0
        return self._share * self._budget.dollars - (spent - before)


def bounded(stage: Stage, driver: Driver) -> Forecast:
    """What a stage's calls can cost at most; those in the bank cost nothing."""
    work = Work(stage.arms, stage.examples)
    return forecast(stage.task, [work], driver, lambda _: None, stage.repeats)


async def obtained(stage: Stage, bench: Bench, allowance: Allowance) -> Mapping[str, Column] | str:
    """A stage's columns, or why there are none. A few examples go ahead of the others."""
    room = allowance.room(stage)
    if room < min(_FEWEST, len(stage.examples)):
        return f"its calls might take more than is left of {allowance}"
    stage = shortened(stage, room)
    try:
        ahead = await measured(shortened(stage, _SCOUTS), bench, Progress())
        repeats, fault = answered(next(iter(ahead.values())), stage)
        if fault:
            return fault
        rest = replace(stage, examples=stage.examples[_SCOUTS:], repeats=repeats)
        behind = await measured(rest, bench)
    except BudgetSpent as spent:
        return str(spent)
    return {name: joined(column, behind[name], repeats) for name, column in ahead.items()}


def joined(ahead: Column, behind: Column, repeats: int) -> Column:
    """Two columns of one arm as one, with so many repeats an example."""
    kept = [trial for trial in ahead.trials if trial.repeat < repeats]
    return Column(ahead.arm, ahead.examples + behind.examples, kept + behind.trials)


def silent(column: Column) -> str:
    """Why a model brought no answer at all; empty when it brought any."""
    failed = all(trial.score is None for trial in column.trials)
    return reason(column.trials[0]) if failed else ""


def reason(trial: Trial) -> str:
    """Why a trial failed, without the kind of failure."""
    return trial.note.partition(": ")[2]


def answered(ahead: Column, stage: Stage) -> tuple[int, str]:
    """How many of a stage's repeats bring answers, and the reason where they are too few to go on."""
    failed = [trial for trial in ahead.trials if trial.score is None]
    brought = {trial.repeat for trial in ahead.trials if trial.score is not None}
    repeats = next((repeat for repeat in range(stage.repeats) if repeat not in brought), stage.repeats)
    if repeats < min(2, stage.repeats):
        return repeats, reason(failed[0])
    if stage.probe == "confidence" and all(trial.confidence is None for trial in ahead.trials):
        return repeats, "it gives no log-probabilities"
    return repeats, ""


async def measured(stage: Stage, bench: Bench, progress: Progress | None = None) -> Mapping[str, Column]:
    """A stage's columns, by arm."""
    own = Bench(
        stage.task,
        bench.driver,
        _Unkept(),
        repeats=stage.repeats,
        window=bench.window,
        progress=progress or bench.progress,
    )
    return await own.measure(stage.arms, stage.examples, f"diagnosis: {stage.title}")


class _Unkept:
    """A keeper that keeps no trials."""

    async def add_trials(self, trials: Sequence[Trial]) -> None:
        """Let them go."""


def shortened(stage: Stage, n: int) -> Stage:
    return replace(stage, examples=stage.examples[:n])


def with_confidence(column: Column, sure: Column) -> Column:
    """The column with the confidences of another, where that gave the same final answer."""
    known = {trial.example: trial for trial in sure.trials}

    def noted(trial: Trial) -> Trial:
        other = known.get(trial.example)
        same = other is not None and other.final == trial.final
        return replace(trial, confidence=other.confidence) if other is not None and same else trial

    return Column(column.arm, column.examples, [noted(trial) for trial in column.trials])


def weights(column: Column) -> float | None:
    """How many weights answered, from the FLOPs that a token took; None where they are not known."""
    spend = sum(column.spends(), Spend())
    tokens = spend.tokens - spend.tokens_cached
    return spend.flops / (2 * tokens) if spend.flops and tokens > 0 else None
