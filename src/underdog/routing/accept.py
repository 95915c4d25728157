"""Accept scores: how far an answer of cheap members may be trusted in the large model's place, in [0, 1].

A ridge logistic on answer-side signals (`signals.py`): who agrees, what form the answer has, how much was
written. What it is fitted to is one of three targets, and none is best on every task (benchmarks/cascades),
so the planner chooses. Deferral learned on such features: Gupta et al., arXiv 2404.10136; Yue et al.,
2310.03094. A score is no probability to be believed: its threshold is fitted and certified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, isnan
from typing import Literal, TypeAlias

import numpy as np

from underdog.errors import DataError
from underdog.routing.signals import FINAL, QUESTION, Signals, final_signals, question_signals
from underdog.routing.table import OutcomeTable
from underdog.statistics.vectors import Floats, Ints, Mask

Target: TypeAlias = Literal["right", "not worse", "difference"]
"""What a score predicts: the answer's score, that it is not below the large model's, or the difference."""

TARGETS: tuple[Target, ...] = ("right", "not worse", "difference")

_RIDGE = 1.0
_NEWTON = 12


@dataclass(frozen=True)
class AcceptScore:
    """A fitted logistic: `value(signals)` in [0, 1]; the higher, the safer to keep the answer.

    A signal that is unknown counts as its mean where the score was fitted.
    """

    names: tuple[str, ...]
    weights: tuple[float, ...]
    means: tuple[float, ...]
    bias: float
    target: Target = "right"

    def value(self, found: Signals) -> float:
        """The score of one answer."""
        total = self.bias
        for name, weight, mean in zip(self.names, self.weights, self.means, strict=True):
            seen = found.get(name)
            if seen is not None and not isnan(seen):
                total += weight * (seen - mean)
        return 1.0 / (1.0 + exp(-total)) if total > -500 else 0.0

    def placed(self, places: dict[int, int]) -> AcceptScore:
        """The same score with its members renumbered: "written 2" becomes "written PLACES[2]"."""
        return replace(self, names=tuple(_placed(name, places) for name in self.names))


def _placed(name: str, places: dict[int, int]) -> str:
    head, _, tail = name.rpartition(" ")
    return f"{head} {places[int(tail)]}" if tail.isdigit() else name


@dataclass(frozen=True, eq=False)
class Answered:
    """A table's answers as a cascade sees them. Members and large model are columns of the table.

    `written` and `confidences` are tokens written and stated confidences, shape (n, k), NaN where unknown, or
    None; the table itself does not hold them.

    Raises:
        DataError: the table has no answers, or a score or cost of these answerers is missing.
    """

    table: OutcomeTable
    members: tuple[str, ...]
    large: str
    written: Floats | None = None
    confidences: Floats | None = None

    def __post_init__(self) -> None:
        if self.table.answers is None:
            raise DataError(
                "a cascade looks at answers, and the outcome table has none: give it the final answers, or "
                "route on the questions alone (`underdog route`)"
            )
        for name in (*self.members, self.large):
            column = self.table.column(name)
            for what, values in (("score", self.table.scores), ("cost", self.table.costs)):
                missing = int(np.isnan(values[:, column]).sum())
                if missing:
                    raise DataError(
                        f"{missing} of {len(self.table)} questions have no {what} of {name!r}: leave those "
                        f"questions out, or that answerer"
                    )

    @cached_property
    def scores(self) -> Floats:
        """The members' scores, shape (n, members)."""
        return self.table.scores[:, self._columns]

    @cached_property
    def costs(self) -> Floats:
        """The members' costs, shape (n, members)."""
        return self.table.costs[:, self._columns]

    @cached_property
    def large_scores(self) -> Floats:
        return self.table.scores[:, self.table.column(self.large)]

    @cached_property
    def large_costs(self) -> Floats:
        return self.table.costs[:, self.table.column(self.large)]

    @cached_property
    def codes(self) -> Ints:
        """Final answers as numbers that are equal where the answers are, shape (n, members); -1 unread."""
        rows = []
        for finals in zip(*(self._finals(i) for i in range(len(self.members))), strict=True):
            first = {final: place for place, final in reversed(list(enumerate(finals)))}
            rows.append([-1 if final is None else first[final] for final in finals])
        return np.array(rows, dtype=np.int64).reshape(len(self.table), len(self.members))

    @cached_property
    def asked(self) -> Floats:
        """The question's signals, shape (n, len(QUESTION))."""
        return _stacked([question_signals(text) for text in self.table.questions], len(QUESTION))

    @cached_property
    def forms(self) -> Floats:
        """Each member's final answer's signals, shape (members, n, len(FINAL))."""
        parts = [
            _stacked([final_signals(final) for final in self._finals(i)], len(FINAL))
            for i in range(len(self.members))
        ]
        return np.stack(parts)

    def matrix(self, members: Sequence[int], trust: Sequence[int]) -> Matrix:
        """The signals of the answer that stands once these members (by number) have answered."""
        asked = list(members)
        chosen, readable = _chosen(self.codes[:, asked], [asked.index(i) for i in trust if i in asked])
        owner = np.array(asked, dtype=np.int64)[chosen]
        rows = np.arange(len(owner))
        codes = self.codes[:, asked]
        agrees = ((codes == self.codes[rows, owner][:, None]) & (codes >= 0)).astype(np.float64)
        columns = [self.asked, self.forms[owner, rows], agrees.mean(axis=1, keepdims=True), agrees]
        names = [*QUESTION, *FINAL, "agreeing", *(f"agrees {i}" for i in asked)]
        columns.append((codes >= 0).astype(np.float64))
        names += [f"read {i}" for i in asked]
        if self.written is not None:
            columns.append(np.log1p(self.written[:, self._columns][:, asked]))
            names += [f"written {i}" for i in asked]
        if self.confidences is not None:
            columns.append(self.confidences[:, self._columns][:, asked])
            names += [f"confidence {i}" for i in asked]
        return Matrix(tuple(names), np.hstack(columns), owner, readable)

    def rows(self, at: Ints) -> Answered:
        """The questions at these places."""
        written = None if self.written is None else self.written[at]
        confidences = None if self.confidences is None else self.confidences[at]
        return Answered(self.table.rows(at), self.members, self.large, written, confidences)

    @property
    def _columns(self) -> list[int]:
        return [self.table.column(name) for name in self.members]

    def _finals(self, member: int) -> tuple[str | None, ...]:
        assert self.table.answers is not None
        return self.table.answers[self._columns[member]]


