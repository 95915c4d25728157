"""How low a total may be when only some of its items are known, drawn at random and without replacement.

Betting for weighted draws without replacement (Shekhar, Xu, Lipton, Liang and Ramdas, arXiv 2305.06884, on
Waudby-Smith and Ramdas, arXiv 2006.04347). Given all earlier draws, the next item is drawn with probability
weight / sum of the weights that are left, so that

    what is known + what is guessed of the rest + (value - guess) of the drawn item / its probability

has the true total as its mean, whatever was guessed before the draw. A gambler who bets that the total is
above T multiplies his wealth by a factor of mean at most 1 if it is not; the average over several stakes
reaches 1/risk with probability at most risk, however often one looks and whenever one stops (Ville). Guesses
only make it quicker: they follow the labels of the item's stratum seen so far.

Numbers in, numbers out: knows nothing of labels, models or verdicts.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_STAKES: Floats = 0.98 * np.exp2(-0.5 * np.arange(14.0))
_STEPS = 30
# A guess counts as so many labels of its stratum: few enough to be overruled soon.
_PRIOR_LABELS = 3.0


@dataclass(frozen=True)
class Stratum:
    """Items that look alike before they are labelled: `size` of them, of one weight and one range.

    `low` and `high` bound each item's value, `guess` is what is expected of it.
    """

    size: int
    weight: float
    low: float
    high: float
    guess: float

    @property
    def mirrored(self) -> Stratum:
        """The same items with every value's sign changed."""
        return Stratum(self.size, self.weight, -self.high, -self.low, -self.guess)


@dataclass(frozen=True)
class Draws:
    """Items in the order in which they were drawn: each one's stratum, by number, and its value.

    `values` has shape (drawn,); the items that were not drawn are the rest of each stratum.
    """

    strata: tuple[Stratum, ...]
    homes: npt.NDArray[np.int64]
    values: Floats

    @property
    def mirrored(self) -> Draws:
        """The same draws with every value's sign changed."""
        return Draws(tuple(stratum.mirrored for stratum in self.strata), self.homes, -self.values)


def total_at_least(draws: Draws, risk: float) -> int:
    """The least total that the draws leave plausible, for values that are whole numbers.

    With probability at least 1 - risk the true total is never below what this returns, after any number of
    draws. With everything drawn it is the total itself.
    """
    below, above = map(float, ends(draws))
    for _ in range(_STEPS):
        middle = (below + above) / 2
        rejected = evidence_above(draws, np.array([middle]))[0] >= -log(risk)
        below, above = (middle, above) if rejected else (below, middle)
    return ceil(below - 1e-6)


def total_at_most(draws: Draws, risk: float) -> int:
    """The greatest total that the draws leave plausible; as `total_at_least`, mirrored."""
    return -total_at_least(draws.mirrored, risk)


def ends(draws: Draws) -> tuple[int, int]:
    """The least and the greatest total that are possible at all."""
    left = _left(draws)[-1]
    low, high = (np.array([getattr(one, end) for one in draws.strata]) for end in ("low", "high"))
    known = float(draws.values.sum())
    return round(known + float(left @ low)), round(known + float(left @ high))


def evidence_above(draws: Draws, totals: Floats) -> Floats:
    """Log wealth of betting that the true total is above each of `totals`; infinite where it surely is."""
    least = float(ends(draws)[0])
    if len(draws.values) == 0:
        return np.where(totals < least, np.inf, 0.0)
    estimates, floors = _estimates(draws)
    least = max(least, float(floors.max()))
    # An estimate has the true total as its mean, so that is nowhere below the least it could have been.
    room = np.maximum(totals[:, None] - floors, 1e-9)
    gain = (estimates - floors) / room - 1.0
    logs = np.log1p(gain[..., None] * _STAKES).sum(axis=1)
    top = logs.max(axis=1)
    wealth = top + np.log(np.exp(logs - top[:, None]).mean(axis=1))
    return np.where(totals < least - 1e-9, np.inf, wealth)


def stratified_total(draws: Draws) -> float:
    """The unbiased estimate: within a stratum every order is equally likely, so its mean stands for its rest.

    A stratum without a label is taken at its guess, and the estimate is then as good as the guess.
    """
    counts, sums = _tallies(draws)
    sizes = np.array([one.size for one in draws.strata], dtype=np.float64)
    guesses = np.array([one.guess for one in draws.strata])
    means = np.divide(sums, counts, out=guesses, where=counts > 0)
    return float(sums.sum() + (sizes - counts) @ means) if len(sizes) else 0.0


def residual_variance(draws: Draws) -> float:
    """The variance of a value within its stratum, averaged over items; what a plan for more draws needs.

    Each stratum is smoothed by one label at either end of its range, so that it is never 0 by luck.
    """
    counts, sums = _tallies(draws)
    squares = np.bincount(draws.homes, weights=draws.values**2, minlength=len(draws.strata))
    low, high = (np.array([getattr(one, end) for one in draws.strata]) for end in ("low", "high"))
    sizes = np.array([one.size for one in draws.strata], dtype=np.float64)
    mean = (sums + low + high) / (counts + 2)
    within = (squares + low**2 + high**2) / (counts + 2) - mean**2
    return float(sizes @ within / sizes.sum())


def _tallies(draws: Draws) -> tuple[Floats, Floats]:
    """Labels and their sum by stratum."""
    count = len(draws.strata)
    counts: Floats = np.bincount(draws.homes, minlength=count).astype(np.float64)
    sums: Floats = np.bincount(draws.homes, weights=draws.values, minlength=count).astype(np.float64)
    return counts, sums


def _left(draws: Draws) -> Floats:
    """Items of each stratum left before each draw and after the last, shape (drawn + 1, strata)."""
    drawn = np.zeros((len(draws.values) + 1, len(draws.strata)))
    drawn[np.arange(1, len(draws.values) + 1), draws.homes] = 1.0
    sizes = np.array([one.size for one in draws.strata], dtype=np.float64)
    left: Floats = sizes - drawn.cumsum(axis=0)
    return left


def _estimates(draws: Draws) -> tuple[Floats, Floats]:
    """Each draw's unbiased estimate of the total, and the least that it could have been; shape (drawn,)."""
    count = len(draws.values)
    steps = np.arange(count)
    each = np.zeros((count, len(draws.strata)))
    each[steps, draws.homes] = draws.values
    before = each.cumsum(axis=0) - each
    left, sizes = _left(draws)[:-1], np.array([one.size for one in draws.strata], dtype=np.float64)
    prior, low, weights = (
        np.array([getattr(one, name) for one in draws.strata]) for name in ("guess", "low", "weight")
    )
    guesses = (before + _PRIOR_LABELS * prior) / (sizes - left + _PRIOR_LABELS)
    share = (left @ weights)[:, None] / weights
    base = before.sum(axis=1) + (left * guesses).sum(axis=1)
    worst = np.where(left > 0, (low - guesses) * share, np.inf).min(axis=1)
    off = draws.values - guesses[steps, draws.homes]
    return base + off * share[steps, draws.homes], base + worst
