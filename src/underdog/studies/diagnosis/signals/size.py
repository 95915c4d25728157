"""Does size move it? The slope of the score over the doublings of size, of the models that were given.

The least-squares slope is a weighted sum of the models' scores, so it has one value an example, and its
interval is that of a mean over examples. It says what these models do on examples like these; it does not
know how other models of the same sizes would do.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from underdog.statistics.vectors import Floats
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals.signal import Point, Signal
from underdog.studies.diagnosis.signals.table import ability, bounded, read_as, scores, shares, sizes
from underdog.studies.diagnosis.words import gain, share


def signals(evidence: Evidence) -> Iterator[Signal]:
    """The best score of any model; and, with two or more known sizes, the slope with the curve."""
    table = {name: scores(ability(evidence, name), evidence) for name in evidence.greedy}
    means = {name: float(np.nanmean(v)) for name, v in table.items() if not np.isnan(v).all()}
    if not means:
        return
    best = max(means, key=means.__getitem__)
    top = shares(table[best], evidence)
    sentence = f"The best model, {best}{read_as(evidence, [best])}, scores {share(top)}."
    yield Signal("best score", None, top, top.n, sentence)
    known, unit = sizes(evidence)
    known = {name: size for name, size in known.items() if name in means}
    if len(set(known.values())) >= 2:
        yield slope(evidence, {name: table[name] for name in known}, known, unit)


def slope(evidence: Evidence, table: dict[str, Floats], known: dict[str, float], unit: str) -> Signal:
    """Points of score for every doubling of size."""
    names = sorted(known, key=known.__getitem__)
    doublings = np.log2([known[name] for name in names])
    weights = (doublings - doublings.mean()) / ((doublings - doublings.mean()) ** 2).sum()
    each = weights @ np.stack([table[name] for name in names])
    low, high = float(weights[weights < 0].sum()), float(weights[weights > 0].sum())
    found = bounded(each, evidence, low, high)
    span = float(doublings[-1] - doublings[0])
    points = tuple(Point(known[name], shares(table[name], evidence), name) for name in names)
    sentence = (
        f"Over {len(names)} models and {span:.1f} doublings of size (in {unit}), from {names[0]} to "
        f"{names[-1]}, the score changes by {gain(found)} with each doubling."
    )
    return Signal("slope by size", None, found, found.n, sentence, points)


def doublings(signal: Signal) -> float:
    """How many doublings of size a slope spans."""
    return float(np.log2(signal.curve[-1].x / signal.curve[0].x))
