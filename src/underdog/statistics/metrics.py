"""Metrics over (final, target) label pairs that are not means over items, and their intervals.

Every function takes `finals` (what was read out of each answer; None is unread and counts as wrong) and
`targets`, both of length n. Trials that FAILED are left out before. Classes are those of the targets: a
made-up label is a wrong answer, not a new class to average over. Undefined is None.

The interval is a Bayesian bootstrap of the items (or groups) with one pessimistic item added for the lower
end and one optimistic one for the upper: the method of `bounded.py`, carried to metrics. Resampling is not
stratified by class, because how often each class comes is chance in the user's traffic too; and the added
item keeps a perfect run of 20 from claiming certainty, as a plain bootstrap would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from underdog.statistics.intervals import Interval, undefined
from underdog.statistics.quantiles import check_confidence, normal_quantile, normal_tail
from underdog.statistics.vectors import Floats, Groups, Ints, Mask, group_codes, same_length

Labels = Sequence[str | None]
Name = Literal["accuracy", "macro_f1", "mcc", "kappa", "quadratic_kappa"]

_DRAWS = 4_000
_SEED = 1981_9_130


def accuracy(finals: Labels, targets: Sequence[str]) -> float | None:
    """Share of finals equal to their target."""
    return _point("accuracy", finals, targets)


def macro_f1(finals: Labels, targets: Sequence[str]) -> float | None:
    """Mean over the targets' classes of F1; a class never predicted has F1 0."""
    return _point("macro_f1", finals, targets)


def mcc(finals: Labels, targets: Sequence[str]) -> float | None:
    """Matthews correlation for any number of classes (Gorodkin 2004); None when either side is constant."""
    return _point("mcc", finals, targets)


def kappa(finals: Labels, targets: Sequence[str]) -> float | None:
    """Cohen's kappa; None when the targets are all of one class, where it could only be 0."""
    return _point("kappa", finals, targets)


def quadratic_kappa(finals: Labels, targets: Sequence[str], order: Sequence[str]) -> float | None:
    """Kappa with squared distances along `order`; unread or unknown finals lie as far off as possible."""
    return _point("quadratic_kappa", finals, targets, order)


def metric_interval(
    name: Name,
    finals: Labels,
    targets: Sequence[str],
    confidence: float = 0.95,
    groups: Groups | None = None,
    order: Sequence[str] | None = None,
) -> Interval:
    """A metric with its interval; `order` is needed by quadratic_kappa alone."""
    check_confidence(confidence)
    estimate = _point(name, finals, targets, order)
    n = len(targets)
    if estimate is None:
        reason = "no items" if n == 0 else f"{name} is undefined on these labels"
        return undefined(reason, n, confidence, "bootstrap")
    table = _Table.of(finals, targets, order)
    codes = group_codes(groups, np.ones(n, dtype=np.bool_))
    low, high = _ends(name, table, codes, confidence, estimate)
    method = "bayesian bootstrap" + (" by group" if codes is not None else "")
    return Interval(estimate, low, high, n, confidence, method)


@dataclass(frozen=True)
class _Table:
    """Labels as numbers: `rows` are target classes 0..k-1, `columns` finals with k for unread or unknown."""

    rows: Ints
    columns: Ints
    k: int

    @classmethod
    def of(cls, finals: Labels, targets: Sequence[str], order: Sequence[str] | None) -> _Table:
        same_length(finals, targets)
        classes = sorted(set(targets)) if order is None else list(order)
        index = {label: i for i, label in enumerate(classes)}
        strangers = sorted(set(targets) - set(index))
        if strangers:
            raise ValueError(f"order must name every target; it lacks {strangers[0]!r}")
        rows = np.array([index[t] for t in targets], dtype=np.int64)
        unread = len(classes)
        columns = np.array([unread if f is None else index.get(f, unread) for f in finals], dtype=np.int64)
        return cls(rows, columns, unread)

    def features(self, rows: Ints, columns: Ints) -> Floats:
        """What the metrics need, linear in the items: hits, targets and finals by class (k, k, k + 1)."""
        width = self.k
        features = np.zeros((len(rows), 3 * width + 2))
        item = np.arange(len(rows))
        hit = rows == columns
        features[item[hit], rows[hit]] = 1.0
        features[item, width + rows] = 1.0
        features[item, 2 * width + columns] = 1.0
        features[:, -1] = self.distance(rows, columns)
        return features

    def distance(self, rows: Ints, columns: Ints) -> Floats:
        """Squared distance along the order, 1 for the farthest; unread is as far as the target allows."""
        span = max(self.k - 1, 1)
        farthest = np.maximum(rows, self.k - 1 - rows)
        apart = np.where(columns == self.k, farthest, np.abs(rows - columns))
        squared: Floats = (apart / span) ** 2
        return squared


def _point(
    name: Name, finals: Labels, targets: Sequence[str], order: Sequence[str] | None = None
) -> float | None:
    if name not in _FORMULAS:
        raise ValueError(f"a metric is one of {', '.join(_FORMULAS)}; got {name!r}")
    if name == "quadratic_kappa" and order is None:
        raise ValueError("quadratic_kappa needs `order`, the classes from lowest to highest")
    table = _Table.of(finals, targets, order)
    if len(targets) == 0:
        return None
    sums = table.features(table.rows, table.columns).sum(axis=0)
    value = float(_values(name, sums[None, :], table)[0])
    return None if np.isnan(value) else value


