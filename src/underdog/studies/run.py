"""A study from its first call to its verdict: prove, forecast, race on tune, certify, look once at test.

This file is the order of it and nothing else; each step is a file beside it.
"""

from __future__ import annotations

import asyncio
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from underdog import __version__
from underdog.answerer import Model, digest
from underdog.drive import Driver
from underdog.plan import Plan, dump, request_schema
from underdog.proof import Proof, prove
from underdog.store import Store
from underdog.studies.diagnosis.opening import diagnosed_first, forecast_of, has_use
from underdog.studies.diagnosis.record import Diagnosed
from underdog.studies.export import write_trials
from underdog.studies.findings import Findings, plain
from underdog.studies.flows import Ground, Split, Whole
from underdog.studies.folder import write_examples
from underdog.studies.forecast import Forecast, Work, forecast
from underdog.studies.makings import Noting, Workshop, with_models
from underdog.studies.measure import Bench
from underdog.studies.session import Session, Settings, session
from underdog.studies.spec import Spec, spec_from
from underdog.studies.trust import referred
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
    async with session(spec, settings, spec.name) as opened:
        opened.acts.admit(*spec.levers.values())
        ground, bench = _ground(opened, spec), opened.bench
        expected, diagnoses = _foreseen(opened, spec, ground)
        if not settings.agree(expected, proof):
            return None
        await opened.begin()
        if spec.task.reference is not None:
            spec = await referred(spec, bench)
            bench.task = spec.task
        if spec.makings:
            spec = await _with_made_models(opened, spec)
        diagnosed = await diagnosed_first(spec, bench) if diagnoses else None
        if diagnosed is not None:
            ground = replace(ground, advice=diagnosed.diagnosis.order)
        result = await _finish(_flow(spec, bench, ground), opened.driver, proof, expected, diagnosed)
        if settings.folder is not None:
            result = _written(result, settings.folder, opened.store, spec)
        opened.over = True
    return result


def _ground(opened: Session, spec: Spec) -> Ground:
    def foresee(work: Sequence[Work]) -> Forecast:
        return forecast(spec.task, work, opened.driver, opened.store.pace, spec.repeats)

    return Ground(opened.purse, foresee, opened.settings.advice or ())


def _foreseen(opened: Session, spec: Spec, ground: Ground) -> tuple[Forecast, bool]:
    """What the study may take, and whether it opens with a diagnosis."""
    expected = ground.foresee(_flow(spec, opened.bench, ground).work())
    diagnoses = opened.settings.advice is None and has_use(spec)
    return (expected + forecast_of(spec, opened.driver) if diagnoses else expected), diagnoses


async def _with_made_models(opened: Session, spec: Spec) -> Spec:
    """The study with the models that it makes itself, made."""
    folder = opened.settings.folder or Path(".underdog") / "made" / spec.name
    ground = opened.ground(spec, folder, spec.seed, Noting(opened.bench.progress.note))
    shop, models, made = Workshop(ground, folder), dict(spec.models), dict[Model, Model]()
    for name, making in spec.makings.items():
        record = await shop.made(name, making, models[making.parent])
        made[models[name]] = record.model
        models[name] = record.model
    opened.bench.upfront = upfront(models, spec.base, spec.requests)
    return replace(spec, models=models, levers=with_models(spec.levers, made))


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
