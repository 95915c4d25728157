"""Texts as vectors of length 1 without a neural network: the offline default of every router here.

`Hashing` learns nothing. `Latent` is TF-IDF over words and pairs, projected by a truncated SVD fitted on the
user's own questions (latent semantic analysis, Deerwester et al. 1990). Vectors of a named checkpoint or
endpoint are made by an Act and come in from outside: see `policy.py`. Rankings of routers hardly move with
the embedder (LLMRouterBench, arXiv 2601.07206; Avengers, arXiv 2505.19797).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from underdog.routing.words import Counts, Numbers, count
from underdog.statistics.vectors import Floats, Ints, Mask

Vectors: TypeAlias = npt.NDArray[np.float32]

# Texts on which the projection is learned: more change nothing but the time (benchmarks/routing).
_MOST_TEXTS = 20_000
_CHUNK = 20_000
_SEED = 20_26


class Embedding(Protocol):
    """Texts to vectors, shape (n, dims), each of length 1 (or 0 for a text without a known word)."""

    @property
    def dims(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors: ...


@dataclass(frozen=True)
class Hashing:
    """Signed feature hashing (Weinberger et al., arXiv 0902.2206): no fitting, no state, any language."""

    dims: int = 512

    def embed(self, texts: Sequence[str]) -> Vectors:
        made = np.zeros((len(texts), self.dims), dtype=np.float32)
        for start in range(0, len(texts), _CHUNK):
            counts = count(texts[start : start + _CHUNK])
            rows = np.repeat(np.arange(start, start + len(counts)), np.diff(counts.starts))
            mixed = counts.numbers * np.uint32(0xC2B2AE35)
            columns = (mixed >> np.uint32(1)) % np.uint32(self.dims)
            signs = np.where(mixed & np.uint32(1), 1.0, -1.0)
            np.add.at(made, (rows, columns), (signs * (1 + np.log(counts.counts))).astype(np.float32))
        return unit(made)


@dataclass(frozen=True, eq=False)
class Latent:
    """TF-IDF, then the projection that an SVD of the fitting texts gave.

    `numbers` are the kept features, ascending, shape (f,); `projection` has shape (f, dims) and already holds
    the inverse document frequencies.
    """

    numbers: Numbers = field(repr=False)
    weights: Vectors = field(repr=False)
    projection: Vectors = field(repr=False)

    @classmethod
    def fit(cls, texts: Sequence[str], dims: int = 128, most: int = 30_000) -> Latent:
        """Learn from texts (of more than 20,000 an even sample): at most `most` features, `dims` dimensions.

        A feature must stand in at least two texts. With fewer texts or features than `dims` the vectors are
        as long as these allow.
        """
        step = max(1, -(-len(texts) // _MOST_TEXTS))
        counts = count(texts[::step])
        numbers, frequencies = np.unique(counts.numbers, return_counts=True)
        kept = np.flatnonzero(frequencies >= min(2, len(counts)))
        if len(kept) > most:
            kept = np.sort(kept[np.argsort(-frequencies[kept], kind="stable")[:most]])
        weights = np.log((1 + len(counts)) / (1 + frequencies[kept])) + 1
        bare = cls(numbers[kept], weights.astype(np.float32), np.empty((len(kept), 0), np.float32))
        matrix = bare.weighted(counts)
        return cls(bare.numbers, bare.weights, _right_singular(matrix, min(dims, *matrix.shape)))

    @property
    def dims(self) -> int:
        return int(self.projection.shape[1])

    def embed(self, texts: Sequence[str]) -> Vectors:
        if len(texts) == 1:
            return self._one(count(texts))
        parts = [np.empty((0, self.dims), np.float32)]
        for start in range(0, len(texts), _CHUNK):
            counts = count(texts[start : start + _CHUNK])
            parts.append(unit(self.weighted(counts) @ self.projection))
        return np.concatenate(parts)

    def weighted(self, counts: Counts) -> Any:
        """The TF-IDF matrix in scipy's compressed rows, each of length 1, shape (n, f)."""
        from scipy.sparse import csr_matrix

        known, at, values = self._terms(counts)
        rows = np.repeat(np.arange(len(counts)), np.diff(counts.starts))[known]
        lengths = np.sqrt(np.bincount(rows, values**2, minlength=len(counts)))
        values = (values / lengths[rows]).astype(np.float32)
        return csr_matrix((values, (rows, at)), shape=(len(counts), len(self.numbers)))

    def _one(self, counts: Counts) -> Vectors:
        """One text without the price of a sparse matrix: the way of serving."""
        _, at, values = self._terms(counts)
        return unit((values.astype(np.float32) @ self.projection[at])[None])

    def _terms(self, counts: Counts) -> tuple[Mask, Ints, Floats]:
        """Which of the features are kept ones, their columns, and their weights."""
        if not len(self.numbers):
            none = np.zeros(len(counts.numbers), np.bool_)
            return none, np.empty(0, np.int64), np.empty(0)
        at = np.minimum(np.searchsorted(self.numbers, counts.numbers), len(self.numbers) - 1)
        known = self.numbers[at] == counts.numbers
        return known, at[known], (1 + np.log(counts.counts[known])) * self.weights[at[known]]


def unit(vectors: npt.NDArray[Any]) -> Vectors:
    """Rows scaled to length 1; a row of zeros stays."""
    vectors = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
    return scaled


def _right_singular(matrix: Any, rank: int) -> Vectors:
    """The first right singular vectors, shape (columns, rank), by a randomised range finder.

    Halko, Martinsson and Tropp 2011 (SIAM Review 53:217), three power iterations; signs are fixed so that
    equal data give equal vectors.
    """
    if rank == 0:
        return np.zeros((matrix.shape[1], 0), np.float32)
    generator = np.random.default_rng(_SEED)
    width = min(rank + 16, *matrix.shape)
    basis = matrix @ generator.standard_normal((matrix.shape[1], width), dtype=np.float32)
    for _ in range(3):
        basis, _ = np.linalg.qr(basis)
        basis = matrix @ (matrix.T @ basis)
    basis, _ = np.linalg.qr(basis)
    image = np.asarray(matrix.T @ basis, dtype=np.float64)
    squares, turned = np.linalg.eigh(image.T @ image)
    kept = np.argsort(-squares, kind="stable")[:rank]
    kept = kept[squares[kept] > 1e-9 * squares.max(initial=0.0)]
    right = image @ turned[:, kept] / np.sqrt(squares[kept])
    heads = right[np.abs(right).argmax(axis=0), np.arange(right.shape[1])]
    return np.ascontiguousarray(right * np.sign(heads), dtype=np.float32)
