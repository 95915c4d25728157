"""How hard examples are, by the share of answers that are right, and how small and large do on each level.

A model is never judged in a level that its own answer put the example into: the level comes from the other
models' answers (absolute levels as in arXiv 2502.06703). With fewer than three models it comes from every
other draw of a model, and that model's remaining draws are judged.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from underdog.statistics.vectors import Floats
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals.signal import Point, Signal
from underdog.studies.diagnosis.signals.table import ability, drawn, models, sampled, scores, shares
from underdog.studies.diagnosis.words import share

LEVELS = ("none right", "few right", "most right", "all right")


def signals(evidence: Evidence) -> Iterator[Signal]:
    """The shares of examples that no model and that every model gets right, and scores by level."""
    names = models(evidence)
    table = {name: scores(ability(evidence, name), evidence) for name in names}
    stacked = np.stack(list(table.values()))
    whole = ~np.isnan(stacked).any(axis=0)
    best, worst = (np.where(whole, ends, np.nan) for ends in (stacked.max(axis=0), stacked.min(axis=0)))
    for name, flags, words in (
        ("no model right", best < 0.5, "no model gets right"),
        ("every model right", worst >= 0.5, "every model gets right"),
    ):
        found = shares(np.where(whole, flags, np.nan).astype(np.float64), evidence)
        yield Signal(name, None, found, found.n, f"{share(found)} of the examples {words}.")
    for model in (evidence.small, evidence.large):
        judged = by_others(evidence, table, model) if len(names) >= 3 else by_draws(evidence, model)
        if judged is not None:
            yield from levels(evidence, model, *judged)


def by_others(evidence: Evidence, table: dict[str, Floats], model: str) -> tuple[Floats, Floats]:
    """The share of the other models that are right, and the model's own scores."""
    others = np.stack([values for name, values in table.items() if name != model])
    whole = ~np.isnan(others).any(axis=0)
    return np.where(whole, np.where(whole, others, 0.0).mean(axis=0), np.nan), table[model]


def by_draws(evidence: Evidence, model: str) -> tuple[Floats, Floats] | None:
    """The share right of the model's even draws, and the score of its odd ones; None without four draws."""
    pair = sampled(evidence, model)
    if pair is None:
        return None
    rows = drawn(pair[0], evidence)
    if max(len(row) for row in rows) < 4:
        return None
    known = [[trial.score for trial in row if trial.score is not None] for row in rows]
    halves = [[np.mean(row[i::2]) if len(row) > 1 else np.nan for row in known] for i in (0, 1)]
    return np.array(halves[0], dtype=np.float64), np.array(halves[1], dtype=np.float64)


def levels(evidence: Evidence, model: str, ease: Floats, own: Floats) -> Iterator[Signal]:
    """The model's score on every level of difficulty, as a curve."""
    points = []
    for index, label in enumerate(LEVELS):
        chosen = level_of(ease) == index
        inside = shares(np.where(chosen, own, np.nan), evidence)
        if inside.n:
            points.append(Point(float(index), inside, label))
    overall = shares(np.where(np.isnan(ease), np.nan, own), evidence)
    parts = "; ".join(f"{point.label}: {share(point.y)} of {point.y.n:,}" for point in points)
    yield Signal("score by difficulty", model, overall, overall.n, f"{model} where {parts}.", tuple(points))


def level_of(ease: Floats) -> Floats:
    """0 where nothing is right, 1 up to a half, 2 above it, 3 where all is; NaN stays NaN."""
    inner = np.where(ease <= 0.5, 1.0, 2.0)
    found: Floats = np.where(ease <= 1e-9, 0.0, np.where(ease >= 1 - 1e-9, 3.0, inner))
    return np.where(np.isnan(ease), np.nan, found)
