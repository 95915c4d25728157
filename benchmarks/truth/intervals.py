"""Coverage and width of every interval for means and paired differences, beside the usual ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
from benchmarks.truth.table import Table, at_least, percent
from scipy.stats import norm, t

from underdog.statistics import clopper_pearson, gap_closed, mean_interval, paired_difference, tango, wilson
from underdog.statistics.bounded import bounded_mean

Floats = npt.NDArray[np.float64]
Ends = tuple[float, float]
Draw = Callable[[np.random.Generator, int], Floats]


def tables(runs: int, seed: int) -> list[Table]:
    """All tables of this part."""
    return [
        proportions(runs, seed),
        fractions(runs, seed),
        groups(runs, seed),
        paired_bits(runs, seed),
        paired_fractions(runs, seed),
        gaps(runs, seed),
    ]


def student(values: Floats) -> Ends:
    """Student's interval, the usual one for scores."""
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def percentile(values: Floats) -> Ends:
    """The percentile bootstrap with 500 resamples, the usual one in evaluation harnesses."""
    rows = np.random.default_rng(0).integers(0, len(values), size=(500, len(values)))
    low, high = np.quantile(values[rows].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def summary(ends: list[Ends], truth: float) -> tuple[int, float]:
    """How many contain the truth, and the mean width."""
    low, high = np.array(ends).T
    return int(((low <= truth + 1e-12) & (truth - 1e-12 <= high)).sum()), float((high - low).mean())


def proportions(runs: int, seed: int) -> Table:
    """0/1 scores: Wilson is right on average over rates, Clopper-Pearson at each."""
    table = Table("One mean of 0/1 scores, 95 %", ("n", "rate", "wilson", "width", "exact", "width", ""))
    generator = np.random.default_rng(seed)
    for n in (10, 50, 300):
        score = [wilson(k, n) for k in range(n + 1)]
        exact = [clopper_pearson(k, n) for k in range(n + 1)]
        for rate in (0.5, 0.8, 0.95, 0.99):
            draws = generator.binomial(n, rate, size=20 * runs)
            w, w_width = summary([(score[k].low or 0.0, score[k].high or 0.0) for k in draws], rate)
            e, e_width = summary([(exact[k].low or 0.0, exact[k].high or 0.0) for k in draws], rate)
            total = len(draws)
            table.add(
                n,
                rate,
                percent(w / total),
                f"{w_width:.3f}",
                percent(e / total),
                f"{e_width:.3f}",
                at_least(e, total, 0.95),
            )
    return table


SHAPES: dict[str, tuple[Draw, float]] = {
    "uniform": (lambda g, n: g.random(n), 0.5),
    "mostly 1, some partial": (lambda g, n: g.beta(4.0, 0.3, n), 4.0 / 4.3),
    "judge, five levels": (
        lambda g, n: g.choice([0.0, 0.25, 0.5, 0.75, 1.0], n, p=[0.05, 0.05, 0.1, 0.3, 0.5]),
        0.7875,
    ),
    "1 with rare 0": (lambda g, n: (g.random(n) > 0.02).astype(np.float64) * 0.9, 0.882),
}


def fractions(runs: int, seed: int) -> Table:
    """Fractional scores: ours (Gaffke's bound) beside Student and the percentile bootstrap."""
    header = ("n", "scores", "ours", "width", "", "student", "width", "bootstrap", "width")
    table = Table("One mean of fractional scores, 95 %", header)
    generator = np.random.default_rng(seed)
    for n in (10, 50, 300):
        for name, (draw, truth) in SHAPES.items():
            samples = [draw(generator, n) for _ in range(runs)]
            cells: list[object] = [n, name]
            for index, method in enumerate((lambda v: bounded_mean(v, 0.0, 1.0), student, percentile)):
                hits, width = summary([method(v) for v in samples], truth)
                cells += [percent(hits / runs), f"{width:.3f}"]
                if index == 0:
                    cells.append(at_least(hits, runs, 0.95))
            table.add(*cells)
    return table


def groups(runs: int, seed: int) -> Table:
    """Examples that share a group: by group, and as if they did not."""
    header = (
        "groups",
        "sizes",
        "within-group correlation",
        "by group",
        "width",
        "",
        "ignoring groups",
        "width",
    )
    table = Table("Means of grouped 0/1 scores, 95 %", header)
    generator = np.random.default_rng(seed)
    for count in (10, 30, 100):
        for name, sizes in (("5 each", np.full(count, 5)), ("1 to 12", 1 + np.arange(count) % 12)):
            owner = np.repeat(np.arange(count), sizes)
            for a in (0.7, 2.8):
                ends: list[Ends] = []
                naive: list[Ends] = []
                for _ in range(runs):
                    rates = generator.beta(a, a * 3 / 7, count)[owner]
                    scores = (generator.random(len(owner)) < rates).astype(np.float64)
                    ours = mean_interval(scores, groups=owner.tolist())
                    alone = mean_interval(scores)
                    ends.append((ours.low or 0.0, ours.high or 0.0))
                    naive.append((alone.low or 0.0, alone.high or 0.0))
                hits, width = summary(ends, 0.7)
                other, other_width = summary(naive, 0.7)
                correlation = f"{1 / (1 + a * 10 / 7):.2f}"
                mark = at_least(hits, runs, 0.95)
                shares = (
                    percent(hits / runs),
                    f"{width:.3f}",
                    mark,
                    percent(other / runs),
                    f"{other_width:.3f}",
                )
                table.add(count, name, correlation, *shares)
    return table


@cache
def cached_tango(helps: int, harms: int, n: int) -> Ends:
    return tango(helps, harms, n)


def _wald(helps: int, harms: int, n: int) -> Ends:
    difference = (helps - harms) / n
    half = norm.ppf(0.975) * np.sqrt((helps + harms) / n - difference**2) / np.sqrt(n)
    return difference - half, difference + half


def paired_bits(runs: int, seed: int) -> Table:
    """Paired 0/1 scores: Tango's score interval beside Wald's."""
    header = ("n", "help", "harm", "tango", "width", "", "missed below", "missed above", "wald", "width")
    table = Table("Paired differences of 0/1 scores, 95 %", header)
    generator = np.random.default_rng(seed)
    for n in (30, 100, 400, 1500):
        for up, down in ((0.01, 0.01), (0.05, 0.05), (0.0, 0.03), (0.06, 0.02), (0.2, 0.1)):
            draws = generator.multinomial(n, [up, down, 1 - up - down], size=20 * runs)[:, :2].tolist()
            ours, total, truth = [cached_tango(b, c, n) for b, c in draws], len(draws), up - down
            hits, width = summary(ours, truth)
            wald, wald_width = summary([_wald(b, c, n) for b, c in draws], truth)
            low, high = np.array(ours).T
            table.add(
                n,
                up,
                down,
                percent(hits / total),
                f"{width:.3f}",
                # Tango is a score interval: right on average over rates, a little under at some.
                at_least(hits, total, 0.93),
                percent(float((truth > high + 1e-12).mean())),
                percent(float((truth < low - 1e-12).mean())),
                percent(wald / total),
                f"{wald_width:.3f}",
            )
    return table


def paired_fractions(runs: int, seed: int) -> Table:
    """Paired fractional scores, alone and in groups."""
    header = ("n", "differences", "ours", "width", "", "sure bounds", "student", "width")
    table = Table("Paired differences of fractional scores, 95 %", header)
    generator = np.random.default_rng(seed)
    cases: dict[str, Draw] = {
        "small and many": lambda g, n: np.clip(g.normal(0.02, 0.15, n), -1, 1),
        "nearly all 0": lambda g, n: g.choice([0.0, -0.6, 0.4], n, p=[0.95, 0.03, 0.02]),
    }
    for n in (20, 100, 400):
        for name, draw in cases.items():
            truth = float(draw(np.random.default_rng(1), 2_000_000).mean()) if "many" in name else -0.01
            ours: list[Ends] = []
            sure: list[Ends] = []
            usual: list[Ends] = []
            for _ in range(runs):
                d = draw(generator, n)
                paired = paired_difference(0.5 + d / 2, 0.5 - d / 2)
                ours.append((paired.low or 0.0, paired.high or 0.0))
                sure.append((paired.sure_low or 0.0, paired.sure_high or 0.0))
                usual.append(student(d))
            hits, width = summary(ours, truth)
            claims, _ = summary(sure, truth)
            other, other_width = summary(usual, truth)
            mark = at_least(hits, runs, 0.95)
            row = (percent(hits / runs), f"{width:.3f}", mark, percent(claims / runs))
            table.add(n, name, *row, percent(other / runs), f"{other_width:.3f}")
    return table


def gaps(runs: int, seed: int) -> Table:
    """The share of the gap closed, where it is defined."""
    header = ("n", "small, plan, large", "defined", "coverage", "width", "")
    table = Table("Gap closed, 95 %", header)
    generator = np.random.default_rng(seed)
    for n in (100, 400, 1500):
        for rates in ((0.5, 0.65, 0.8), (0.6, 0.68, 0.7)):
            ends: list[Ends] = []
            truth = (rates[1] - rates[0]) / (rates[2] - rates[0])
            for _ in range(runs):
                ease = generator.random(n)
                mixed = [(0.6 * ease + 0.4 * generator.random(n)) < _level(rate) for rate in rates]
                small, plan, large = mixed
                interval = gap_closed(plan, small, large)
                if interval.low is not None and interval.high is not None:
                    ends.append((interval.low, interval.high))
            hits, width = summary(ends, truth)
            mark = at_least(hits, len(ends), 0.95)
            table.add(n, rates, percent(len(ends) / runs), percent(hits / len(ends)), f"{width:.2f}", mark)
    return table


@cache
def _level(rate: float) -> float:
    generator = np.random.default_rng(0)
    return float(np.quantile(0.6 * generator.random(4_000_000) + 0.4 * generator.random(4_000_000), rate))
