"""Conformal risk control: the boldest candidate whose *expected* loss stays within a level.

Angelopoulos et al., arXiv 2208.02814. A weaker promise than the certificate's and one that fewer examples
buy: averaged over calibration sets the next request's loss is at most the level, while a certificate holds
for this calibration set with the stated confidence. Losses must not fall as candidates grow bolder; where an
example's do, the highest so far is taken in their place, which keeps the promise and costs boldness.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from underdog.statistics.vectors import Floats


@dataclass(frozen=True, slots=True)
class RiskControl:
    """The boldest candidate within the level; `index` is None where even the safest is not.

    `risk` is its mean loss on the examples and `bound` what was compared with the level,
    (n risk + largest) / (n + 1). `needed` is the least n at which a candidate without any loss would pass.
    """

    index: int | None
    n: int
    level: float
    risk: float | None
    bound: float | None
    needed: int
    note: str = ""


def control_risk(losses: Floats, level: float, largest: float = 1.0) -> RiskControl:
    """Choose among candidates, ordered from safest to boldest; `losses` has shape (candidates, n).

    Losses are at most `largest`: the harm (large right, plan wrong) for a promise about harm, or the
    difference large minus plan, in [-1, 1], for one about the mean. Examples must be exchangeable with the
    requests to come, so take one a group.

    Raises:
        ValueError: no candidate, a loss above `largest` or undefined, or a level outside (0, largest).
    """
    if losses.ndim != 2 or len(losses) == 0:
        raise ValueError("control_risk needs losses of shape (candidates, n), from safest to boldest")
    if not 0.0 < level < largest:
        raise ValueError(f"the level must lie between 0 and the largest loss {largest:g}; got {level}")
    if not bool((losses <= largest + 1e-9).all()):  # a NaN is not within it either
        raise ValueError(f"losses must be numbers of at most {largest:g}; count a failed pair as {largest:g}")
    n = losses.shape[1]
    needed = ceil(largest / level - 1e-9) - 1
    if n == 0:
        return RiskControl(None, 0, level, None, None, needed, f"no examples; it takes at least {needed}")
    risks = np.maximum.accumulate(losses, axis=0).mean(axis=1)
    bounds = (n * risks + largest) / (n + 1)
    within = np.flatnonzero(bounds <= level)
    if len(within) == 0:
        note = (
            f"{n} examples are too few for a level of {level:g}: it takes at least {needed}"
            if n < needed
            else f"even the safest candidate lost {risks[0]:.3f} on average: too much for {level:g}"
        )
        return RiskControl(None, n, level, float(risks[0]), float(bounds[0]), needed, note)
    best = int(within[-1])
    return RiskControl(best, n, level, float(risks[best]), float(bounds[best]), needed)
