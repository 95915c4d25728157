"""Evidence by betting: the wealth of a gambler who bets that a mean in [-1, 1] is above a level.

Against "the mean is m" the gambler stakes the same fraction of his wealth on every difference d:
each bet multiplies it by 1 + f (d - m) / (1 + m), which has mean 1 when m is true, for every fraction f in
[0, 1). The average over many fractions is then a nonnegative martingale starting at 1, so by Ville's
inequality it ever reaches 1/delta with probability at most delta: no matter when one looks, how the
differences are distributed, or how few they are (Waudby-Smith and Ramdas, arXiv 2010.09686; Howard et al.,
arXiv 1810.08240).

Fixed fractions were chosen over ones that follow the data: the wealth then depends on the differences only
through how often each value occurred, so row order does not matter, batches are free, and every interval
contains the mean seen so far (by the inequality of means the wealth at the observed mean is at most 1).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from underdog.statistics.vectors import Floats

_FRACTIONS: Floats = 0.98 * np.exp2(-0.5 * np.arange(18.0))
_STEPS = 45
_CELLS = 2_000_000

Counts = npt.NDArray[np.float64] | npt.NDArray[np.int64]


def log_wealth(level: float | Floats, values: Floats, counts: Counts) -> Floats:
    """Log wealth after betting that the mean is above `level`.

    `values`, shape (u,), are the distinct differences in [-1, 1]; `counts`, shape (..., u), how often
    each occurred; `level`, shape (...) or a number, lies in (-1, 1).
    """
    gain = (1.0 + values) / (1.0 + np.asarray(level, dtype=np.float64)[..., None]) - 1.0
    logs = np.log1p(gain[..., None] * _FRACTIONS)
    each = np.einsum("...u,...uf->...f", np.asarray(counts, dtype=np.float64), logs)
    top = each.max(axis=-1)
    wealth: Floats = top + np.log(np.exp(each - top[..., None]).mean(axis=-1))
    return wealth


def lower_bound(values: Floats, counts: Counts, delta: float) -> Floats:
    """The largest level at which the wealth has reached 1/delta, shape (...); -1 where none has.

    With probability at least 1 - delta the mean is above it at every count at once.
    """
    counts = np.asarray(counts, dtype=np.float64)
    if counts.ndim > 1:
        rows = max(1, _CELLS // (len(values) * len(_FRACTIONS)))
        flat = counts.reshape(-1, counts.shape[-1])
        parts = [_lower(values, flat[i : i + rows], delta) for i in range(0, len(flat), rows)]
        return np.concatenate(parts).reshape(counts.shape[:-1])
    return _lower(values, counts, delta)


def _lower(values: Floats, counts: Floats, delta: float) -> Floats:
    needed = -np.log(delta)
    totals = counts.sum(axis=-1)
    means = np.divide(counts @ values, totals, out=np.zeros_like(totals), where=totals > 0)
    outside, inside = np.full_like(means, -1.0), np.asarray(means)
    for _ in range(_STEPS):
        middle = (outside + inside) / 2
        rejected = log_wealth(np.maximum(middle, -1.0 + 1e-12), values, counts) >= needed
        outside, inside = np.where(rejected, middle, outside), np.where(rejected, inside, middle)
    bound: Floats = outside
    return bound
