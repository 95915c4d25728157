"""Texts as counts of hashed words and word pairs: the sparse ground that offline embeddings stand on.

A word's number is its CRC-32, a pair's a mix of its words' numbers, so there is no vocabulary to keep, any
text in any script has features, and one text takes tens of microseconds. Nothing here is learned.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from zlib import crc32

import numpy as np
import numpy.typing as npt

from underdog.statistics.vectors import Floats, Ints

Numbers = npt.NDArray[np.uint32]

_WORD = re.compile(r"\w+|[^\w\s]")
# Of a longer text its beginning and its end are read: instructions stand at either.
_HALF = 4_000
_FIRST, _SECOND = np.uint32(0x9E3779B1), np.uint32(0x85EBCA77)


@dataclass(frozen=True, eq=False)
class Counts:
    """Features of n texts in compressed rows: row i is `numbers[starts[i]:starts[i + 1]]`, ascending."""

    starts: Ints
    numbers: Numbers
    counts: Floats

    def __len__(self) -> int:
        return len(self.starts) - 1


def words(text: str) -> list[str]:
    """The lower-case words and single signs of a text; of long texts the first and last 4,000 characters."""
    if len(text) > 2 * _HALF:
        text = f"{text[:_HALF]} {text[-_HALF:]}"
    return _WORD.findall(text.lower())


def count(texts: Sequence[str]) -> Counts:
    """Words and pairs of neighbouring words of each text, with how often each stands there."""
    known = _Known()
    lists = [[known[word] for word in words(text)] for text in texts]
    sizes = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    rows = np.repeat(np.arange(len(lists), dtype=np.uint64), sizes)
    single = np.fromiter(chain.from_iterable(lists), dtype=np.uint32, count=int(sizes.sum()))
    inner = rows[1:] == rows[:-1]
    pairs = (single[:-1] * _FIRST + single[1:] * _SECOND)[inner]
    features = np.concatenate([single, pairs]).astype(np.uint64)
    keys = np.concatenate([rows, rows[1:][inner]]) << np.uint64(32) | features
    found, times = np.unique(keys, return_counts=True)
    starts = np.searchsorted(found, np.arange(len(lists) + 1, dtype=np.uint64) << np.uint64(32))
    return Counts(starts.astype(np.int64), found.astype(np.uint32), times.astype(np.float64))


class _Known(dict[str, int]):
    """Words' numbers, computed once each; lives as long as one batch."""

    def __missing__(self, word: str) -> int:
        number = self[word] = crc32(word.encode("utf-8", "surrogatepass"))
        return number