def _ends(
    name: Name, table: _Table, codes: Ints | None, confidence: float, estimate: float
) -> tuple[float, float]:
    """Bias-corrected quantiles of the metric over Dirichlet weights on the items and one more."""
    features, shapes = _units(table, codes)
    size = len(table.rows) / float(shapes.sum())
    generator = np.random.default_rng(_SEED)
    weights = generator.standard_gamma(shapes, size=(_DRAWS, len(shapes)))
    one_more = size * generator.standard_exponential((_DRAWS, 1))
    plain = weights @ features
    around = _values(name, plain, table)
    below = float((around < estimate - 1e-12).mean() + (np.abs(around - estimate) <= 1e-12).mean() / 2)
    bias = normal_quantile(min(max(below, 0.1), 0.9))
    z = normal_quantile(0.5 + confidence / 2)
    ends = [
        float(
            np.nanquantile(_values(name, plain + one_more * extra, table), 1 - normal_tail(2 * bias + side))
        )
        for side, extra in ((-z, _extra(table, good=False)), (z, _extra(table, good=True)))
    ]
    return min(ends[0], estimate), max(ends[1], estimate)


def _units(table: _Table, codes: Ints | None) -> tuple[Floats, Floats]:
    """What is weighed: distinct (target, final) cells with their counts, or whole groups."""
    if codes is not None:
        features = table.features(table.rows, table.columns)
        sums = np.zeros((int(codes.max()) + 1, features.shape[1]))
        np.add.at(sums, codes, features)
        return sums, np.ones(len(sums))
    cells, counts = np.unique(np.stack([table.rows, table.columns]), axis=1, return_counts=True)
    return table.features(cells[0], cells[1]), counts.astype(np.float64)


def _extra(table: _Table, good: bool) -> Floats:
    """One more item, spread over the classes as the targets are: all right, or each taken for another."""
    k = table.k
    share = np.bincount(table.rows, minlength=k) / len(table.rows)
    taken = np.zeros((k, k + 1))
    if good:
        taken[:, :k] = np.diag(share)
    elif (share == 1.0).any():
        taken[:, k] = share
    else:
        taken[:, :k] = np.outer(share / (1.0 - share), share)
        np.fill_diagonal(taken, 0.0)
    rows, columns = np.divmod(np.arange(k * (k + 1)), k + 1)
    far = float(taken.ravel() @ table.distance(rows, columns))
    return np.concatenate([taken.diagonal(), share, taken.sum(axis=0), [far]])


def _values(name: Name, sums: Floats, table: _Table) -> Floats:
    """The metric for each row of summed features, shape (rows,); NaN where it is undefined."""
    k = table.k
    shares = sums / sums[:, k : 2 * k].sum(axis=1, keepdims=True)
    tallies = _Tallies(shares[:, :k], shares[:, k : 2 * k], shares[:, 2 * k : 3 * k + 1], shares[:, -1])
    with np.errstate(divide="ignore", invalid="ignore"):
        return _FORMULAS[name](tallies, table)


@dataclass(frozen=True)
class _Tallies:
    """Shares of the items, a row a draw: hits, targets (rows, k), finals (rows, k + 1), distance (rows,)."""

    hits: Floats
    targets: Floats
    finals: Floats
    distance: Floats

    @property
    def right(self) -> Floats:
        total: Floats = self.hits.sum(axis=1)
        return total

    @property
    def by_chance(self) -> Floats:
        chance: Floats = (self.targets * self.finals[:, :-1]).sum(axis=1)
        return chance

    @property
    def one_class(self) -> Mask:
        alone: Mask = self.targets.max(axis=1) > 1.0 - 1e-12
        return alone


def _macro_f1(t: _Tallies, table: _Table) -> Floats:
    f1: Floats = (2 * t.hits / (t.targets + t.finals[:, :-1])).mean(axis=1)
    return f1


def _mcc(t: _Tallies, table: _Table) -> Floats:
    spread = (1 - (t.finals**2).sum(axis=1)) * (1 - (t.targets**2).sum(axis=1))
    return _ratio(t.right - t.by_chance, np.sqrt(np.maximum(spread, 0.0)))


def _kappa(t: _Tallies, table: _Table) -> Floats:
    return np.where(t.one_class, np.nan, _ratio(t.right - t.by_chance, 1 - t.by_chance))


def _quadratic_kappa(t: _Tallies, table: _Table) -> Floats:
    rows, columns = np.divmod(np.arange(table.k * (table.k + 1)), table.k + 1)
    apart = table.distance(rows, columns).reshape(table.k, table.k + 1)
    expected = np.einsum("di,ij,dj->d", t.targets, apart, t.finals)
    return np.where(t.one_class, np.nan, _ratio(expected - t.distance, expected))


def _ratio(top: Floats, bottom: Floats) -> Floats:
    """NaN where the denominator is 0 within rounding."""
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 1e-12)


_FORMULAS: dict[Name, Callable[[_Tallies, _Table], Floats]] = {
    "accuracy": lambda t, table: t.right,
    "macro_f1": _macro_f1,
    "mcc": _mcc,
    "kappa": _kappa,
    "quadratic_kappa": _quadratic_kappa,
}
