"""How often a verdict is false, and how often a true one is reached."""

from __future__ import annotations

from functools import cache

import numpy as np
from benchmarks.truth.table import Table, at_most, percent

from underdog.statistics import paired_difference
from underdog.studies.verdict import Kind, judge


def tables(runs: int, seed: int) -> list[Table]:
    """Shares of the four verdicts at a 3-point margin, and whether the false ones stay within their level."""
    header = ("true difference", "discordance", "n", *(kind.value for kind in Kind), "false", "")
    table = Table("Verdicts at a margin of 3 points, 95 %", header)
    generator = np.random.default_rng(seed)
    for difference in (0.0, -0.03, 0.04, -0.1):
        for discordance in (0.1, 0.3):
            up, down = (discordance + difference) / 2, (discordance - difference) / 2
            for n in (100, 400, 1500):
                draws = generator.multinomial(n, [up, down, 1 - up - down], size=4 * runs)[:, :2].tolist()
                kinds = [_kind(b, c, n) for b, c in draws]
                shares = [percent(kinds.count(kind) / len(kinds)) for kind in Kind]
                wrong = sum(_false(kind, difference) for kind in kinds)
                mark = at_most(wrong, len(kinds), 0.05)
                table.add(f"{difference:+.2f}", discordance, n, *shares, percent(wrong / len(kinds)), mark)
    return [table]


def _false(kind: Kind, difference: float) -> bool:
    if kind is Kind.BEATS:
        return difference <= 0
    if kind is Kind.RIVALS:
        return difference <= -0.03
    return kind is Kind.FALLS_SHORT and difference >= -0.03


@cache
def _kind(helps: int, harms: int, n: int) -> Kind:
    both = n - helps - harms
    plan = np.repeat([1.0, 0.0, 1.0], [helps, harms, both])
    large = np.repeat([0.0, 1.0, 1.0], [helps, harms, both])
    return judge(paired_difference(plan, large), 0.03).kind
