"""A study from its first call to its verdict: prove, forecast, fit, rank on tune, certify, look once at test.

This file is the order of it and nothing else; each step is a file beside it.
"""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from underdog import __version__
from underdog.answerer import Answerer, Model, digest
from underdog.budget import Purse
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.errors import StudyError
from underdog.example import Example
from underdog.levers.cascade import Cascade
from underdog.plan import Plan, models_of, request_schema
from underdog.proof import Proof, prove
from underdog.store import DEFAULT_PATH, Bank, Store
from underdog.studies.certifying import certify_threshold, certify_whole
from underdog.studies.choosing import choose, lenient_twins
from underdog.studies.cost import shared_unit
from underdog.studies.export import write_trials
from underdog.studies.findings import Arm, Findings, measured, plain
from underdog.studies.fitting import fitted, needs_threshold, tuned_threshold
from underdog.studies.forecast import Forecast, forecast
from underdog.studies.judging import Judged, judge_test
from underdog.studies.measure import Bench, Column, Progress
from underdog.studies.spec import Spec, spec_from
from underdog.studies.trust import insist_on_judge, referred
from underdog.task import Task


@dataclass(frozen=True)
class Result:
    """A finished study: its findings, and the plan that they are about."""

    findings: Findings
    plan: Plan
    folder: Path | None = None

    def __str__(self) -> str:
        return self.findings.verdict.sentence


@dataclass(frozen=True)
class Settings:
    """Where and how a study runs, as against what it measures (that is the Spec).

    `consent` is shown the forecast and says whether to go on; `folder` is where the run is written.
    """

    store: Path = DEFAULT_PATH
    folder: Path | None = None
    fresh: bool = False
    consent: Callable[[Forecast, Proof], bool] | None = None
    progress: Progress | None = None
    bind: Callable[[Model], Any] | None = None


def study(
    task: Task | Mapping[str, Any] | str,
    *,
    small: str | Mapping[str, Any],
    large: str | Mapping[str, Any],
    others: Mapping[str, Any] | None = None,
    settings: Settings | None = None,
    **asked: Any,
) -> Result | None:
    """Run a study from Python: the same as a study file with these keys.

    Args:
        task: a Task, the `task` mapping of a study file, or an embedded world such as "tiny/tools".
        small, large, others: models by name, or mappings with their settings.
        asked: `levers`, `margin`, `confidence`, `budget`, `repeats`, `seed`, `name`.

    Returns None only when the settings' `consent` said no. Do not call it from a running event loop: await
    `run` there.
    """
    body = {"task": task, "models": {"small": small, "large": large, **(others or {})}, **asked}
    return asyncio.run(run(spec_from(body, Path.cwd()), settings or Settings()))


async def run(spec: Spec, settings: Settings) -> Result | None:
    """Run a study; None when `settings.consent` refuses the forecast.

    Interrupted or out of budget, it may be run again: recorded calls are found, none is paid for twice.

    Raises:
        UserError: the task does not prove itself, a model cannot be bound, the store cannot be used.
        BudgetSpent: the budget ended first; what was measured is kept.
    """
    proof = prove(spec.task)
    proof.insist()
    bind = settings.bind or Binder(base=spec.base, declared=spec.declared)
    with Store(settings.store) as store:
        store.start_run(spec.name, {"digest": spec.digest, "version": __version__})
        bank = Bank(store, spec.name)
        purse = Purse(spec.budget, bank.spent() if spec.budget.limited else None)
        async with Driver(bind, bank, purse=purse, fresh=settings.fresh) as driver:
            bench = Bench(
                spec.task,
                driver,
                bank,
                repeats=spec.repeats,
                window=spec.window,
                progress=settings.progress,
            )
            flow = _Whole(spec, bench) if spec.task.whole_test else _Split(spec, bench)
            expected = forecast(spec.task, flow.work(), driver, store.pace, spec.repeats)
            if settings.consent is not None and not settings.consent(expected, proof):
                return None
            store.clear_trials(spec.name)
            if settings.progress is not None:
                settings.progress.begin(driver.tally, purse)
            await insist_on_judge(bench)
            if spec.task.reference is not None:
                spec = await referred(spec, bench)
                bench.task = spec.task
                flow = type(flow)(spec, bench)
            result = await _finish(spec, flow, driver, proof, expected)
        store.finish_run(spec.name)
        return result if settings.folder is None else _written(result, settings.folder, store, spec.base)


