"""Cascades over a table: cheap members are asked in turn, and each answer is kept, doubted or handed over.

After every answer the accept score decides: from `accept` on the answer stands, below `defer` the large model
is asked at once, in between the next member. `walk` says what a policy would have scored and cost on recorded
outcomes, `stopping` finds the thresholds that are cheapest when a point of loss has a price (optimal stopping
by backward induction on recorded paths, Longstaff and Schwartz 2001, Rev Financ Stud 14:113; for cascades the
optimum of Dekoninck et al., arXiv 2410.10347). Levers that serve such a policy are in `levers/ladder.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from underdog.routing.accept import AcceptScore, Answered, score_values
from underdog.statistics.vectors import Floats, Ints

NEVER = 2.0
"""An `accept` that no score reaches; as `defer`, -NEVER is one that no score falls below."""


@dataclass(frozen=True)
class CascadePolicy:
    """Members in the order in which they are asked, one accept score and two thresholds a rung.

    `scores[j]` weighs the answers of the first j + 1 members; `trust` are places of members from the most to
    the least trusted: whose answer stands among equally frequent ones. `defer` of the last rung says nothing:
    what is not accepted there is handed over.
    """

    members: tuple[str, ...]
    large: str
    scores: tuple[AcceptScore, ...]
    trust: tuple[int, ...]
    accept: tuple[float, ...]
    defer: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Walk:
    """What a policy did with each question: shapes (n,).

    `asked` is how many members were asked and `kept` whether the members' answer stood; `scores` and `costs`
    are those of the whole cascade.
    """

    asked: Ints
    kept: Ints
    scores: Floats
    costs: Floats


@dataclass(frozen=True, eq=False)
class Rung:
    """One rung on recorded questions: its accept score's values and the standing answer's score, shape (n,).

    A value below 0 means that nothing could be read.
    """

    values: Floats
    scores: Floats


def rungs_of(answered: Answered, policy: CascadePolicy) -> list[Rung]:
    """The rungs of a policy on a table."""
    places = [answered.members.index(name) for name in policy.members]
    rungs = []
    for depth, score in enumerate(policy.scores, start=1):
        seen = answered.matrix(places[:depth], [places[i] for i in policy.trust])
        values = score_values(score.placed(dict(enumerate(places))), seen)
        rungs.append(Rung(values, answered.scores[np.arange(len(values)), seen.owner]))
    return rungs


def walk(answered: Answered, policy: CascadePolicy) -> Walk:
    """The policy on every question of a table, as it would have gone."""
    places = [answered.members.index(name) for name in policy.members]
    return walked(rungs_of(answered, policy), answered, places, (policy.accept, policy.defer))


def walked(
    rungs: Sequence[Rung],
    answered: Answered,
    places: Sequence[int],
    stops: tuple[Sequence[float], Sequence[float]],
) -> Walk:
    """`walk` where the rungs are known; `stops` are the thresholds `accept` and `defer`."""
    n = len(answered.large_scores)
    live, kept = np.ones(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    asked, costs, scores = np.zeros(n, dtype=np.int64), np.zeros(n), answered.large_scores.copy()
    for rung, place, accept, defer in zip(rungs, places, *stops, strict=True):
        asked[live] += 1
        costs[live] += answered.costs[live, place]
        stands = live & (rung.values >= accept) & (rung.values >= 0.0)
        scores[stands] = rung.scores[stands]
        kept |= stands
        live = live & ~stands & (rung.values >= defer)
    costs[~kept] += answered.large_costs[~kept]
    return Walk(asked, kept.astype(np.int64), scores, costs)


@dataclass(frozen=True, eq=False)
class Path:
    """What `stopping` plans with: shapes (rungs, n), and (n,) for the large model.

    `losses` is the loss that is expected of keeping the answer, given its value; `costs` the member's cost.
    """

    values: Floats
    losses: Floats
    costs: Floats
    large_costs: Floats


def stopping(path: Path, price: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The thresholds (accept, defer) that minimise cost + price x loss; `price` is cost per unit of loss.

    From the last rung back: at each, keeping costs the priced loss, handing over the large model's cost, and
    going on what the later rungs then cost on the same question.
    """
    accept, defer = [], []
    ahead = path.large_costs
    for depth in reversed(range(len(path.values))):
        values = path.values[depth]
        keeping, last = price * path.losses[depth], depth == len(path.values) - 1
        going_on = path.large_costs if last else ahead
        high, low = _split(values, keeping - going_on, path.large_costs - going_on)
        accept.append(high)
        defer.append(high if last else low)
        ahead = np.where(values < low, path.large_costs, going_on)
        ahead = np.where(values >= high, keeping, ahead) + path.costs[depth]
    return tuple(accept[::-1]), tuple(defer[::-1])


def _split(values: Floats, keeping: Floats, handing: Floats) -> tuple[float, float]:
    """The thresholds (accept, defer), accept >= defer, of the least total; both costs are less going on's."""
    order = np.argsort(-values, kind="stable")
    ranked = values[order]
    # Only between different values may a threshold stand; entry i: the first i are kept, the rest not.
    between = np.concatenate([[True], ranked[1:] < ranked[:-1], [True]])
    kept = np.where(between, np.concatenate([[0.0], np.cumsum(keeping[order])]), np.inf)
    handed = np.where(between, np.concatenate([np.cumsum(handing[order][::-1])[::-1], [0.0]]), np.inf)
    best = np.minimum.accumulate(kept)
    last = int(np.argmin(best + handed))
    first = int(np.argmax(kept[: last + 1] == best[last]))
    high = NEVER if first == 0 else _between(ranked, first)
    low = -NEVER if last == len(ranked) else _between(ranked, last) if last > 0 else NEVER
    return high, low


def _between(ranked: Floats, place: int) -> float:
    """A threshold that the first `place` reach and the others do not."""
    below = ranked[place] if place < len(ranked) else -1.0
    return float((ranked[place - 1] + below) / 2) if below >= 0 else float(max(0.0, ranked[place - 1] / 2))
