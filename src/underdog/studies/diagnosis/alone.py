"""A diagnosis by itself, without the study it belongs to: from the proof of the task to `diagnosis.json`.

The order of it; what is asked is in `stages.py`, what follows in `rules.py`, what is left in `record.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from underdog import __version__
from underdog.acts import Acts
from underdog.budget import Purse
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.errors import StudyError
from underdog.example import Example
from underdog.proof import prove
from underdog.store import Bank, Store
from underdog.studies.diagnosis.findings import Diagnosis
from underdog.studies.diagnosis.gather import bounded, diagnosed
from underdog.studies.diagnosis.record import Diagnosed
from underdog.studies.diagnosis.stages import Effort, chosen, stages
from underdog.studies.forecast import Forecast
from underdog.studies.measure import Bench
from underdog.studies.run import Settings
from underdog.studies.spec import Spec
from underdog.studies.trust import insist_on_judge, referred


async def diagnosed_alone(spec: Spec, settings: Settings, effort: Effort) -> Diagnosed | None:
    """Diagnose a study's task; None when `settings.consent` refuses the forecast.

    Looks at tune (and shows demonstrations from fit), or at the whole set where nothing is fitted. Calls that
    the study made are found in the bank, and the study will find those made here.

    Raises:
        UserError: the task does not prove itself, a model cannot be bound, the store cannot be used.
        BudgetSpent: the budget ended before every model had answered.
    """
    proof = prove(spec.task)
    proof.insist()
    run, look = f"{spec.name} (diagnosis)", looked_at(spec, effort)
    bind = settings.bind or Binder(base=spec.base, declared=spec.declared)
    with Store(settings.store) as store:
        store.start_run(run, {"digest": spec.digest, "version": __version__})
        bank = Bank(store, run)
        purse = Purse(spec.budget, bank.spent() if spec.budget.limited else None)
        async with (
            Acts(bind, base=spec.base, allow_code=settings.allow_code) as acts,
            Driver(bind, bank, purse=purse, tools=acts, fresh=settings.fresh) as driver,
        ):
            bench = Bench(look.spec.task, driver, bank, window=spec.window, progress=settings.progress)
            expected = foreseen(look.spec, look.examples, effort, driver)
            if settings.consent is not None and not settings.consent(expected, proof):
                return None
            bench.progress.begin(driver.tally, purse)
            await insist_on_judge(bench)
            look = await targeted(look, bench)
            diagnosis = await diagnosed(look.spec, bench, look.examples, effort)
            found = recorded(spec, look, diagnosis, driver)
        store.finish_run(run)
    if settings.folder is not None:
        found.write(settings.folder)
    return found


@dataclass(frozen=True)
class Look:
    """What a diagnosis looks at: `examples` of one split; the task of `spec` holds them and fit alone."""

    spec: Spec
    split: str
    examples: tuple[Example, ...]


def looked_at(spec: Spec, effort: Effort) -> Look:
    """Examples of tune, or of the whole set where nothing is fitted.

    Raises:
        StudyError: tune is empty.
    """
    split = "test" if spec.task.whole_test else "tune"
    examples = chosen(spec.task.split(split), effort.examples)
    if not examples:
        raise StudyError(
            f"{spec.name}: a diagnosis looks at tune, and {len(spec.task.examples)} examples leave it none; "
            "bring more, or set `splits: test`"
        )
    ids = {example.id for example in examples}
    # Placed for good: which split an example is in may depend on the others.
    kept = {
        name: tuple(
            replace(one, placed=name) for one in spec.task.split(name) if name == "fit" or one.id in ids
        )
        for name in ("fit", split)
    }
    task = replace(spec.task, examples=(*kept["fit"], *kept[split]))
    return Look(replace(spec, task=task), split, chosen(kept[split], effort.examples))


async def targeted(look: Look, bench: Bench) -> Look:
    """With `reference: MODEL`, the same examples with that model's answers as targets."""
    if look.spec.task.reference is None:
        return look
    spec = await referred(look.spec, bench)
    bench.task = spec.task
    return Look(spec, look.split, chosen(spec.task.split(look.split), len(look.examples)))


def foreseen(spec: Spec, examples: Sequence[Example], effort: Effort, driver: Driver) -> Forecast:
    """All stages together at their upper bounds; the budget's share may end it earlier."""
    parts = [bounded(stage, driver) for stage in stages(spec, examples, effort)[0]]
    prices = [part.dollars for part in parts]
    return Forecast(
        least_calls=parts[0].least_calls,
        most_calls=sum(part.most_calls for part in parts),
        banked=sum(part.banked for part in parts),
        tokens=sum(part.tokens for part in parts),
        dollars=None if None in prices else sum(price for price in prices if price is not None),
        seconds=None,
    )


def recorded(spec: Spec, look: Look, diagnosis: Diagnosis, driver: Driver) -> Diagnosed:
    """The diagnosis with what it was made from."""
    models = dict.fromkeys(spec.models.values())
    return Diagnosed(
        name=spec.name,
        digest=spec.digest,
        split=look.split,
        examples=len(look.examples),
        models={name: model.name for name, model in spec.models.items()},
        cautions=[caution] if (caution := look.spec.task.caution) else [],
        diagnosis=diagnosis,
        calls_sent=driver.tally.sent,
        calls_banked=driver.tally.banked,
        spend=driver.tally.spend,
        fingerprints={model.name: driver.lane(model).engine.fingerprint for model in models},
        versions={"underdog": __version__},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
