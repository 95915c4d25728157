"""Does a model know when it is right? Agreement of its draws and its own confidence against correctness."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from underdog.statistics import auroc, calibration_curve
from underdog.statistics.vectors import Floats
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals.sampling import plurality
from underdog.studies.diagnosis.signals.signal import Point, Signal
from underdog.studies.diagnosis.signals.table import (
    CONFIDENCE,
    RIGHT,
    bounded,
    drawn,
    groups,
    models,
    sampled,
    scores,
    spread,
)
from underdog.studies.diagnosis.words import gain, share

__all__ = ["agreement", "signals", "stated"]


def signals(evidence: Evidence) -> Iterator[Signal]:
    """For every model: how well each sign of sureness ranks its answers, and how far off its level is."""
    for model in models(evidence):
        for name, found in (
            ("agreement", agreement(evidence, model)),
            ("confidence", stated(evidence, model)),
        ):
            if found is not None:
                yield from judged(evidence, model, name, found)


def agreement(evidence: Evidence, model: str) -> tuple[Floats, Floats] | None:
    """The plurality's scores and its shares of the draws; None where the model was not drawn from twice."""
    pair = sampled(evidence, model)
    if pair is None:
        return None
    chosen = [plurality(row) for row in drawn(pair[0], evidence)]
    values = [np.nan if t is None or t.score is None else t.score for t, _ in chosen]
    sure = [np.nan if t is None else level for t, level in chosen]
    return np.array(values, dtype=np.float64), np.array(sure, dtype=np.float64)


def stated(evidence: Evidence, model: str) -> tuple[Floats, Floats] | None:
    """The greedy answer's scores and confidences; None where it has no confidence anywhere."""
    column = evidence.greedy[model]
    sure = spread(column.confidences(), column, evidence)
    return None if np.isnan(sure).all() else (scores(column, evidence), sure)


def judged(evidence: Evidence, model: str, name: str, found: tuple[Floats, Floats]) -> Iterator[Signal]:
    """The area under the ROC curve, and overconfidence with the calibration curve."""
    values, sure = found
    sure = np.where(np.isnan(values), np.nan, sure)
    truth = [bool(value >= RIGHT) for value in values]
    area = auroc(sure, truth, CONFIDENCE, groups(evidence))
    what = "agreement of its draws" if name == "agreement" else "its own confidence"
    if area.estimate is None:
        sentence = f"Whether {what} tells when {model} is right cannot be measured: {area.note}."
    else:
        sentence = (
            f"A right answer of {model} is held above a wrong one, by {what}, in {share(area)} of pairs."
        )
    yield Signal(f"{name} AUROC", model, area, area.n, sentence)
    curve = calibration_curve(sure, truth)
    over = bounded(sure - np.array(truth, dtype=np.float64), evidence)
    sentence = f"By {what}, {model} is surer than it is right by {gain(over)}"
    if curve.error is not None and curve.by_chance is not None and curve.p is not None:
        sentence += (
            f" (calibration error {curve.error:.3f}; {curve.by_chance:.3f} is chance, p = {curve.p:.3f})"
        )
    points = tuple(Point(one.confidence, one.right) for one in curve.bins)
    yield Signal(f"overconfidence by {name}", model, over, over.n, sentence + ".", points)
