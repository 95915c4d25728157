"""Lloyd's k-means, seeded by k-means++ (Arthur and Vassilvitskii 2007), on float32 rows."""

from __future__ import annotations

import numpy as np

from underdog.routing.embeddings import Vectors
from underdog.statistics.vectors import Ints

_ROUNDS = 40
# Centres hardly move with more rows than this; all rows are assigned to them afterwards.
_MOST_ROWS = 20_000
_CHUNK = 50_000


def centres(vectors: Vectors, number: int, seed: int = 0) -> Vectors:
    """At most `number` centres, shape (c, d): fewer when there are fewer distinct rows."""
    step = max(1, -(-len(vectors) // _MOST_ROWS))
    rows = vectors[::step]
    middle = _seeded(rows, number, np.random.default_rng(seed))
    label = nearest(rows, middle)
    for _ in range(_ROUNDS):
        sizes = np.bincount(label, minlength=len(middle))
        sizes = sizes[sizes > 0]
        sums = np.add.reduceat(rows[np.argsort(label, kind="stable")], np.cumsum(sizes) - sizes, axis=0)
        middle = np.asarray(sums / sizes[:, None], dtype=np.float32)
        moved = nearest(rows, middle)
        if np.array_equal(moved, label):
            break
        label = moved
    return middle


def nearest(vectors: Vectors, middle: Vectors) -> Ints:
    """The number of the centre nearest to each row, shape (n,)."""
    found = np.empty(len(vectors), dtype=np.int64)
    for start in range(0, len(vectors), _CHUNK):
        found[start : start + _CHUNK] = distances(vectors[start : start + _CHUNK], middle).argmin(axis=1)
    return found


def distances(vectors: Vectors, middle: Vectors) -> Vectors:
    """Squared distances less the rows' own squares, shape (n, c): enough to compare centres of one row."""
    apart: Vectors = (middle**2).sum(axis=1) - 2 * (vectors @ middle.T)
    return apart


def _seeded(rows: Vectors, number: int, generator: np.random.Generator) -> Vectors:
    chosen = [int(generator.integers(len(rows)))]
    squares = (rows**2).sum(axis=1)
    apart = np.full(len(rows), np.inf)
    while len(chosen) < number:
        last = rows[chosen[-1]]
        apart = np.minimum(apart, np.maximum(squares + float(last @ last) - 2 * (rows @ last), 0.0))
        total = float(apart.sum())
        if total <= 1e-6 * len(rows):
            break
        chosen.append(int(np.searchsorted(np.cumsum(apart), generator.random() * total, side="right")))
    return rows[np.minimum(chosen, len(rows) - 1)].copy()
