"""Trials as outcome tables, for whatever routes, cascades or learns from them; a finished run's as well.

Files of other origin are `routing/reading.py`'s. Nothing is judged or fitted here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from underdog.answerer import Request, Sampling
from underdog.errors import StudyError
from underdog.levers.asked import asked_text
from underdog.routing.table import OutcomeTable
from underdog.statistics.vectors import Floats
from underdog.studies.choosing import LENIENT
from underdog.studies.cost import amount, shared_unit
from underdog.studies.folder import read_examples, read_trials
from underdog.studies.measure import Column
from underdog.trial import Trial


def outcome_table(
    columns: Sequence[Column], texts: Mapping[str, str], groups: Mapping[str, str]
) -> OutcomeTable:
    """A row for every trial of the first column, a column for each of them, all over the same examples.

    `texts` and `groups` are by example. Costs are in the one unit that all columns share, else unknown.
    """
    unit = shared_unit(columns)
    rows = columns[0].trials
    return OutcomeTable(
        questions=tuple(texts[trial.example] for trial in rows),
        ids=tuple(f"{trial.example}/{trial.repeat}" if trial.repeat else trial.example for trial in rows),
        groups=tuple(groups[trial.example] for trial in rows),
        categories=None,
        answerers=tuple(column.arm for column in columns),
        scores=cells(columns, lambda trial: trial.score),
        costs=cells(columns, lambda trial: None if unit is None else amount(trial.spend, unit)),
        latencies=cells(columns, lambda trial: trial.spend.seconds),
        tokens=cells(columns, lambda trial: float(trial.spend.tokens)),
        answers=tuple(tuple(column.finals()) for column in columns),
    )


def cells(columns: Sequence[Column], value: Callable[[Trial], float | None]) -> Floats:
    """A value of every trial, shape (rows, columns), NaN where it is unknown."""
    found = [[value(trial) for trial in column.trials] for column in columns]
    return np.array(found, dtype=np.float64).T


def run_outcomes(run: Path) -> OutcomeTable:
    """A finished run: its test split, where every model and the plan answered and nothing was fitted.

    Raises:
        StudyError: it is no finished run's folder, or nobody answered its test split.
    """
    asked = {one.id: one for one in read_examples(run) if one.split == "test"}
    arms: dict[str, dict[tuple[str, int], Trial]] = {}
    for trial in read_trials(run):
        if trial.example in asked and not trial.answerer.endswith(LENIENT):
            arms.setdefault(trial.answerer, {})[trial.example, trial.repeat] = trial
    most = max((len(found) for found in arms.values()), default=0)
    whole = {name: found for name, found in arms.items() if len(found) == most}
    if not most:
        raise StudyError(f"{run}: the run holds no trials of its test split; run its study to the end")
    order = sorted(next(iter(whole.values())))
    columns = [
        Column(name, tuple(asked), [found[key] for key in order]) for name, found in sorted(whole.items())
    ]
    texts = {one.id: asked_text(Request(one.messages, sampling=Sampling())) for one in asked.values()}
    return outcome_table(columns, texts, {one.id: one.group for one in asked.values()})
