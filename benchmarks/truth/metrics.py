"""Coverage and width of the intervals for metrics that are not means over items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from benchmarks.truth.table import Table, at_least, percent
from scipy.stats import norm

from underdog.statistics import auroc, kappa, macro_f1, mcc, metric_interval

Name = Literal["macro_f1", "mcc", "kappa"]
POINTS: dict[Name, Callable[[list[str], list[str]], float | None]] = {
    "macro_f1": macro_f1,
    "mcc": mcc,
    "kappa": kappa,
}
CLASSES = {"three, uneven": [0.6, 0.3, 0.1], "twelve, uneven": [0.25, 0.2, 0.1, *[0.05] * 9]}


def tables(runs: int, seed: int) -> list[Table]:
    """All tables of this part."""
    return [labels(max(runs // 5, 40), seed), ranks(runs, seed)]


def labels(runs: int, seed: int) -> Table:
    """Macro-F1, MCC and kappa on drawn labels, against their value on 200,000."""
    table = Table("Metrics of labels, 95 %", ("n", "classes", "right", "metric", "coverage", "width", ""))
    for name, shares in CLASSES.items():
        for right in (0.6, 0.95):
            finals, targets = _drawn(np.random.default_rng(0), 200_000, shares, right)
            truth = {metric: point(finals, targets) or 0.0 for metric, point in POINTS.items()}
            generator = np.random.default_rng(seed)
            for n in (50, 200, 800):
                samples = [_drawn(generator, n, shares, right) for _ in range(runs)]
                for metric in POINTS:
                    found = [metric_interval(metric, f, t) for f, t in samples]
                    ends = np.array([(i.low, i.high) for i in found if i.low is not None])
                    inside = (ends[:, 0] <= truth[metric]) & (truth[metric] <= ends[:, 1])
                    hits, width = int(inside.sum()), (ends[:, 1] - ends[:, 0]).mean()
                    share = percent(hits / len(ends))
                    # A bootstrap of a curved metric is allowed two points: the mark is against 93 %.
                    mark = at_least(hits, len(ends), 0.93)
                    table.add(n, name, right, metric, share, f"{width:.3f}", mark)
    return table


def ranks(runs: int, seed: int) -> Table:
    """AUROC by DeLong on the logit scale."""
    table = Table("AUROC, 95 %", ("n", "right", "true area", "coverage", "width", ""))
    generator = np.random.default_rng(seed)
    for n in (30, 100, 400):
        for right, shift in ((0.7, 0.0), (0.7, 1.0), (0.9, 1.0), (0.7, 2.5)):
            truth, hits, widths = float(norm.cdf(shift / 2**0.5)), 0, []
            for _ in range(runs):
                correct = generator.random(n) < right
                level = norm.cdf(generator.normal(correct * shift, 1.0))
                interval = auroc(level, correct.tolist())
                if interval.low is not None and interval.high is not None:
                    hits += interval.low <= truth <= interval.high
                    widths.append(interval.high - interval.low)
            share = percent(hits / len(widths))
            mark = at_least(hits, len(widths), 0.95)
            table.add(n, right, f"{truth:.3f}", share, f"{np.mean(widths):.3f}", mark)
    return table


def _drawn(
    generator: np.random.Generator, n: int, shares: list[float], right: float
) -> tuple[list[str], list[str]]:
    names = np.array([f"c{i}" for i in range(len(shares))])
    targets = generator.choice(len(shares), p=shares, size=n)
    noise = generator.integers(0, len(shares), size=n)
    finals = np.where(generator.random(n) < right, targets, noise)
    return names[finals].tolist(), names[targets].tolist()