@dataclass(frozen=True, eq=False)
class Matrix:
    """Signals of the answers that stand, shape (n, names); whose answer it is, and whether it was read."""

    names: tuple[str, ...]
    values: Floats
    owner: Ints
    readable: Mask


def trusted(scores: Floats) -> tuple[int, ...]:
    """Members from the best to the worst mean score; equals in the order in which they stand."""
    order = np.argsort(-scores.mean(axis=0), kind="stable")
    return tuple(int(place) for place in order)


def wanted(target: Target, mine: Floats, large: Floats) -> Floats:
    """What a score is fitted to, in [0, 1], shape (n,)."""
    if target == "right":
        return mine
    if target == "not worse":
        return (mine >= large - 1e-12).astype(np.float64)
    return (1.0 + mine - large) / 2.0


def fit_score(matrix: Matrix, goal: Floats, target: Target, start: AcceptScore | None = None) -> AcceptScore:
    """The ridge logistic of `goal` (in [0, 1], shape (n,)) on the signals, by Newton's method.

    Signals that never vary are left out; the others are weighed by their spread, so that the ridge treats
    them alike. `start` is a score of the same names to begin from.
    """
    known = ~np.isnan(matrix.values)
    filled = np.where(known, matrix.values, 0.0)
    means = filled.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, matrix.values, means) - means
    spread = filled.std(axis=0)
    kept = spread > 1e-9
    if start is not None:  # the same signals as those of `start`, even where these rows leave one constant
        kept = np.isin(matrix.names, start.names)
        spread = np.maximum(spread, 1e-3)
    x = np.hstack([filled[:, kept] / spread[kept], np.ones((len(goal), 1))])
    theta = np.zeros(x.shape[1])
    if start is not None:
        theta[:-1] = np.array(start.weights) * spread[kept]
        theta[-1] = start.bias
    theta = _newton(x, goal, theta)
    names = tuple(name for name, keep in zip(matrix.names, kept, strict=True) if keep)
    weights = tuple(float(value) for value in theta[:-1] / spread[kept])
    return AcceptScore(names, weights, tuple(float(m) for m in means[kept]), float(theta[-1]), target)


def _newton(x: Floats, goal: Floats, theta: Floats) -> Floats:
    ridge = np.full(len(theta), _RIDGE)
    ridge[-1] = 1e-3  # the level is nearly free, yet finite where every goal is the same
    for _ in range(_NEWTON):
        chance = 1.0 / (1.0 + np.exp(-np.clip(x @ theta, -30.0, 30.0)))
        slope = x.T @ (chance - goal) + ridge * theta
        bend = (x * (chance * (1.0 - chance))[:, None]).T @ x + np.diag(ridge)
        step = np.linalg.solve(bend, slope)
        theta = theta - np.clip(step, -4.0, 4.0)
        if float(np.abs(step).max()) < 1e-4:
            break
    return theta


def score_values(score: AcceptScore, matrix: Matrix) -> Floats:
    """`score.value` of every row at once, shape (n,); -1 where nothing could be read, so never accepted."""
    at = [matrix.names.index(name) for name in score.names]
    values = matrix.values[:, at] - np.array(score.means)
    total = np.nan_to_num(values) @ np.array(score.weights) + score.bias
    return np.where(matrix.readable, 1.0 / (1.0 + np.exp(-np.clip(total, -500.0, 500.0))), -1.0)


def _chosen(codes: Ints, trust: Sequence[int]) -> tuple[Ints, Mask]:
    """`signals.proposed` of every row: the place of the answer that stands, and whether there is one."""
    votes = (codes[:, :, None] == codes[:, None, :]).sum(axis=2).astype(np.float64)
    votes[codes < 0] = -1.0
    preference = np.empty(codes.shape[1])
    preference[list(trust)] = np.linspace(0.5, 0.0, codes.shape[1])
    return np.argmax(votes + preference, axis=1).astype(np.int64), np.asarray((codes >= 0).any(axis=1))


def _stacked(rows: list[tuple[float, ...]], width: int) -> Floats:
    return np.array(rows, dtype=np.float64).reshape(len(rows), width)
