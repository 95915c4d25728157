"""Watches after deployment: false alarms at the certified level, and how soon a change is found."""

from __future__ import annotations

import numpy as np
from benchmarks.truth.table import Table, at_most, percent

from underdog.statistics.monitor import Kind, watch

ALPHA = 0.05
LOOKS = 5_000
RATES: tuple[tuple[Kind, float, float], ...] = (
    ("disagreement", 0.05, 0.05),
    ("disagreement", 0.05, 0.10),
    ("disagreement", 0.20, 0.20),
    ("disagreement", 0.20, 0.30),
    ("loss", 0.03, 0.03),
    ("loss", 0.03, 0.08),
)


def tables(runs: int, seed: int) -> list[Table]:
    """A tenth of the runs, each of 5,000 looks; "after" counts from the change, which comes at 0 or 2,000."""
    header = ("watch", "level", "rate", "from", "runs", "alarms", "", "after (median)", "peeking alarms")
    table = Table(f"Alarms at alpha {ALPHA:g} within {LOOKS:,} looks", header)
    for kind, level, rate in RATES:
        for start in (0, 2_000) if rate > level else (0,):
            _row(table, kind, (level, rate), start, (max(1, runs // 10), seed))
    return [table]


def _row(table: Table, kind: Kind, levels: tuple[float, float], start: int, draw: tuple[int, int]) -> None:
    level, rate = levels
    runs, seed = draw
    generator = np.random.default_rng(seed)
    found, peeked = [], 0
    for _ in range(runs):
        values = np.concatenate(
            [_values(generator, kind, level, start, 0.6), _values(generator, kind, rate, LOOKS - start, 1.0)]
        )
        one = watch(kind, level, ALPHA)
        at = next((one.n for value in values.tolist() if one.add(value)), None)
        if at is not None:
            found.append(at - start)
        peeked += _peeking(values, level)
    quiet = rate <= level
    table.add(
        kind,
        level,
        rate,
        start,
        runs,
        percent(len(found) / runs),
        at_most(len(found), runs, ALPHA) if quiet else "",
        "-" if not found or quiet else round(float(np.median(found))),
        percent(peeked / runs) if quiet else "",
    )


def _values(generator: np.random.Generator, kind: Kind, rate: float, n: int, share: float) -> np.ndarray:
    """Observations whose mean is `share` of the rate; losses are -1, 0 or 1 with 5 % helps."""
    mean = rate * share
    if kind == "disagreement":
        return (generator.random(n) < mean).astype(np.float64)
    return generator.choice([-1.0, 0.0, 1.0], p=[0.05, 0.9 - mean, 0.05 + mean], size=n)


def _peeking(values: np.ndarray, level: float) -> bool:
    """Whether a one-sided z test at the same alpha, looked at every 50 observations, would have cried."""
    n = np.arange(1, len(values) + 1)
    means = np.cumsum(values) / n
    spread = np.sqrt(np.maximum(np.cumsum(values**2) / n - means**2, 1e-12) / n)
    looks = slice(49, None, 50)
    return bool(((means - level)[looks] > 1.645 * spread[looks]).any())
