"""What a diagnosis looks at, what that may cost, and its record; alike alone and at the start of a study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from operator import add

from underdog import __version__
from underdog.drive import Driver
from underdog.errors import StudyError
from underdog.example import Example
from underdog.studies.diagnosis.findings import Diagnosis
from underdog.studies.diagnosis.gather import bounded
from underdog.studies.diagnosis.record import Diagnosed
from underdog.studies.diagnosis.stages import Effort, chosen, stages
from underdog.studies.forecast import Forecast
from underdog.studies.measure import Bench
from underdog.studies.spec import Spec
from underdog.studies.trust import referred


@dataclass(frozen=True)
class Look:
    """What a diagnosis looks at: `examples` of one split; the task of `spec` holds them and fit alone."""

    spec: Spec
    split: str
    examples: tuple[Example, ...]


def existing(spec: Spec) -> Spec:
    """The study with the models that are there: those that it makes itself are not before it races."""
    there = {name: model for name, model in spec.models.items() if name not in spec.makings}
    return replace(spec, models=there, makings={})


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
    return reduce(add, (bounded(stage, driver) for stage in stages(spec, examples, effort)[0]))


def recorded(spec: Spec, look: Look, diagnosis: Diagnosis, driver: Driver) -> Diagnosed:
    """The diagnosis with what it was made from."""
    models = dict.fromkeys(look.spec.models.values())
    return Diagnosed(
        name=spec.name,
        digest=spec.digest,
        split=look.split,
        examples=len(look.examples),
        models={name: model.name for name, model in look.spec.models.items()},
        cautions=[caution] if (caution := look.spec.task.caution) else [],
        diagnosis=diagnosis,
        calls_sent=driver.tally.sent,
        calls_banked=driver.tally.banked,
        spend=driver.tally.spend,
        fingerprints={model.name: driver.lane(model).engine.fingerprint for model in models},
        versions={"underdog": __version__},
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
