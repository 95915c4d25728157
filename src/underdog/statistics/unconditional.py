"""The exact unconditional score test for paired 0/1 scores: sharper than two Clopper-Pearson bounds.

The bound of `certificate.py` bounds harm and help each at half the risk and so gives a plan little credit for
what it gets right and the large model does not. Here one number orders all outcomes (helps, harms): the score
statistic of Tango 1998 (Stat Med 17:891) at the margin. Its chance of being as good as seen is computed
exactly for a plan that is worse by exactly the margin and maximised over the one thing that this leaves open,
how often the plan helps (Hsueh, Liu and Chen 2001, Biometrics 57:478), within an interval that holds it with
probability 1 - 1e-4, which is added (Berger and Boos 1994, JASA 89:1012). Nothing is approximated: between
the points of the grid the chance is bounded, because it grows with helps and falls with harms.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, log2

import numpy as np

from underdog.statistics.intervals import clopper_pearson
from underdog.statistics.quantiles import binomial_cdf, binomial_mass, check_confidence
from underdog.statistics.vectors import Floats

_OUTSIDE = 1e-4
_CELLS = 64
_TAIL = 8.0


@lru_cache(maxsize=200_000)
def noninferiority_p(helps: int, harms: int, n: int, margin: float) -> float:
    """One-sided p of "the plan is worse than the large model by at least the margin"; exact at any n.

    Raises:
        ValueError: the counts do not fit n, or the margin is not in (0, 1).
    """
    if n < 1 or helps < 0 or harms < 0 or helps + harms > n:
        raise ValueError(f"helps and harms must be counts within n; got {helps} and {harms} of {n}")
    if not 0.0 < margin < 1.0:
        raise ValueError(f"the margin must lie strictly between 0 and 1, for example 0.03; got {margin}")
    if harms - helps >= n * margin:
        return 1.0
    seen = clopper_pearson(helps, n, 1.0 - _OUTSIDE)
    low, high = float(seen.low or 0.0), min(float(seen.high or 1.0), (1.0 - margin) / 2)
    edges = np.linspace(min(low, high), high, _CELLS + 1)
    counts, most = _region(helps, harms, n, margin, (edges[0], edges[-1]))
    # A plan that helps with a chance in the cell helps at most so often and harms at least so often.
    helped, harmed = edges[1:, None], edges[:-1, None] + margin
    mass = binomial_mass(counts, n, helped)
    below = binomial_cdf(most, n - counts, np.minimum(harmed / (1.0 - helped), 1.0))
    chance = (mass * below).sum(axis=1) + np.maximum(0.0, 1.0 - mass.sum(axis=1))
    return min(1.0, float(chance.max()) + _OUTSIDE)


def noninferiority_bound(helps: int, harms: int, n: int, confidence: float = 0.95) -> float:
    """How far below the large model the plan may lie at this confidence (one-sided), by inverting the test.

    At least 0.001: a plan proved better is told so by `paired.py`. Good to 5e-5, on the safe side.
    """
    delta = 1.0 - check_confidence(confidence)
    low, high = max(0.001, (harms - helps) / n), 1.0 - 1e-9
    if noninferiority_p(helps, harms, n, low) <= delta:
        return low
    step = 0.01
    while low + step < high and noninferiority_p(helps, harms, n, low + step) > delta:
        low, step = low + step, step * 2
    high = min(high, low + step)
    while high - low > 5e-5:
        middle = (low + high) / 2
        low, high = (low, middle) if noninferiority_p(helps, harms, n, middle) <= delta else (middle, high)
    return high


def score_statistic(helps: Floats, harms: Floats, n: int, margin: float) -> Floats:
    """Tango's z of "worse by exactly the margin": below zero where the plan does better than that."""
    discordant = helps + harms
    linear = discordant * (1.0 - margin) - 2.0 * margin * (n - harms)
    helped = (linear + np.sqrt(linear**2 + 8.0 * n * helps * margin * (1.0 - margin))) / (4.0 * n)
    z: Floats = (harms - helps - n * margin) / np.sqrt(n * (2.0 * helped + margin - margin**2))
    return z


def _region(
    helps: int, harms: int, n: int, margin: float, chances: tuple[float, float]
) -> tuple[Floats, Floats]:
    """The outcomes at least as good as the seen one: for each number of helps, the most harms (-1: none).

    Numbers of helps that are incredible at these chances are left out; their mass is counted in full.
    """
    seen = float(score_statistic(np.array(float(helps)), np.array(float(harms)), n, margin)) + 1e-12
    first, last = (
        n * chance + sign * _reach(n, chance) for sign, chance in zip((-1, 1), chances, strict=True)
    )
    counts = np.arange(max(0.0, np.floor(first)), min(float(n), ceil(last)) + 1.0)
    low, high = np.full(len(counts), -1.0), np.minimum(n - counts, np.ceil(counts + n * margin))
    for _ in range(ceil(log2(n + 2)) + 1):
        middle = np.floor((low + high + 1.0) / 2.0)
        good = (middle > low) & (score_statistic(counts, np.maximum(middle, 0.0), n, margin) <= seen)
        low, high = np.where(good, middle, low), np.where(good, high, np.maximum(low, middle - 1.0))
    return counts, np.minimum(np.maximum.accumulate(low), n - counts)


def _reach(n: int, chance: float) -> float:
    return float(_TAIL * np.sqrt(n * chance * (1.0 - chance)) + 2 * _TAIL)
