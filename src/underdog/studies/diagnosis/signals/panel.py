"""What several models find together: the plurality of those that may stand in for the large one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from underdog.statistics.vectors import Floats
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals.sampling import plurality
from underdog.studies.diagnosis.signals.signal import Signal
from underdog.studies.diagnosis.signals.table import ability, against, members, read_as, scores, shares
from underdog.studies.diagnosis.words import gain, listed, share

FEWEST = 3
"""Of two members no plurality can be: a disagreement goes to the first."""


def signals(evidence: Evidence) -> Iterator[Signal]:
    """The panel's score, and its gain over the best member, which is picked knowing the scores."""
    ranked = strongest_first(evidence)
    if len(ranked) < FEWEST:
        return
    together, _ = panel(evidence, ranked)
    score = shares(together, evidence)
    names = f"{listed(ranked)}{read_as(evidence, ranked)}"
    yield Signal("panel", None, score, score.n, f"The plurality of {names} scores {share(score)}.")
    found = against(together, scores(ability(evidence, ranked[0]), evidence), evidence)
    sentence = (
        f"The plurality of {names} changes the score of the best of them, {ranked[0]}, by {gain(found)}."
    )
    yield Signal("panel gain", None, found, found.n, sentence)


def strongest_first(evidence: Evidence) -> list[str]:
    """The members by score, so that ties go to the strongest."""

    def score(name: str) -> float:
        values = scores(ability(evidence, name), evidence)
        return -1.0 if np.isnan(values).all() else float(np.nanmean(values))

    return sorted(members(evidence), key=score, reverse=True)


def panel(evidence: Evidence, names: list[str]) -> tuple[Floats, Floats]:
    """The plurality's scores and its share of the members, shape (examples,); NaN where all failed."""
    columns = [ability(evidence, name).trials for name in names]
    chosen = [plurality(trials) for trials in zip(*columns, strict=True)]
    values = [np.nan if t is None or t.score is None else t.score for t, _ in chosen]
    sure = [np.nan if t is None else level for t, level in chosen]
    return np.array(values, dtype=np.float64), np.array(sure, dtype=np.float64)
