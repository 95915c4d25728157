"""From lists with gaps to arrays: score vectors where None or NaN means failed, and groups as numbers."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Ints: TypeAlias = npt.NDArray[np.int64]
Scores: TypeAlias = Sequence[float | None] | Floats
Groups: TypeAlias = Sequence[Hashable] | npt.NDArray[np.generic]


def score_vector(scores: Scores, low: float = 0.0, high: float = 1.0) -> Floats:
    """Scores as floats, None as NaN (and NaN as None).

    Raises:
        ValueError: a score lies outside [low, high].
    """
    array = np.array([np.nan if s is None else s for s in scores], dtype=np.float64)
    outside = (array < low - 1e-9) | (array > high + 1e-9)
    if outside.any():
        where = int(np.flatnonzero(outside)[0])
        raise ValueError(f"scores must lie in [{low:g}, {high:g}]; got {array[where]:g} at position {where}")
    return np.clip(array, low, high)


def same_length(*vectors: Sequence[object] | npt.NDArray[np.generic]) -> None:
    """Raises ValueError when the vectors are not about the same items."""
    lengths = {len(vector) for vector in vectors}
    if len(lengths) > 1:
        raise ValueError(f"paired vectors must have one length; got {sorted(lengths)}")


def group_codes(groups: Groups | None, keep: Mask) -> Ints | None:
    """Groups of the kept items as 0..G-1 in order of appearance; None when every item stands alone."""
    if groups is None:
        return None
    same_length(groups, keep)
    seen: dict[Hashable, int] = {}
    codes = np.array(
        [seen.setdefault(g, len(seen)) for g, kept in zip(groups, keep, strict=True) if kept],
        dtype=np.int64,
    )
    return None if len(seen) == len(codes) else codes


def group_sums(values: Floats, codes: Ints | None) -> tuple[Floats, Floats]:
    """Sums of values and numbers of items by group; each item its own group when codes are None."""
    if codes is None:
        return values, np.ones_like(values)
    sums: Floats = np.bincount(codes, weights=values).astype(np.float64)
    return sums, np.bincount(codes).astype(np.float64)


def is_binary(values: Floats) -> bool:
    """Whether every value is 0 or 1."""
    return bool(np.all((values == 0.0) | (values == 1.0)))
