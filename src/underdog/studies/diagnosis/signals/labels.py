"""Label noise: examples that all strong models answer alike and against gold.

Either the gold answer is wrong or they share a mistake, and only a look can tell. So their number is set
against what would be expected: under independence (every strong model errs by itself, and two that err say
the same as often as two do where a third is right), and where the example is so hard that all of them err.
(Label errors found by confident disagreement: Northcutt et al., arXiv 1911.00068 and 2103.14749.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from underdog.proof import content, spelled
from underdog.statistics.vectors import Floats
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals.signal import Signal
from underdog.studies.diagnosis.signals.table import ability, bounded, models, scores, shares
from underdog.studies.diagnosis.words import counted, gain, listed, share

NEAR = 0.1
"""A model is strong within so much of the best one's score."""
FEWEST = 3
"""Two that agree against gold are too easily a coincidence."""
_SHOWN = 40
_AGAINST = 0.5


@dataclass(frozen=True)
class Strong:
    """The strong models' answers: finals (models, examples) as comparable texts, and who is wrong where."""

    names: list[str]
    finals: list[list[str | None]]
    wrong: Floats


def signals(evidence: Evidence) -> Iterator[Signal]:
    """Suspect labels with the number expected, and inputs that stand in the task with two targets."""
    strong = strongest(evidence)
    if strong is not None:
        yield from suspects(evidence, strong)
    torn = conflicting(evidence)
    found = shares(torn, evidence)
    sentence = f"{share(found)} of the examples have an input that has another target elsewhere in the task."
    places = [example.id for example, flag in zip(evidence.examples, torn, strict=True) if flag]
    yield Signal("conflicting targets", None, found, found.n, sentence, examples=tuple(places[:_SHOWN]))


def strongest(evidence: Evidence) -> Strong | None:
    """The models within a tenth of the best; None where they are fewer than three."""
    table = {name: scores(ability(evidence, name), evidence) for name in models(evidence)}
    means = {name: float(np.nanmean(v)) for name, v in table.items() if not np.isnan(v).all()}
    names = [name for name in means if means[name] >= max(means.values()) - NEAR]
    if len(names) < FEWEST:
        return None
    finals = [[_plain(trial.final) for trial in ability(evidence, name).trials] for name in names]
    wrong = np.stack([np.where(np.isnan(table[name]), np.nan, table[name] < _AGAINST) for name in names])
    return Strong(names, finals, wrong.astype(np.float64))


def suspects(evidence: Evidence, strong: Strong) -> Iterator[Signal]:
    """The share of suspect examples, and how far it lies above the share expected."""
    count = len(evidence.examples)
    flags = np.array([_alike(strong, index) for index in range(count)], dtype=np.float64)
    found = shares(flags, evidence)
    expected, collisions = chance(strong)
    whole = ~np.isnan(strong.wrong).any(axis=0)
    hard = float(strong.wrong[:, whole].all(axis=0).mean()) if whole.any() else 0.0
    shared = hard * collisions ** (len(strong.names) - 1)
    number = int(np.nansum(flags))
    sentence = (
        f"All {len(strong.names)} strong models ({listed(strong.names)}) give one answer against gold on "
        f"{counted(number)} of {found.n:,} ({share(found)}). If they erred independently it would be "
        f"{expected * found.n:.1f}; if those that err said the same as often as where another is right, "
        f"{shared * found.n:.1f}."
    )
    places = tuple(e.id for e, flag in zip(evidence.examples, flags, strict=True) if flag == 1.0)[:_SHOWN]
    yield Signal("suspect labels", None, found, found.n, sentence, examples=places)
    over = bounded(flags - max(expected, shared), evidence)
    sentence = f"That is {gain(over)} of the examples more than expected."
    yield Signal("suspect labels above chance", None, over, over.n, sentence)


def chance(strong: Strong) -> tuple[float, float]:
    """The share of examples on which all would err alike independently; how often two that err say the same.

    The latter is counted where a third strong model is right, so that gold most likely is too; where that
    never happens every two are taken to collide, which expects more and accuses less.
    """
    whole = ~np.isnan(strong.wrong).any(axis=0)
    wrong = strong.wrong[:, whole].astype(bool)
    same = pairs = 0
    for index, column in zip(np.flatnonzero(whole), wrong.T, strict=True):
        if column.all():
            continue
        said = [strong.finals[row][index] for row in np.flatnonzero(column)]
        met = [(a, b) for a, b in combinations(said, 2) if a is not None and b is not None]
        pairs += len(met)
        same += sum(a == b for a, b in met)
    collisions = same / pairs if pairs else 1.0
    rates = wrong.mean(axis=1) if wrong.size else np.zeros(len(wrong))
    return float(np.prod(rates)) * collisions ** (len(strong.names) - 1), collisions


def conflicting(evidence: Evidence) -> list[float]:
    """1 for every example whose input has another target elsewhere in the whole task."""
    targets: dict[str, set[str]] = {}
    for example in evidence.task.examples:
        targets.setdefault(content(example), set()).add(spelled(example.target))
    return [float(len(targets.get(content(example), ())) > 1) for example in evidence.examples]


def _alike(strong: Strong, index: int) -> float:
    """1 where all are wrong with one answer; NaN where one failed."""
    if np.isnan(strong.wrong[:, index]).any():
        return float("nan")
    said: Sequence[str | None] = [finals[index] for finals in strong.finals]
    return float(bool(strong.wrong[:, index].all()) and said[0] is not None and len(set(said)) == 1)


def _plain(final: str | None) -> str | None:
    return None if final is None else " ".join(final.casefold().split())
