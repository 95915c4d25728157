"""Search over steps on the embedded models with exact checkers, beside best-of-n of as many draws.

Countdown's checker judges finished answers only; that of stepped arithmetic judges every beginning too.
Synthetic micro-worlds: they show the mechanism, and are no evidence about real tasks. Nothing is chosen and
nothing corrected for the number of arms.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.answer_time.replay import difference, shown
from benchmarks.answer_time.worlds import asked_as, measured
from benchmarks.truth.table import Table

from underdog.answerer import Answerer, Model
from underdog.levers import Beam, BestOf, Check, Dvts, Lookahead, Vote
from underdog.levers.program import Program
from underdog.statistics import paired_difference
from underdog.tiny import worlds

DRAWS, WIDTH = 8, 4
# How each world is searched: its checker, what ends a step, and how warm the draws are. The small model is
# nearly always right in stepped arithmetic; hot draws make it err.
SEARCHED: dict[str, tuple[str, dict[str, Any]]] = {
    "countdown": ("countdown:check", {"delimiter": ("+", "-", "*", "/"), "temperature": 0.8}),
    "stepped arithmetic": ("arithmetic:check", {"temperature": 1.5}),
}
AGAINST = f"best of {DRAWS}"


def table(name: str, n: int, seed: int, store: Path) -> Table:
    """Every arm on the world's test items: percent right, minus best of as many draws, and what it cost."""
    task = worlds.task(name.rpartition(" ")[2], n, seed)
    small = asked_as(name, Model("tiny/small"), task)
    columns = asyncio.run(measured(f"steps of {name}", task, arms(small, name), (seed, store)))
    groups = [example.group for example in task.split("test")]
    best = columns[AGAINST].scores()
    made = Table(
        f"{name}: {len(groups)} test items, percent right",
        ("arm", "right", f"minus {AGAINST}", "calls", "tokens in", "tokens out"),
    )
    for arm, column in columns.items():
        scores, spends = column.scores(), column.spends()
        made.add(
            arm,
            shown(scores),
            "-" if arm == AGAINST else difference(paired_difference(scores, best, groups=groups)),
            f"{np.mean([spend.calls for spend in spends]):.1f}",
            f"{np.mean([spend.tokens_in for spend in spends]):.0f}",
            f"{np.mean([spend.tokens_out for spend in spends]):.0f}",
        )
    return made


def arms(small: Answerer, name: str) -> dict[str, Answerer]:
    """One draw, best-of-n and the three searches, all with the world's exact checker."""
    program, manner = SEARCHED[name]
    check = Check(Program.read(f"underdog.tiny.worlds.{program}"))
    warm = manner["temperature"]
    shared = {"n": DRAWS, "width": WIDTH, **manner}
    return {
        "greedy": small,
        "one draw": Vote(small, 1, warm),
        **{f"best of {n}": BestOf(small, n, check, temperature=warm) for n in (DRAWS, 2 * DRAWS, 4 * DRAWS)},
        "beam": Beam(small, check, **shared),
        "dvts": Dvts(small, check, **shared),
        "lookahead, to the end": Lookahead(small, check, **shared, ahead=8),
    }
