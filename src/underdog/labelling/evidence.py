"""How sure some labels make a difference: two uncertainties in one bet that holds whenever one looks.

Two things are not known: what the labels that were not given would be, and what examples that were not drawn
would show. Each has its gambler. The first (`bound.py`) bets on the total of the differences of these
examples, the second (`statistics/betting.py`), as if he saw all labels, on the mean that such examples have.
Given these examples the first one's wealth has mean at most 1 at their true total, so the product of both
wealths has mean at most 1 there, if the mean is not above the level that is bet on. The true total is not
known; the smallest product over all totals is no larger. When it reaches 1/risk the mean is above the level,
wrongly at most with probability risk, after any label (Ville). Product and smallest total add variances,
where one interval inside another would add widths, and so take half as many labels again.

How many of the rest are decided at all matters to the second gambler; a tenth of the risk pays for a bound.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, log

import numpy as np

from underdog.labelling.bound import Draws, Floats, Stratum, ends, evidence_above, total_at_most
from underdog.statistics.betting import log_wealth
from underdog.statistics.vectors import Ints, group_sums

SPREAD_SHARE = 0.1
"""Of the risk, the part spent on how many of the disagreements that are left are decided."""

_TOTALS = 48
_STEPS = 20


@dataclass(frozen=True)
class Rest:
    """What is not labelled, in the order in which it is filled in: where, and whether it can be -1 and +1.

    `places` are positions among all examples; all three arrays have one length.
    """

    places: Ints
    harms: np.ndarray[tuple[int], np.dtype[np.bool_]]
    helps: np.ndarray[tuple[int], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Evidence:
    """For one side: the labels as draws, and what they leave open. The other side is the same, mirrored.

    `known` holds a difference in {-1, 0, 1} for every scored example, shape (n,): what the draws say in their
    places, 0 where two agree and where it is open. `codes` numbers their groups, or is None. `risk` is that
    of this side.
    """

    draws: Draws
    known: Floats
    rest: Rest
    codes: Ints | None
    risk: float

    def above(self, level: float) -> bool:
        """Whether the mean difference is above `level`, in (-1, 1), with risk at most `risk`."""
        return self._log_wealth(level) >= -log(self.risk * (1.0 - SPREAD_SHARE))

    @cached_property
    def low(self) -> float:
        """The greatest level that the mean is surely above; -1 when there is none."""
        outside, inside = -1.0, float(self.known.mean())
        inside = max(inside, (ends(self.draws)[1]) / len(self.known))
        for _ in range(_STEPS):
            middle = (outside + inside) / 2
            outside, inside = (middle, inside) if self.above(middle) else (outside, middle)
        return outside

    @cached_property
    def _decided(self) -> int:
        """At most so many examples differ."""
        return total_at_most(decided(self.draws), self.risk * SPREAD_SHARE)

    @cached_property
    def _grid(self) -> tuple[Floats, Floats]:
        """Totals in steps over all that can be, and the first gambler's log wealth at each step's end."""
        least, most = ends(self.draws)
        steps = np.unique(np.linspace(least, most, min(_TOTALS, most - least + 1)).round())
        # Between two steps the wealth is at least what it is at the upper one.
        wealth = evidence_above(self.draws, np.append(steps[1:] - 1, most) if len(steps) > 1 else steps)
        kept = np.isfinite(wealth)
        return steps[kept], wealth[kept]

    @cached_property
    def _filled(self) -> tuple[Floats, Floats, Floats]:
        """For every total of the grid all examples filled in, by group.

        The distinct (sum, size) of groups, shape (u,) each, and how many groups are so, shape (totals, u).
        """
        size = len(self.known)
        sizes = group_sums(np.zeros(size), self.codes)[1].astype(np.int64)
        largest = int(sizes.max())
        labelled, spare = float(self.known.sum()), self._decided - float(np.count_nonzero(self.draws.values))
        keys = []
        for total in self._grid[0].tolist():
            filled = self.known + fill(self.rest, total - labelled, spare, size)
            sums = group_sums(filled, self.codes)[0].round().astype(np.int64)
            keys.append((sums + largest) * (largest + 1) + sizes)
        kinds = np.unique(np.concatenate(keys))
        counts = [np.bincount(np.searchsorted(kinds, row), minlength=len(kinds)) for row in keys]
        sums_of, sizes_of = kinds // (largest + 1) - largest, kinds % (largest + 1)
        return sums_of.astype(np.float64), sizes_of.astype(np.float64), np.array(counts, dtype=np.float64)

    def _log_wealth(self, level: float) -> float:
        """The smallest product of both gamblers' wealths over all totals, as a logarithm."""
        level = max(level, -1.0 + 1e-9)
        sums, sizes, counts = self._filled
        values = (sums - level * sizes) / sizes.max() + level
        return float((self._grid[1] + log_wealth(level, values, counts)).min())


def fill(rest: Rest, total: float, spare: float, count: int) -> Floats:
    """The open examples filled in, shape (count,): they add up to `total`, and about `spare` differ.

    Harms first, in the order of the rest: what can only harm, then group by group, the widest spread.
    Where the rest cannot add up so high it adds up to less.
    """
    spare = min(max(spare, abs(total)), len(rest.places))
    harms = min(max(0, ceil((spare - total) / 2 - 1e-9)), int(rest.harms.sum()))
    helps = max(0, round(harms + total))
    values = np.zeros(count)
    harmed = rest.harms & (np.cumsum(rest.harms) <= harms)
    free = rest.helps & ~harmed
    values[rest.places[harmed]] = -1.0
    values[rest.places[free & (np.cumsum(free) <= helps)]] = 1.0
    return values


def decided(draws: Draws) -> Draws:
    """The same draws with 1 for what differs, either way, and 0 for what does not."""
    strata = tuple(Stratum(s.size, s.weight, 0.0, 1.0, min(1.0, 0.3 + abs(s.guess))) for s in draws.strata)
    return replace(draws, strata=strata, values=np.abs(draws.values))
