"""Looking after every batch: how often a difference is seen where there is none, and how soon otherwise."""

from __future__ import annotations

import numpy as np
from benchmarks.truth.intervals import cached_tango
from benchmarks.truth.table import Table, at_most, percent

from underdog.statistics import running_intervals


def tables(runs: int, seed: int) -> list[Table]:
    """One table: the anytime-valid sequence beside a 95 % interval looked at again and again."""
    header = ("help", "harm", "looks", "sequence decides", "", "after", "peeking decides", "after")
    table = Table("Stopping when 0 is excluded, at most 1,000 examples", header)
    generator = np.random.default_rng(seed)
    for up, down in ((0.05, 0.05), (0.2, 0.2), (0.07, 0.05), (0.1, 0.05), (0.2, 0.1)):
        for step in (100, 10):
            looks = np.arange(step, 1_001, step)
            stops = [_stops(generator, up, down, looks) for _ in range(runs)]
            ours = [a for a, _ in stops if a]
            naive = [b for _, b in stops if b]
            mark = at_most(len(ours), runs, 0.05) if up == down else ""
            table.add(
                up,
                down,
                len(looks),
                percent(len(ours) / runs),
                mark,
                f"{np.median(ours):.0f}" if ours else "-",
                percent(len(naive) / runs),
                f"{np.median(naive):.0f}" if naive else "-",
            )
    return [table]


def _stops(generator: np.random.Generator, up: float, down: float, looks: np.ndarray) -> tuple[int, int]:
    """The first look at which each method decides; 0 for never."""
    d = generator.choice([1.0, -1.0, 0.0], p=[up, down, 1 - up - down], size=int(looks[-1]))
    low, high = running_intervals(d, at=looks.tolist())
    ups, downs = (d > 0).cumsum()[looks - 1], (d < 0).cumsum()[looks - 1]
    counts = np.stack([ups, downs, looks], axis=1).tolist()
    fixed = np.array([cached_tango(b, c, n) for b, c, n in counts])
    ours = (low > 0) | (high < 0)
    naive = (fixed[:, 0] > 0) | (fixed[:, 1] < 0)
    return tuple(int(looks[np.argmax(hit)]) if hit.any() else 0 for hit in (ours, naive))  # type: ignore[return-value]
