"""What sampling holds: coverage by the number of draws, its headroom net of luck, and what a vote takes.

pass@k is estimated without bias from all draws of an example (Chen et al., arXiv 2107.03374; coverage curves:
Brown et al., arXiv 2407.21787), for fractional scores as the expected best of k. With few possible answers
coverage grows by guessing alone, so the same draws are also scored against other examples' targets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import comb

import numpy as np

from underdog.statistics.vectors import Floats
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals.signal import Point, Signal
from underdog.studies.diagnosis.signals.table import (
    against,
    bounded,
    drawn,
    models,
    sampled,
    scores,
    shares,
)
from underdog.studies.diagnosis.signals.wrong_gold import WrongGold
from underdog.studies.diagnosis.words import gain, share
from underdog.studies.measure import Column
from underdog.trial import Trial

__all__ = ["best_of", "coverage", "plurality", "signals", "voted"]


def signals(evidence: Evidence, control: WrongGold) -> Iterator[Signal]:
    """For every model with at least two draws an example."""
    for model in models(evidence):
        pair = sampled(evidence, model)
        if pair is None:
            continue
        table = drawn(pair[0], evidence)
        k = max(len(row) for row in table)
        yield covered(evidence, model, table, k)
        yield headroom(evidence, (model, table, k), pair[1], control)
        yield from votes(evidence, (model, table, k), scores(pair[1], evidence))
        mixed = shares([_mixed(row) for row in table], evidence)
        sentence = f"{model} was both right and wrong on {share(mixed)} of the examples it was drawn on."
        yield Signal("examples with right and wrong draws", model, mixed, mixed.n, sentence)


def covered(evidence: Evidence, model: str, table: Sequence[Sequence[Trial]], k: int) -> Signal:
    """pass@k with the whole curve: 1, 2, 4, ... and k draws."""
    curve = []
    for size in _sizes(k):
        found = shares(coverage(table, size), evidence)
        curve.append(Point(float(size), found))
    last = curve[-1].y
    sentence = (
        f"One draw of {model} is right on {share(curve[0].y)}, the best of {k} on {share(last)}: "
        f"coverage, which no choice among them can pass."
    )
    return Signal("coverage", model, last, last.n, sentence, tuple(curve))


def headroom(
    evidence: Evidence, of: tuple[str, list[list[Trial]], int], plain: Column, control: WrongGold
) -> Signal:
    """The best of k draws minus the greedy answer, net of what both get against other examples' targets."""
    model, table, k = of
    added = coverage(table, k) - scores(plain, evidence)
    if not control.possible:
        found = bounded(added, evidence)
        words = "with luck in it (no other example's target can stand in)"
    else:
        greedy = control.scores([trial.final for trial in plain.trials])
        found = bounded(np.clip(added - (luck(table, k, control) - greedy), -1.0, 1.0), evidence)
        words = "net of luck"
    sentence = f"The best of {k} draws of {model} beats its one greedy answer by {gain(found)}, {words}."
    return Signal("search headroom", model, found, found.n, sentence)


def votes(evidence: Evidence, of: tuple[str, list[list[Trial]], int], own: Floats) -> Iterator[Signal]:
    """What the plurality of the draws scores, by their number, and against the greedy answer."""
    model, table, k = of
    curve = [Point(float(size), shares(_blocks(table, size), evidence)) for size in _sizes(k)]
    last = curve[-1].y
    sentence = f"The plurality of {k} draws of {model} scores {share(last)}."
    yield Signal("majority", model, last, last.n, sentence, tuple(curve))
    found = against(voted(table), own, evidence)
    sentence = f"A vote of {k} draws changes {model}'s score by {gain(found)} against its one greedy answer."
    yield Signal("vote gain", model, found, found.n, sentence)


def coverage(table: Sequence[Sequence[Trial]], k: int) -> Floats:
    """Expected best score of k of an example's draws, shape (examples,); NaN where fewer came back."""
    return np.array([best_of([t.score for t in row if t.score is not None], k) for row in table])


def best_of(values: Sequence[float], k: int) -> float:
    """The mean of the maximum over all subsets of k values: for 0/1 scores pass@k; NaN with fewer than k."""
    n = len(values)
    if n < k:
        return float("nan")
    ranked = sorted(values)
    return sum(value * comb(i, k - 1) for i, value in enumerate(ranked)) / comb(n, k)


def luck(table: Sequence[Sequence[Trial]], k: int, control: WrongGold) -> Floats:
    """Coverage of other examples' targets by an example's draws; NaN where there are none."""
    values = []
    for index, row in enumerate(table):
        kept = [control.by_other(index, t.final) for t in row if t.score is not None]
        each = [best_of(column, k) for column in zip(*kept, strict=True)]
        values.append(float(np.mean(each)) if each else float("nan"))
    return np.array(values, dtype=np.float64)


def plurality(trials: Sequence[Trial]) -> tuple[Trial | None, float]:
    """The first trial with the most frequent final, as `Vote` chooses, and its share of all draws."""
    known = [trial for trial in trials if trial.score is not None]
    counts = Counter(trial.final for trial in known if trial.final is not None)
    if not counts:
        return (known[0] if known else None), 0.0
    final = max(counts, key=counts.__getitem__)
    return next(trial for trial in known if trial.final == final), counts[final] / len(trials)


def voted(table: Sequence[Sequence[Trial]]) -> Floats:
    """The plurality's score on every example; NaN without draws."""
    chosen = [plurality(row)[0] for row in table]
    return np.array([np.nan if t is None or t.score is None else t.score for t in chosen], dtype=np.float64)


def _blocks(table: Sequence[Sequence[Trial]], size: int) -> Floats:
    """The mean score of the pluralities of each example's disjoint runs of `size` draws."""
    scored = []
    for row in table:
        runs = [row[i : i + size] for i in range(0, len(row) - size + 1, size)]
        values = voted(runs)
        known = values[~np.isnan(values)]
        scored.append(float(known.mean()) if len(known) else float("nan"))
    return np.array(scored, dtype=np.float64)


def _mixed(row: Sequence[Trial]) -> float | None:
    known = [trial.score for trial in row if trial.score is not None]
    return float(max(known) > min(known)) if len(known) > 1 else None


def _sizes(k: int) -> list[int]:
    """1, 2, 4, ... below k, and k."""
    return [1 << i for i in range((k - 1).bit_length())] + [k]
