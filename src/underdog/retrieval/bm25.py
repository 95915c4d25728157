"""BM25: which texts speak of the words of a question (Robertson and Zaragoza 2009, doi 10.1561/1500000019).

Lucene's variant: idf = ln(1 + (n - df + 0.5) / (df + 0.5)), which is never negative, and no factor k1 + 1,
which changes no order. What a term adds to a text's score is computed when the index is made (BM25S, arXiv
2407.03618), so that a search only adds up a few slices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from underdog.retrieval.terms import number, terms
from underdog.statistics.vectors import Floats, Ints

K1, B = 1.2, 0.75
"""How soon a repeated term counts no more, and how far long texts are held back: Lucene's defaults."""


@dataclass(frozen=True, eq=False)
class Bm25:
    """Postings in compressed rows: term `numbers[i]` adds `weights[s:e]` to the texts `places[s:e]`.

    `numbers` ascend, shape (t,); `starts` has shape (t + 1,), s and e are `starts[i : i + 2]`; `places` and
    `weights` have one entry a pair of term and text. `count` is the number of texts.
    """

    numbers: Ints = field(repr=False)
    starts: Ints = field(repr=False)
    places: npt.NDArray[np.int32] = field(repr=False)
    weights: npt.NDArray[np.float32] = field(repr=False)
    count: int

    @classmethod
    def fit(cls, texts: Sequence[str], k1: float = K1, b: float = B) -> Bm25:
        """The index of texts."""
        met = _Met()
        lists = [[met[term] for term in terms(text)] for text in texts]
        lengths = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
        every = np.fromiter(chain.from_iterable(lists), dtype=np.int64, count=int(lengths.sum()))
        numbers, order = np.unique(np.fromiter(map(number, met), np.int64, len(met)), return_inverse=True)
        owners = np.repeat(np.arange(len(lists)), lengths)
        pairs, times = np.unique(order[every] * max(len(lists), 1) + owners, return_counts=True)
        of, places = np.divmod(pairs, max(len(lists), 1))
        spread = np.bincount(of, minlength=len(numbers))
        idf = np.log1p((len(lists) - spread + 0.5) / (spread + 0.5))
        held_back = k1 * (1 - b + b * lengths / max(lengths.mean() if len(lists) else 0.0, 1e-9))
        weights = idf[of] * times / (times + held_back[places])
        starts = np.concatenate([[0], np.cumsum(spread)]).astype(np.int64)
        return cls(numbers, starts, places.astype(np.int32), weights.astype(np.float32), len(lists))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], count: int) -> Bm25:
        """The index that `arrays` were taken from.

        Raises:
            KeyError: an array is missing.
            ValueError: their shapes do not fit each other, or a place lies outside the texts.
        """
        names = ("numbers", "starts", "places", "weights")
        numbers, starts, places, weights = (arrays[f"bm25.{name}"] for name in names)
        fits = len(starts) == len(numbers) + 1 and len(places) == len(weights) == starts[-1]
        if not fits or (len(places) and not 0 <= places.min() <= places.max() < count):
            raise ValueError("the postings do not fit the texts")
        return cls(numbers, starts, places, weights, count)

    @property
    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Everything in it, for a file."""
        return {
            "bm25.numbers": self.numbers,
            "bm25.starts": self.starts,
            "bm25.places": self.places,
            "bm25.weights": self.weights,
        }

    def scores(self, query: str) -> Floats:
        """Every text's score for a query, shape (count,); 0 where they have no term in common."""
        made = np.zeros(self.count)
        for wanted in map(number, terms(query)):
            at = int(np.searchsorted(self.numbers, wanted))
            if at < len(self.numbers) and self.numbers[at] == wanted:
                inside = slice(self.starts[at], self.starts[at + 1])
                made[self.places[inside]] += self.weights[inside]
        return made


class _Met(dict[str, int]):
    """Terms in the order in which they were first met, each with its place in it."""

    def __missing__(self, term: str) -> int:
        place = self[term] = len(self)
        return place
