"""A study from its first call to its verdict: prove, forecast, race on tune, certify, look once at test.

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
from underdog.acts import Acts
from underdog.answerer import Model, digest
from underdog.budget import Purse
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.makers.ground import Ground as MakersGround
from underdog.plan import Plan, dump, request_schema
from underdog.proof import Proof, prove
from underdog.store import DEFAULT_PATH, Bank, Store
from underdog.studies.diagnosis.opening import forecast_of, has_use, opened
from underdog.studies.diagnosis.record import Diagnosed
from underdog.studies.export import write_trials
from underdog.studies.findings import Findings, plain
from underdog.studies.flows import Foresee, Ground, Split, Whole
from underdog.studies.folder import write_examples
from underdog.studies.forecast import Forecast, forecast
from underdog.studies.makings import Noting, Workshop, standing_in, with_models
from underdog.studies.measure import Bench, Progress
from underdog.studies.rounds import Advised
from underdog.studies.spec import Spec, spec_from
from underdog.studies.trust import insist_on_judge, referred
from underdog.studies.upfront import upfront
from underdog.task import Task


@dataclass(frozen=True)
class Result:
    """A finished study: its findings, the plan that they are about, and the diagnosis that it opened with."""

    findings: Findings
    plan: Plan
    folder: Path | None = None
    diagnosed: Diagnosed | None = None

    def __str__(self) -> str:
        return self.findings.verdict.sentence


@dataclass(frozen=True)
class Settings:
    """Where and how a study runs, as against what it measures (that is the Spec).

    `consent` is shown the forecast and says whether to go on; `folder` is where the run is written. `advice`,
    a diagnosis' order of levers, orders the first round of a study that names none, and drops what it says
    will not pay; None: such a study diagnoses its task first. `allow_code` agrees to run the user's own
    programs that levers name.
    """

    store: Path = DEFAULT_PATH
    folder: Path | None = None
    fresh: bool = False
    consent: Callable[[Forecast, Proof], bool] | None = None
    progress: Progress | None = None
    bind: Callable[[Model], Any] | None = None
    advice: Sequence[Advised] | None = None
    allow_code: bool = False


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
        asked: `levers`, `margin`, `confidence`, `budget`, `limits`, `repeats`, `seed`, `name`.

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
    plainly = settings.bind or Binder(base=spec.base, declared=spec.declared)
    bind = standing_in(plainly, spec.makings, spec.models)
    with Store(settings.store) as store:
        store.start_run(spec.name, {"digest": spec.digest, "version": __version__})
        bank = Bank(store, spec.name)
        purse = Purse(spec.budget, bank.spent() if spec.budget.limited else None)
        async with (
            Acts(bind, base=spec.base, allow_code=settings.allow_code) as acts,
            Driver(bind, bank, purse=purse, tools=acts, fresh=settings.fresh) as driver,
        ):
            acts.admit(*spec.levers.values())
            bench = Bench(
                spec.task,
                driver,
                bank,
                repeats=spec.repeats,
                window=spec.window,
                progress=settings.progress,
                upfront=upfront(spec.models, spec.base, spec.requests),
            )
            ground = Ground(purse, _forecaster(spec, driver, store), settings.advice or ())
            flow = _flow(spec, bench, ground)
            expected = ground.foresee(flow.work())
            opens = settings.advice is None and has_use(spec)
            if opens:
                expected += forecast_of(spec, driver)
            if settings.consent is not None and not settings.consent(expected, proof):
                return None
            store.clear_trials(spec.name)
            if settings.progress is not None:
                settings.progress.begin(driver.tally, purse)
            await insist_on_judge(bench)
            if spec.task.reference is not None:
                spec = await referred(spec, bench)
                bench.task = spec.task
            if spec.makings:
                spec = await _with_made_models(spec, settings, bench, (bank, purse, acts))
            diagnosed = await opened(spec, bench) if opens else None
            if diagnosed is not None:
                ground = replace(ground, advice=diagnosed.diagnosis.order)
            result = await _finish(_flow(spec, bench, ground), driver, proof, expected, diagnosed)
        store.finish_run(spec.name)
        return result if settings.folder is None else _written(result, settings.folder, store, spec)


async def _with_made_models(
    spec: Spec, settings: Settings, bench: Bench, where: tuple[Bank, Purse, Acts]
) -> Spec:
    """The study with the models that it makes itself, made."""
    bank, purse, acts = where
    folder = settings.folder or Path(".underdog") / "made" / spec.name
    ground = MakersGround(
        task=spec.task,
        small=spec.read("small"),
        large=spec.read("large"),
        bind=settings.bind or Binder(base=spec.base, declared=spec.declared),
        sink=bank,
        folder=folder,
        base=spec.base,
        seed=spec.seed,
        purse=purse,
        tools=acts,
        watch=Noting(bench.progress.note),
    )
    shop, models, made = Workshop(ground, folder), dict(spec.models), dict[Model, Model]()
    for name, making in spec.makings.items():
        record = await shop.made(name, making, models[making.parent])
        made[models[name]] = record.model
        models[name] = record.model
    bench.upfront = upfront(models, spec.base, spec.requests)
    return replace(spec, models=models, levers=with_models(spec.levers, made))


def _forecaster(spec: Spec, driver: Driver, store: Store) -> Foresee:
    return lambda work: forecast(spec.task, work, driver, store.pace, spec.repeats)


def _flow(spec: Spec, bench: Bench, ground: Ground) -> Split | Whole:
    return Whole(spec, bench) if spec.task.whole_test else Split(spec, bench, ground)


async def _finish(
    flow: Split | Whole, driver: Driver, proof: Proof, expected: Forecast, diagnosed: Diagnosed | None
) -> Result:
    spec, (raced, judged) = flow.spec, await flow.go()
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
        ladder=raced.ladder,
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
        rounds=raced.rounds,
        ended=raced.ended,
        dropped=raced.dropped,
        folds=raced.folds,
        frontier=raced.frontier,
        limits=spec.limits,
        made=flow.bench.upfront.told(spec.models),
        diagnosis={} if diagnosed is None else diagnosed.diagnosis.held(),
    )
    evidence = {
        "study": spec.name,
        "digest": spec.digest,
        "verdict": plain(judged.verdict),
        "certificate": plain(judged.certificate),
        "large": dump(spec.read("large")),
        "disagreement": dict(zip(("differing", "n"), judged.differing, strict=True)),
        "request_schemas": _shapes(spec.task),
        "sampling": plain(spec.task.sampling),
        "fingerprints": findings.fingerprints,
        "versions": findings.versions,
        "models": findings.models,
        "cautions": findings.cautions,
        "created": findings.created,
    }
    return Result(findings, Plan(spec.name, judged.plan, evidence), diagnosed=diagnosed)


def _shapes(task: Task) -> list[dict[str, Any]]:
    """The distinct ways in which the task's examples are asked: a plan's certificate is about these."""
    shapes = [request_schema(task.request(example)) for example in task.examples]
    return list({digest(shape): shape for shape in shapes}.values())


def _written(result: Result, folder: Path, store: Store, spec: Spec) -> Result:
    folder.mkdir(parents=True, exist_ok=True)
    result.findings.write(folder)
    if result.diagnosed is not None:
        result.diagnosed.write(folder)
    evidence = {**result.plan.evidence, "base": os.path.relpath(spec.base, folder)}
    plan = replace(result.plan, evidence=evidence)
    plan.save(folder)
    write_trials(store, result.findings.name, folder)
    write_examples(spec.task, folder)
    return replace(result, plan=plan, folder=folder)
