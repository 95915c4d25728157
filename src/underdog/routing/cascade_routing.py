"""Cascade routing: after every answer, any answerer may be next, be skipped, or the best answer be returned.

Dekoninck, Baader and Vechev, arXiv 2410.10347. Routing chooses one answerer by expected quality minus priced
cost; a cascade asks a fixed order. Here every set of answerers that contains those already asked is a plan of
its own: worth the expected quality of the best of its answers, less its price. When no larger set is worth
more than what has been answered, the best answer so far is returned; otherwise the cheapest missing answerer
of the best set is asked. How good the estimates are decides everything: before an answerer has answered its
quality is expected from the question and from what the others said, afterwards from its own answer too.

The price of cost is the one knob; from dear to cheap it gives the curve. A cascade of a fixed order with a
certificate is `planner.py`'s; this is the policy to compare it with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations

import numpy as np

from underdog.errors import DataError
from underdog.routing.accept import AcceptScore, Answered, Matrix, fit_score, score_values, trusted
from underdog.routing.signals import QUESTION
from underdog.statistics.quantiles import normal_quantile
from underdog.statistics.vectors import Floats, Ints, Mask

MOST = 5
"""Answerers beyond this many would make too many sets to be fitted and compared: 2^5 of them."""

_POINTS = 24


@dataclass(frozen=True, eq=False)
class Routed:
    """What cascade routing did: who was asked (n, k), whose answer was returned, its score, the cost."""

    asked: Mask
    returned: Ints
    scores: Floats
    costs: Floats


@dataclass(frozen=True)
class Estimates:
    """Fitted quality estimates of k answerers: plain numbers, so that a lever can hold them.

    `scores[asked]` has one score for each answerer once those of the set `asked` (a bit mask) have answered.
    `spreads` is the standard deviation of what an estimate leaves open before the answerer has answered: it
    makes asking several of equal quality worth more than asking one. `costs` are means.
    """

    answerers: tuple[str, ...]
    scores: tuple[tuple[AcceptScore, ...], ...]
    spreads: tuple[float, ...]
    costs: tuple[float, ...]
    trust: tuple[int, ...]

    def qualities(self, answered: Answered, asked: int) -> Floats:
        """Expected scores once the answerers of a set have answered, shape (n, k)."""
        matrix = _seen(answered, asked, self.trust)
        return np.column_stack([score_values(one, matrix) for one in self.scores[asked]])


def fit_estimates(answered: Answered) -> Estimates:
    """Estimates from recorded outcomes; `answered`'s members are the pool, the large model among them.

    Raises:
        DataError: there are more than five answerers, so too many sets.
    """
    k = len(answered.members)
    if k > MOST:
        raise DataError(
            f"cascade routing takes at most {MOST} answerers; got {k}: choose the best on the curve"
        )
    trust = trusted(answered.scores)
    scores = []
    for asked in range(2**k):
        matrix = _seen(answered, asked, trust)
        scores.append(tuple(fit_score(matrix, answered.scores[:, i], "right") for i in range(k)))
    before = np.column_stack([score_values(one, _seen(answered, 0, trust)) for one in scores[0]])
    after = np.column_stack(
        [score_values(scores[1 << i][i], _seen(answered, 1 << i, trust)) for i in range(k)]
    )
    spreads = tuple(float(one) for one in np.sqrt(((after - before) ** 2).mean(axis=0)))
    costs = tuple(float(one) for one in answered.costs.mean(axis=0))
    return Estimates(answered.members, tuple(scores), spreads, costs, trust)


def cascade_route(estimates: Estimates, answered: Answered, price: float) -> Routed:
    """Every question of a table by the policy; `price` is quality (scores in [0, 1]) per unit of cost.

    Raises:
        DataError: the pool is another than the estimates'.
    """
    if answered.members != estimates.answerers:
        raise DataError(
            f"the estimates are about {', '.join(estimates.answerers)}; the table's pool is "
            f"{', '.join(answered.members)}: fit them on the same pool"
        )
    n, k = answered.scores.shape
    state, live = np.zeros(n, dtype=np.int64), np.ones(n, dtype=np.bool_)
    returned = np.zeros(n, dtype=np.int64)
    for _ in range(k + 1):
        for asked in np.unique(state[live]).tolist():
            rows = np.flatnonzero(live & (state == asked))
            qualities = estimates.qualities(answered.rows(rows), asked)
            following = Choice(estimates, asked, price).following(qualities)
            done = following < 0
            live[rows[done]] = False
            returned[rows[done]] = best_of(qualities[done], asked)
            state[rows[~done]] |= 1 << following[~done]
    told = (state[:, None] >> np.arange(k)) & 1 == 1
    costs = np.where(told, answered.costs, 0.0).sum(axis=1)
    return Routed(told, returned, answered.scores[np.arange(n), returned], costs)


@dataclass(frozen=True, eq=False)
class Choice:
    """The choice after a set has answered: every larger set against stopping here. `price` as above."""

    estimates: Estimates
    asked: int
    price: float

    @cached_property
    def missing(self) -> tuple[int, ...]:
        return tuple(i for i in range(len(self.estimates.answerers)) if not self.asked >> i & 1)

    def following(self, qualities: Floats) -> Ints:
        """Who is asked next for each row of qualities, shape (n,); -1 where the best answer is returned."""
        more = chain.from_iterable(combinations(self.missing, s) for s in range(1, len(self.missing) + 1))
        sets: list[tuple[int, ...]] = list(more)
        if not sets:
            return np.full(len(qualities), -1, dtype=np.int64)
        worth = np.column_stack([self._worth(qualities, one) for one in sets])
        costs = self.estimates.costs
        following = np.array([min(one, key=lambda i: (costs[i], i)) for one in sets], dtype=np.int64)
        chosen: Ints = following[np.argmax(worth, axis=1)]
        if self.asked:
            chosen[worth.max(axis=1) <= self._worth(qualities, ())] = -1
        return chosen

    def _worth(self, qualities: Floats, more: Sequence[int]) -> Floats:
        """Expected quality of the best answer of those asked and these more, less the price of these."""
        have = [i for i in range(qualities.shape[1]) if self.asked >> i & 1]
        known = qualities[:, have].max(axis=1) if have else np.full(len(qualities), -1.0)
        if not more:
            return known
        price = self.price * sum(self.estimates.costs[i] for i in more)
        spreads = np.array([self.estimates.spreads[i] for i in more])
        return _expected_best(known, qualities[:, list(more)], spreads) - price


def _expected_best(known: Floats, means: Floats, spreads: Floats) -> Floats:
    """E[max(known, independent normals)], shape (n,), over the same evenly spread normal points for all rows.

    Each further answerer's points are a fixed shuffle of the first's, so that they are independent and equal
    questions are decided alike.
    """
    grid = np.array([normal_quantile((i + 0.5) / _POINTS) for i in range(_POINTS)])
    best = np.repeat(known[:, None], _POINTS, axis=1)
    for place in range(means.shape[1]):
        order = np.random.default_rng(place).permutation(_POINTS) if place else np.arange(_POINTS)
        best = np.maximum(best, means[:, [place]] + spreads[place] * grid[order])
    value: Floats = best.mean(axis=1)
    return value


def best_of(qualities: Floats, asked: int) -> Ints:
    """The asked answerer of the highest estimate, shape (n,)."""
    have = np.array([bool(asked >> i & 1) for i in range(qualities.shape[1])])
    best: Ints = np.argmax(np.where(have, qualities, -np.inf), axis=1).astype(np.int64)
    return best


def _seen(answered: Answered, asked: int, trust: Sequence[int]) -> Matrix:
    """The question's signals and those of the answers of the set."""
    members = [i for i in range(len(answered.members)) if asked >> i & 1]
    if not members:
        n = len(answered.table)
        return Matrix(QUESTION, answered.asked, np.zeros(n, dtype=np.int64), np.ones(n, dtype=np.bool_))
    seen = answered.matrix(members, trust)
    # An answerer's quality stays defined where nothing could be read: it is then fitted to be low.
    return Matrix(seen.names, seen.values, seen.owner, np.ones(len(seen.owner), dtype=np.bool_))
