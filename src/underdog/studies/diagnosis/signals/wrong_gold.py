"""The wrong-gold control: how often would these answers be right for an example that they are no answer to?

A reading that digs out any number, or sixteen draws over four options, hits some right answers by luck. The
same finals scored against the targets of other examples show how often. The others are those whose right
answer has the shape of the example's own (digits stay digits, words stay words) and yet is another.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from underdog.proof import scorer_of, spelled
from underdog.statistics.vectors import Floats
from underdog.studies.diagnosis.evidence import Evidence

__all__ = ["WrongGold"]

OTHERS = 4
"""So many others an example: the control's own noise is then a quarter of one draw's."""
_LOOK = 50
_SHAPES = ((re.compile(r"\d+"), "0"), (re.compile(r"[^\W\d_]+"), "a"), (re.compile(r"\s+"), " "))


class WrongGold:
    """Scores finals against the targets of other examples. Not possible where a judge scores the task."""

    def __init__(self, evidence: Evidence) -> None:
        self.examples = evidence.examples
        self.task = evidence.task
        self._score: Any = scorer_of(evidence.task)
        self._known: dict[tuple[int, str], float] = {}

    @property
    def possible(self) -> bool:
        """Whether answers can be scored without asking a model, and some example has another to stand in."""
        return self._score is not None and any(self._others)

    def scores(self, finals: Sequence[str | None]) -> Floats:
        """For every example the mean score of its final against its others' targets; NaN without others.

        An answer that was not read scores 0, as it does against its own target.
        """
        values = [
            np.nan if not others else 0.0 if final is None else self._mean(index, final, others)
            for index, (final, others) in enumerate(zip(finals, self._others, strict=True))
        ]
        return np.array(values, dtype=np.float64)

    def others(self, index: int) -> list[int]:
        """The examples that stand in as wrong ones for an example."""
        return self._others[index]

    def by_other(self, index: int, final: str | None) -> list[float]:
        """The scores of one final against each of its example's others."""
        return [0.0 if final is None else self._one(other, final) for other in self._others[index]]

    def _mean(self, index: int, final: str, others: Sequence[int]) -> float:
        return sum(self._one(other, final) for other in others) / len(others)

    def _one(self, other: int, final: str) -> float:
        key = (other, final)
        if key not in self._known:
            self._known[key] = float(self._score(final, self.examples[other]))
        return self._known[key]

    @cached_property
    def _others(self) -> list[list[int]]:
        """For every example up to four others: like shape first, in an order that only the ids decide."""
        golds = [self._gold(index) for index in range(len(self.examples))]
        order = sorted(range(len(golds)), key=lambda i: _hash(self.examples[i].id))
        alike: dict[str, list[int]] = defaultdict(list)
        for index in order:
            alike[shape(golds[index])].append(index)
        place = {i: at for ring in alike.values() for at, i in enumerate(ring)}
        everywhere = {i: at for at, i in enumerate(order)}
        found = []
        for index, gold in enumerate(golds):
            ring = alike[shape(gold)]
            near = self._different(index, golds, ring, place[index])
            found.append(near or self._different(index, golds, order, everywhere[index]))
        return found

    def _different(self, index: int, golds: list[str], ring: list[int], at: int) -> list[int]:
        chosen: list[int] = []
        for step in range(1, min(len(ring), _LOOK)):
            other = ring[(at + step) % len(ring)]
            if golds[other] != golds[index] and not self._fits(index, other):
                chosen.append(other)
            if len(chosen) == OTHERS:
                break
        return chosen

    def _fits(self, index: int, other: int) -> bool:
        """Whether the example's own right answer would also be right for the other."""
        own = self.task.label(self.examples[index]) if self.examples[index].target is not None else None
        return own is not None and self._score is not None and self._one(other, own) > 0.5

    def _gold(self, index: int) -> str:
        example = self.examples[index]
        label = self.task.label(example)
        return (spelled(example.target) if label is None else label).strip().casefold()


def shape(text: str) -> str:
    """What a text is made of: "-3.0 m" and "-12.5 km" have one shape."""
    for pattern, stands_for in _SHAPES:
        text = pattern.sub(stands_for, text)
    return text[:40]


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
