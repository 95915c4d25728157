"""One maker on one study: make the model from fit, then hold it against the others on tune.

The order of it and nothing else: what is made and how is in `makers/`. Certify and test are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from underdog.answerer import Answerer
from underdog.drive import Driver
from underdog.errors import StudyError
from underdog.levers.constrain import Constrain
from underdog.makers import Made, Maker, Watcher
from underdog.proof import prove
from underdog.statistics import gap_closed, mean_interval, paired_difference
from underdog.store import Store
from underdog.studies.findings import plain
from underdog.studies.fitting import fitted
from underdog.studies.forecast import Forecast, Work, forecast
from underdog.studies.measure import Bench, Column
from underdog.studies.session import Settings, session
from underdog.studies.spec import Spec, read
from underdog.studies.trust import referred

TUNED = "tuned"


@dataclass(frozen=True)
class Tuning:
    """What is made: of which study, by which maker, from which seed; `watch` is told how training goes."""

    spec: Spec
    maker: Maker
    method: str
    seed: int = 0
    watch: Watcher | None = None


async def tune(tuning: Tuning, settings: Settings) -> Made | None:
    """Make the model and write its record; None when `settings.consent` refuses the forecast.

    Interrupted, it may be run again and goes on: no recorded call is paid for twice, and training resumes
    from its last checkpoint to the same result.

    Raises:
        UserError: the task does not prove itself, too few data, or a model that cannot be trained.
        BudgetSpent: the budget ended first; what was asked and trained is kept.
    """
    spec, folder = tuning.spec, settings.folder
    if folder is None:
        raise StudyError(f"{spec.name}: a model is made in a folder; name one")
    proof = prove(spec.task)
    proof.insist()
    async with session(spec, settings, f"{spec.name} ({tuning.method})") as opened:
        bench = opened.bench
        if not settings.agree(foreseen(tuning, opened.driver, opened.store), proof):
            return None
        await opened.begin()
        if spec.task.reference is not None:
            spec = await referred(spec, bench)
            bench.task = spec.task
        ground = opened.ground(spec, folder, tuning.seed, tuning.watch or Watcher())
        made = await compared(await tuning.maker.make(ground), spec, bench)
        opened.over = True
    made.save(folder, spec.base)
    return made


def foreseen(tuning: Tuning, driver: Driver, store: Store) -> Forecast:
    """The calls to models that are asked anyway; those to checkpoints on the way cost no money."""
    spec, asks = tuning.spec, tuning.maker.asks()
    parts = [forecast(spec.task, [Work(dict(spec.baselines), spec.task.split("tune"))], driver, store.pace)]
    if asks is not None:
        who, draws = asks
        work = Work({who: spec.read(who)}, spec.task.split("fit"))
        parts.append(forecast(spec.task, [work], driver, store.pace, draws))
    prices, times = [part.dollars for part in parts], [part.seconds for part in parts]
    return Forecast(
        least_calls=parts[0].least_calls,
        most_calls=sum(part.most_calls for part in parts),
        banked=sum(part.banked for part in parts),
        tokens=sum(part.tokens for part in parts),
        dollars=None if None in prices else sum(price for price in prices if price is not None),
        seconds=None if None in times else sum(time for time in times if time is not None),
    )


async def compared(made: Made, spec: Spec, bench: Bench) -> Made:
    """The record with what tune shows of the new model beside the old one, the large one and the controls."""
    arms: dict[str, Answerer] = {
        "small": spec.read("small"),
        "large": spec.read("large"),
        TUNED: read(made.model, spec.task.reading),
        **{name: read(model, spec.task.reading) for name, model in made.controls.items()},
        **untrained(spec, made),
    }
    examples = spec.task.split("tune")
    if not examples:
        raise StudyError(
            f"{spec.name}: a tuned model is compared on tune, and tune is empty: give it a share"
        )
    columns = await bench.measure(arms, examples, "tune")
    groups = [example.group for example in examples]
    return replace(made, evidence={**made.evidence, "tune": shown(columns, groups)})


def untrained(spec: Spec, made: Made) -> dict[str, Answerer]:
    """For preferences, a control without training: the untouched model, held to the task's form if any."""
    reading = spec.task.reading
    if made.recipe["maker"] != "dpo":
        return {}
    if reading.rule == "label":
        form = Constrain(spec.read("small"), choices="labels")
    elif reading.rule == "tool_call" and reading.dialect != "python":
        form = Constrain(spec.read("small"), schema="tools")
    else:
        return {}
    return {"constrained": fitted(form, spec.task, spec.task.split("fit"))}


def shown(columns: Mapping[str, Column], groups: list[str]) -> dict[str, Any]:
    """Scores, paired differences, and of each control the part of the gain that it has too; 95 % intervals.

    Nothing is corrected for the number of comparisons.
    """
    scores = {name: column.scores() for name, column in columns.items()}
    controls = [name for name in columns if name not in ("small", "large", TUNED)]
    return {
        "n": len(groups),
        "arms": {name: plain(mean_interval(values, groups=groups)) for name, values in scores.items()},
        "outcomes": {name: column.outcomes() for name, column in columns.items()},
        "paired": {
            name: plain(paired_difference(scores[TUNED], scores[name], groups=groups))
            for name in ("small", "large", *controls)
        },
        "share_of_gain": {
            name: plain(gap_closed(scores[name], scores["small"], scores[TUNED], groups=groups))
            for name in controls
        },
    }
