"""Who wins where: the headroom of an oracle over the models, and how much of it is noise.

An oracle that takes the best of several noisy models gains by luck alone: two runs of one model have an
oracle above either. So its headroom is shown beside what repeats when the models are asked again (chosen on
half of the draws, scored on the other half), beside that of re-drawing a single model as often as there are
models, and beside what can be learned from the requests (`routing.py`), which alone decides.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from underdog.statistics import oracle, static_mix
from underdog.statistics.vectors import Floats, Mask
from underdog.studies.cost import in_words, per_request, shared_unit
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals.sampling import coverage
from underdog.studies.diagnosis.signals.signal import Signal
from underdog.studies.diagnosis.signals.table import (
    ability,
    against,
    bounded,
    drawn,
    models,
    read_as,
    sampled,
    scores,
)
from underdog.studies.diagnosis.words import gain, share
from underdog.trial import Trial


def signals(evidence: Evidence) -> Iterator[Signal]:
    """The oracle against the best single model and the static mix, and its two noise controls."""
    table = {name: scores(ability(evidence, name), evidence) for name in models(evidence)}
    table = {name: values for name, values in table.items() if not np.isnan(values).all()}
    if len(table) < 2:
        return
    best = max(table, key=lambda name: float(np.nanmean(table[name])))
    top = np.array([np.nan if value is None else value for value in oracle(table)])
    found = against(top, table[best], evidence)
    names = f"{len(table)} models{read_as(evidence, list(table))}"
    sentence = (
        f"An oracle over {names} would score {gain(found)} above {best}, the best of them: luck included."
    )
    yield Signal("oracle headroom", None, found, found.n, sentence)
    yield from over_mix(evidence, table, top)
    yield from repeating(evidence)
    yield from redrawn(evidence, best, len(table))


def over_mix(evidence: Evidence, table: dict[str, Floats], top: Floats) -> Iterator[Signal]:
    """The oracle that asks the cheapest right model, against the random mix of models at its cost."""
    unit = shared_unit([evidence.greedy[name] for name in table])
    prices = {name: per_request(evidence.greedy[name], unit) for name in table}
    known = {name: price for name, price in prices.items() if price is not None}
    if unit is None or len(known) < len(table):
        return
    ranked = sorted(known, key=known.__getitem__)
    paid = []
    for index, best in enumerate(top):
        fits = (name for name in ranked if table[name][index] >= best - 1e-9)
        paid.append(known[next(fits, ranked[0])])
    means = {name: float(np.nanmean(values)) for name, values in table.items()}
    # The mean of costs that are all alike may round below them.
    spent = max(float(np.mean(paid)), known[ranked[0]])
    mix = static_mix(means, known, spent)
    found = against(top, np.array(mix.per_item(table), dtype=np.float64), evidence)
    sentence = (
        f"The oracle that asks the cheapest right model, at {in_words(spent, unit)} an "
        f"answer, would score {gain(found)} above a random mix of models at that cost: luck included."
    )
    yield Signal("oracle over the static mix", None, found, found.n, sentence)


def repeating(evidence: Evidence) -> Iterator[Signal]:
    """The part of the headroom that is there again when the same models are asked again."""
    halves: list[tuple[Floats, Floats]] = []
    for model in models(evidence):
        pair = sampled(evidence, model)
        if pair is not None:
            rows = drawn(pair[0], evidence)
            halves.append((_mean(rows, 0), _mean(rows, 1)))
    if len(halves) < 2:
        return
    first, second = (np.stack([pair[side] for pair in halves]) for side in (0, 1))
    both = np.logical_not(np.isnan(first + second).any(axis=0))
    if not both.any():
        return
    gained = np.full(first.shape[1], np.nan)
    gained[both] = np.mean([_won(first, second, both), _won(second, first, both)], axis=0)
    found = bounded(gained, evidence)
    sentence = (
        f"Chosen example by example on half of the draws of {len(halves)} models and scored on the other "
        f"half, the winner beats the best single model by {gain(found)}: what of the headroom repeats."
    )
    yield Signal("repeatable headroom", None, found, found.n, sentence)


def redrawn(evidence: Evidence, best: str, count: int) -> Iterator[Signal]:
    """The headroom that the best model has over itself, drawn as often as there are models."""
    pair = sampled(evidence, best)
    if pair is None:
        return
    rows = drawn(pair[0], evidence)
    if max(len(row) for row in rows) < count:
        return
    found = bounded(coverage(rows, count) - coverage(rows, 1), evidence, 0.0)
    sentence = (
        f"{count} draws of {best} alone have an oracle {share(found)} above one: headroom without routing."
    )
    yield Signal("headroom of re-drawing", None, found, found.n, sentence)


def _won(choose: Floats, score: Floats, both: Mask) -> Floats:
    """Score of each example's winner minus that of the overall winner, both chosen on `choose`."""
    chosen, scored = choose[:, both], score[:, both]
    overall = int(chosen.mean(axis=1).argmax())
    # The overall winner keeps ties: a tie says nothing about the example.
    ranked = chosen + 1e-6 * (np.arange(len(chosen)) == overall)[:, None]
    winner = ranked.argmax(axis=0)
    gained: Floats = scored[winner, np.arange(scored.shape[1])] - scored[overall]
    return gained


def _mean(rows: list[list[Trial]], start: int) -> Floats:
    """The mean score of every other draw."""
    values = []
    for row in rows:
        known = [trial.score for trial in row[start::2] if trial.score is not None]
        values.append(float(np.mean(known)) if known else float("nan"))
    return np.array(values, dtype=np.float64)