class _Split:
    """Something is fitted: fit, tune, certify and test each have their own examples."""

    def __init__(self, spec: Spec, bench: Bench) -> None:
        self.spec, self.bench = spec, bench
        self.fit, self.tune, self.certify, self.test = (
            spec.task.split(name) for name in ("fit", "tune", "certify", "test")
        )
        if not self.test or not self.tune:
            raise StudyError(
                f"{spec.name}: {len(spec.task.examples)} examples leave tune {len(self.tune)} and test "
                f"{len(self.test)}; both need some: bring more, or set `splits: test`"
            )

    def work(self) -> list[tuple[Mapping[str, Answerer], Sequence[Example]]]:
        """An upper bound: which one lever goes on to certify and test is known only after tune."""
        arms = {**self.spec.baselines, **self.spec.levers}
        return [(arms, self.tune), (arms, self.certify), (arms, self.test)]

    async def go(self) -> tuple[list[Arm], Judged]:
        spec, bench = self.spec, self.bench
        levers = {name: fitted(lever, spec.task, self.fit) for name, lever in spec.levers.items()}
        columns = await bench.measure({**spec.baselines, **lenient_twins(spec)}, self.tune, "tune: models")
        levers = await self._thresholds(levers, columns["large"])
        columns |= await bench.measure(levers, self.tune, "tune: levers")
        unit = shared_unit(list(columns.values()))
        plans = {**spec.baselines, **levers}
        asking = [name for name in levers if spec.models["large"] in models_of(levers[name])]
        ladder = [
            measured(c, self.tune, unit, spec.confidence, None, columns["large"] if n in asking else None)
            for n, c in columns.items()
        ]
        winner = choose(ladder, spec.margin)
        plan, certificate = await self._certified(winner, plans[winner])
        seen = [*self.fit, *self.tune]
        return ladder, await judge_test(spec, bench, self.test, {winner: plan}, certificate, seen)

    async def _thresholds(self, levers: dict[str, Answerer], large: Column) -> dict[str, Answerer]:
        """Cascades without a threshold get the one that tune suggests."""
        rungs = {
            name: lever.small
            for name, lever in levers.items()
            if isinstance(lever, Cascade) and needs_threshold(lever)
        }
        columns = await self.bench.measure(rungs, self.tune, "tune: confidence")
        chosen = {
            name: tuned_threshold(column, large.scores(), self.spec.margin)
            for name, column in columns.items()
        }
        return {
            name: replace(lever, threshold=chosen[name])
            if isinstance(lever, Cascade) and name in chosen
            else lever
            for name, lever in levers.items()
        }

    async def _certified(self, winner: str, plan: Answerer) -> tuple[Answerer, Any]:
        """The winner's certificate from the certify split; a fitted threshold is settled by it."""
        if winner == "large":
            return plan, None
        spec, bench = self.spec, self.bench
        if needs_threshold(spec.levers.get(winner, plan)):
            return await certify_threshold(spec, bench, winner, plan, self.tune, self.certify)
        return plan, await certify_whole(spec, bench, winner, plan, self.certify)


class _Whole:
    """Nothing is fitted, so all of it may be test; the verdict is corrected for the arms looked at."""

    def __init__(self, spec: Spec, bench: Bench) -> None:
        self.spec, self.bench = spec, bench
        for name, lever in spec.levers.items():
            if needs_threshold(lever) or _asks_to_fit(lever):
                raise StudyError(
                    f"{spec.name}: lever {name!r} must be fitted and `splits: test` leaves nothing for it; "
                    "give its threshold, or let the task be split"
                )
        self.test = spec.task.examples

    def work(self) -> list[tuple[Mapping[str, Answerer], Sequence[Example]]]:
        return [({**self.spec.baselines, **self.spec.levers}, self.test)]

    async def go(self) -> tuple[list[Arm], Judged]:
        spec = self.spec
        arms = dict(spec.levers) or {"small": spec.read("small")}
        return [], await judge_test(spec, self.bench, self.test, arms, None, ())


async def _finish(
    spec: Spec, flow: _Split | _Whole, driver: Driver, proof: Proof, expected: Forecast
) -> Result:
    ladder, judged = await flow.go()
    models = dict.fromkeys(spec.models.values())
    findings = Findings(
        name=spec.name,
        digest=spec.digest,
        cautions=judged.cautions,
        margin=spec.margin,
        confidence=spec.confidence,
        seed=spec.seed,
        repeats=spec.repeats,
        unit=judged.unit,
        splits={name: len(part) for name, part in spec.task.splits.items()},
        proof=plain(proof),
        forecast=expected,
        ladder=ladder,
        winner=judged.winner,
        threshold=getattr(judged.plan, "threshold", None),
        certificate=judged.certificate,
        test=judged.arms,
        comparisons=judged.comparisons,
        verdict=judged.verdict,
        metrics=judged.metrics,
        calls_sent=driver.tally.sent,
        calls_banked=driver.tally.banked,
        spend=driver.tally.spend,
        versions={"underdog": __version__, "python": platform.python_version()},
        fingerprints={model.name: driver.lane(model).engine.fingerprint for model in models},
        models={model.name: driver.lane(model).engine.versions() for model in models},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    evidence = {
        "study": spec.name,
        "digest": spec.digest,
        "verdict": plain(judged.verdict),
        "certificate": plain(judged.certificate),
        "request_schemas": _shapes(spec.task),
        "sampling": plain(spec.task.sampling),
        "fingerprints": findings.fingerprints,
        "versions": findings.versions,
        "models": findings.models,
        "cautions": findings.cautions,
        "created": findings.created,
    }
    return Result(findings, Plan(spec.name, judged.plan, evidence))


def _shapes(task: Task) -> list[dict[str, Any]]:
    """The distinct ways in which the task's examples are asked: a plan's certificate is about these."""
    shapes = [request_schema(task.request(example)) for example in task.examples]
    return list({digest(shape): shape for shape in shapes}.values())


def _asks_to_fit(lever: Answerer) -> bool:
    return bool(getattr(lever, "shots", 0)) and not getattr(lever, "demonstrations", ())


def _written(result: Result, folder: Path, store: Store, base: Path) -> Result:
    folder.mkdir(parents=True, exist_ok=True)
    result.findings.write(folder)
    evidence = {**result.plan.evidence, "base": os.path.relpath(base, folder)}
    plan = replace(result.plan, evidence=evidence)
    plan.save(folder)
    write_trials(store, result.findings.name, folder)
    return replace(result, plan=plan, folder=folder)
