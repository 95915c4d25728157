"""Levers over recorded calls: every arm's score, cost and calls on every item, and the exhaustive verdict.

An arm here is a lever of `underdog.levers` worked out on recorded calls: a model alone, a vote or panel, a
panel that keeps its answer where enough of it agrees and else hands over, members asked in turn. Calls are
shared between arms as the bank shares them: each is a bit, an arm on an item is the set of its bits, and what
several arms need is counted once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.truth.recordings import UNREAD, Calls, Floats, Ints

from underdog.statistics import paired_difference
from underdog.studies.verdict import Verdict, judge


@dataclass(frozen=True)
class Lever:
    """One arm on all items; each column has shape (items,). `calls` has a bit for each call made."""

    scores: Floats
    costs: Floats
    calls: Ints


@dataclass(frozen=True)
class Grid:
    """All arms on all items of one task against one large model.

    `scores`, `costs` and `calls` have shape (arms, items); `weights` is what each bit of `calls` counts.
    Arms are in the order in which a study would list them: models before levers.
    """

    name: str
    arms: tuple[str, ...]
    large: int
    margin: float
    scores: Floats
    costs: Floats
    calls: Ints
    weights: Ints

    @property
    def items(self) -> int:
        return len(self.scores[0])

    def counted(self, needed: Ints) -> int:
        """How many model calls these sets of calls, one an item, are."""
        return int(sum(weight * int(((needed >> bit) & 1).sum()) for bit, weight in enumerate(self.weights)))

    def all_calls(self, items: Ints) -> int:
        """The model calls of every arm on these items, shared ones counted once."""
        return self.counted(np.bitwise_or.reduce(self.calls[:, items], axis=0))

    def keys(self, arm: int, items: Ints) -> list[tuple[tuple[int, int], ...]]:
        """The calls of one arm on these items, a tuple of keys an item, as a race is told of them."""
        known: dict[int, tuple[tuple[int, int], ...]] = {}
        for needed in set(self.calls[arm, items].tolist()):
            bits = [(bit, int(weight)) for bit, weight in enumerate(self.weights) if needed >> bit & 1]
            known[needed] = tuple((bit, call) for bit, weight in bits for call in range(weight))
        return [known[needed] for needed in self.calls[arm, items].tolist()]

    def verdict(self, arm: int, items: Ints) -> Verdict:
        """The verdict on one arm against the large model on these items."""
        paired = paired_difference(self.scores[arm, items], self.scores[self.large, items])
        costs = self.costs[:, items].mean(axis=1)
        return judge(paired, self.margin, self.arms[arm], float(costs[arm]), float(costs[self.large]))


class Table:
    """Recorded calls, and the levers that can be made of them."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.bits = {name: np.int64(1 << index) for index, name in enumerate(calls)}

    def grid(self, name: str, large: str, margin: float, levers: Mapping[str, Lever]) -> Grid:
        """The grid of these levers; the large model is one of them."""
        arms = tuple(levers)
        return Grid(
            name,
            arms,
            arms.index(large),
            margin,
            np.stack([lever.scores for lever in levers.values()]),
            np.stack([lever.costs for lever in levers.values()]),
            np.stack([lever.calls for lever in levers.values()]),
            np.array([call.weight for call in self.calls.values()]),
        )

    def alone(self, name: str) -> Lever:
        """A model as it is."""
        call = self.calls[name]
        return Lever(call.scores, call.costs, np.full(len(call.scores), self.bits[name]))

    def panel(self, members: Sequence[str]) -> Lever:
        """The plurality of members (or of draws) that are all asked; ties go to the member named first."""
        scores, _ = self._plurality(members)
        costs = sum((self.calls[name].costs for name in members), np.zeros(len(scores)))
        return Lever(scores, costs, np.full(len(scores), self._all(members)))

    def cascade(self, members: Sequence[str], need: int, otherwise: Lever) -> Lever:
        """The panel's answer where at least `need` of its members gave it, else another lever's."""
        panel = self.panel(members)
        _, votes = self._plurality(members)
        return _handed_over(panel, votes >= need, otherwise)

    def agree(self, members: Sequence[str], otherwise: Lever) -> Lever:
        """Members asked in turn as long as all say the same; the first dissent hands over."""
        finals = np.stack([self.calls[name].finals for name in members])
        same = (finals == finals[0]) & (finals != UNREAD)
        together = np.logical_and.accumulate(same, axis=0)
        # A member is asked when all before it agreed; the first two always are, unless the first is unread.
        asked = np.vstack([np.ones_like(together[:1]), together[:-1]])
        costs = np.stack([self.calls[name].costs for name in members])
        bits = np.array([self.bits[name] for name in members])
        first = self.calls[members[0]]
        kept = Lever(
            first.scores,
            np.where(asked, costs, 0.0).sum(axis=0),
            np.bitwise_or.reduce(np.where(asked, bits[:, None], 0), axis=0),
        )
        return _handed_over(kept, together[-1], otherwise)

    def _all(self, members: Iterable[str]) -> np.int64:
        return np.int64(sum(int(self.bits[name]) for name in set(members)))

    def _plurality(self, members: Sequence[str]) -> tuple[Floats, Ints]:
        """The plurality's score on each item, and how many members gave its answer."""
        finals = np.stack([self.calls[name].finals for name in members])
        scores = np.stack([self.calls[name].scores for name in members])
        agreeing = ((finals[:, None] == finals[None]) & (finals != UNREAD)[None]).sum(axis=1)
        votes = np.where(finals == UNREAD, 0, agreeing)
        winner = votes.argmax(axis=0)
        at = np.arange(finals.shape[1])
        # Where nobody could be read the first member stands, with no vote, as levers/vote.py has it.
        return scores[winner, at], votes[winner, at]


def _handed_over(kept: Lever, keeps: np.ndarray, otherwise: Lever) -> Lever:
    return Lever(
        np.where(keeps, kept.scores, otherwise.scores),
        kept.costs + np.where(keeps, 0.0, otherwise.costs),
        kept.calls | np.where(keeps, 0, otherwise.calls),
    )
