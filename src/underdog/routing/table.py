"""The outcome table: which answerer got which question how right, at what cost. The one input of this room.

An answerer is a plan, not only a model: small, small with five votes, small tuned, large are four columns.
Nothing here reads files (`reading.py`), fits or judges anything.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from underdog.errors import DataError
from underdog.statistics.vectors import Floats, Ints, Mask

Finals: TypeAlias = tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True, eq=False)
class OutcomeTable:
    """Question x answerer: score, cost, and where known latency, tokens and answer.

    Attributes:
        questions: the texts, shape (n,); empty where only ids are known.
        ids: one a question, shape (n,).
        groups: shape (n,); questions that share one are never split across folds.
        categories: shape (n,), or None when there are none.
        answerers: the names of the columns, shape (k,).
        scores: shape (n, k), in [0, 1]; NaN where a cell is missing.
        costs: shape (n, k), not below 0, in one unit for the whole table; NaN where unknown.
        latencies: seconds, shape (n, k), or None; NaN where unknown.
        tokens: read and written, shape (n, k), or None; NaN where unknown.
        answers: the final answers, one tuple of n an answerer, or None; None where unread or missing.

    Raises:
        DataError: shapes do not fit, names are doubled, or a number is out of its range.
    """

    questions: tuple[str, ...]
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    categories: tuple[str, ...] | None
    answerers: tuple[str, ...]
    scores: Floats
    costs: Floats
    latencies: Floats | None = None
    tokens: Floats | None = None
    answers: Finals | None = None

    def __post_init__(self) -> None:
        self._check_shapes()
        doubled = _first_double(self.answerers)
        if doubled is not None:
            raise DataError(f"the outcome table names the answerer {doubled!r} twice: names must differ")
        for what, values, top in (("score", self.scores, 1.0), ("cost", self.costs, np.inf)):
            wrong = (values < -1e-9) | (values > top + 1e-9) | np.isinf(values)
            if wrong.any():
                row, column = (int(at[0]) for at in np.nonzero(wrong))
                span = "in [0, 1]" if top == 1.0 else "a number not below 0"
                raise DataError(
                    f"question {self.ids[row]!r}, answerer {self.answerers[column]!r}: a {what} must be "
                    f"{span}; got {values[row, column]:g}"
                )

    def _check_shapes(self) -> None:
        n, k = len(self.ids), len(self.answerers)
        lists = {"questions": self.questions, "groups": self.groups, "categories": self.categories}
        for name, values in lists.items():
            if values is not None and len(values) != n:
                raise DataError(f"the outcome table has {n} ids but {len(values)} {name}")
        tables = {"scores": self.scores, "costs": self.costs}
        tables |= {"latencies": self.latencies, "tokens": self.tokens}  # type: ignore[dict-item]
        for name, table in tables.items():
            if table is not None and table.shape != (n, k):
                raise DataError(f"the outcome table's {name} must have shape {(n, k)}; got {table.shape}")
        if self.answers is not None and [len(one) for one in self.answers] != [n] * k:
            raise DataError(f"the outcome table's answers must be {k} tuples of {n}, one an answerer")

    def __len__(self) -> int:
        return len(self.ids)

    def column(self, answerer: str) -> int:
        """Where an answerer's column is.

        Raises:
            DataError: the table does not know it.
        """
        if answerer not in self.answerers:
            known = ", ".join(self.answerers[:12]) + (", ..." if len(self.answerers) > 12 else "")
            raise DataError(f"the outcome table has no answerer {answerer!r}; it has {known}")
        return self.answerers.index(answerer)

    def rows(self, chosen: Ints | Mask) -> OutcomeTable:
        """The questions at these places (or where a mask of shape (n,) is true), in that order."""
        at = np.flatnonzero(chosen) if chosen.dtype == np.bool_ else chosen

        def of(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(values[i] for i in at.tolist())

        return replace(
            self,
            questions=of(self.questions),
            ids=of(self.ids),
            groups=of(self.groups),
            categories=None if self.categories is None else of(self.categories),
            scores=self.scores[at],
            costs=self.costs[at],
            latencies=None if self.latencies is None else self.latencies[at],
            tokens=None if self.tokens is None else self.tokens[at],
            answers=None if self.answers is None else tuple(of(one) for one in self.answers),
        )

    def only(self, answerers: Sequence[str]) -> OutcomeTable:
        """The columns of these answerers, in this order.

        Raises:
            DataError: the table does not know one of them.
        """
        at = [self.column(name) for name in answerers]
        return replace(
            self,
            answerers=tuple(answerers),
            scores=self.scores[:, at],
            costs=self.costs[:, at],
            latencies=None if self.latencies is None else self.latencies[:, at],
            tokens=None if self.tokens is None else self.tokens[:, at],
            answers=None if self.answers is None else tuple(self.answers[i] for i in at),
        )

    @property
    def coverage(self) -> Floats:
        """The share of the questions on which each answerer has a score, shape (k,)."""
        return np.asarray((~np.isnan(self.scores)).mean(axis=0), dtype=np.float64)

    def complete(self, coverage: float = 0.0) -> OutcomeTable:
        """The answerers scored on at least this share, on the questions that all of those answered."""
        kept = [name for name, share in zip(self.answerers, self.coverage, strict=True) if share >= coverage]
        table = self.only(kept)
        return table.rows(np.flatnonzero(~np.isnan(table.scores).any(axis=1)))


def column_means(values: Floats) -> Floats:
    """Means over the known cells, shape (k,) of (n, k); NaN for a column without any."""
    known = ~np.isnan(values)
    sums = np.where(known, values, 0.0).sum(axis=0)
    counts = known.sum(axis=0)
    means: Floats = np.divide(sums, counts, out=np.full(values.shape[1], np.nan), where=counts > 0)
    return means


def codes_of(values: Sequence[Hashable]) -> Ints:
    """Each value's number, counted from 0 in order of appearance, shape (n,)."""
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(value, len(seen)) for value in values], dtype=np.int64)


def _first_double(names: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
