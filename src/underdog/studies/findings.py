"""What a study found, as plain data: what `findings.json` holds and the report reads."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from underdog.answerer import Answerer
from underdog.example import Example
from underdog.plan import dump, models_of
from underdog.statistics import Certificate, Interval, Paired, Refusal, mean_interval
from underdog.studies.cost import Unit, per_request
from underdog.studies.forecast import Forecast
from underdog.studies.limits import Limits, Needs
from underdog.studies.measure import Column
from underdog.studies.verdict import Verdict
from underdog.trial import Spend

FORMAT = 1


@dataclass(frozen=True)
class Arm:
    """One arm on one split. `cost` is the mean of one answer in the study's unit, None when unknown.

    `escalated` is the share of answers for which a lever asked the large model; None for single models.
    Baselines that are computed and not asked (constant, mix, oracle) have no outcomes and no spend. `stopped`
    says why an arm of a race was measured no further.
    """

    name: str
    score: Interval
    cost: float | None = None
    escalated: float | None = None
    outcomes: Mapping[str, int] = field(default_factory=dict)
    spend: Spend | None = None
    plan: Mapping[str, Any] | None = None
    note: str = ""
    stopped: str = ""


@dataclass(frozen=True)
class Comparison:
    """Two arms on the same examples, a minus b."""

    a: str
    b: str
    paired: Paired


@dataclass(frozen=True)
class Round:
    """One race of a study: who stood at the start, who was chosen, and what was shown of it.

    No arm was measured on more than `units` of the `of` groups; the race took `calls` of the `grid` calls
    that every arm on all of them would have taken.
    """

    number: int
    incumbent: str
    arms: Sequence[str]
    chosen: str
    claim: str
    units: int
    of: int
    calls: int
    grid: int


@dataclass(frozen=True)
class Point:
    """One arm on the plane of cost and score; `best` when no arm costs no more and scores no less."""

    arm: str
    score: Interval
    cost: float | None
    needs: Needs
    best: bool


@dataclass(frozen=True)
class Findings:
    """Everything a study found. `ladder` is from the race and only ranks; `test` was looked at once.

    `models` holds what produced each model's answers: versions, and the date of its price. `rounds`, `ended`
    and `dropped` tell the race: each round, why there was no further one, and the levers that were not raced
    with the reason; `diagnosis` what the study's own diagnosis found to hold and of which model, a sentence
    each, the strongest first. `made` says what making a model of the study took. `folds` is how many folds
    fitted levers were raced in, 0 where they learned from fit alone.
    """

    name: str
    digest: str
    cautions: Sequence[str]
    margin: float
    confidence: float
    seed: int
    repeats: int
    unit: Unit | None
    splits: Mapping[str, int]
    proof: Mapping[str, Any]
    forecast: Forecast
    ladder: Sequence[Arm]
    winner: str
    threshold: float | None
    certificate: Certificate | Refusal | None
    test: Sequence[Arm]
    comparisons: Sequence[Comparison]
    verdict: Verdict
    metrics: Mapping[str, Mapping[str, Interval]]
    calls_sent: int
    calls_banked: int
    spend: Spend
    versions: Mapping[str, str]
    fingerprints: Mapping[str, str]
    models: Mapping[str, Mapping[str, str]]
    created: str
    rounds: Sequence[Round] = ()
    ended: str = ""
    dropped: Mapping[str, str] = field(default_factory=dict)
    folds: int = 0
    frontier: Sequence[Point] = ()
    limits: Limits = field(default_factory=Limits)
    diagnosis: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def arm(self, name: str) -> Arm:
        """An arm of the test split by name."""
        return next(arm for arm in self.test if arm.name == name)

    def write(self, folder: Path) -> Path:
        """Write `findings.json` into a folder, whole or not at all; returns its path."""
        path = folder / "findings.json"
        draft = path.with_suffix(".tmp")
        body = plain(self)
        body["verdict"] |= {"headline": self.verdict.headline, "sentence": self.verdict.sentence}
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n")
        os.replace(draft, path)
        return path


def plain(value: Any) -> Any:
    """Dataclasses, tuples and mappings as JSON values."""
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"findings hold plain data; got {type(value).__name__}")


def arms_of(
    columns: Mapping[str, Column],
    examples: Sequence[Example],
    answerers: Mapping[str, Answerer],
    unit: Unit | None,
    confidence: float,
) -> list[Arm]:
    """The arms that were asked, each on as many of the examples as it was, with intervals by group.

    `large` is among them; what may ask it or another model says how often it did.
    """
    by_id = {example.id: example for example in examples}
    large = models_of(answerers["large"])[0]
    arms = []
    for name, column in columns.items():
        plan = answerers[name]
        asks = large in models_of(plan) and set(models_of(plan)) != {large}
        arms.append(
            Arm(
                name,
                mean_interval(column.scores(), confidence, groups_of([by_id[i] for i in column.examples])),
                per_request(column, unit),
                escalated(column, columns["large"]) if asks else None,
                column.outcomes(),
                column.total(),
                dump(plan),
            )
        )
    return arms


def escalated(column: Column, large: Column) -> float:
    """The share of trials that made the call which the large model alone makes for the same example."""
    alone = {(trial.example, trial.repeat): set(trial.calls) for trial in large.trials}
    asked = sum(bool(alone[t.example, t.repeat] & set(t.calls)) for t in column.trials)
    return asked / len(column.trials)


def groups_of(examples: Sequence[Example]) -> list[str]:
    return [example.group for example in examples]
