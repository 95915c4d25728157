"""Votes, verifiers, revisions, forms and steps: over recorded answers, and on the embedded models.

    python -m benchmarks.answer_time                      # everything; the worlds take half an hour
    python -m benchmarks.answer_time --only panels --only verifiers

Run from the repository's root; the recorded answers need `../shared/data`. Same seed, same tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.answer_time import constrain, panels, steps, stopping, verifiers, worlds
from benchmarks.answer_time.replay import present
from benchmarks.truth.table import Table

RECORDED = {"panels": panels.tables, "stopping": stopping.tables, "verifiers": verifiers.tables}
MEASURED: dict[str, tuple[Callable[[str, int, int, Path], Table], Sequence[str]]] = {
    "worlds": (worlds.table, worlds.WORLDS),
    "constrain": (constrain.table, constrain.WORLDS),
    "steps": (steps.table, tuple(steps.SEARCHED)),
}


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answer_time", description=__doc__)
    parser.add_argument("--only", choices=(*RECORDED, *MEASURED), action="append", help="repeat for several")
    known = sorted({one for _, names in MEASURED.values() for one in names})
    parser.add_argument("--world", choices=known, action="append", help="repeat for several")
    parser.add_argument("--n", type=int, default=2_000, help="examples a world, over all splits")
    parser.add_argument("--seed", type=int, default=1, help="seed of the examples")
    parser.add_argument("--store", type=Path, default=Path(".underdog/answer_time.db"), help="kept calls")
    asked = parser.parse_args()
    for name in asked.only or [*RECORDED, *MEASURED]:
        if name in MEASURED:
            measure, found = MEASURED[name]
            wanted = [one for one in found if one in (asked.world or found)]
            made = (measure(one, asked.n, asked.seed, asked.store) for one in wanted)
        elif present():
            made = iter(RECORDED[name]())
        else:
            print(f"{name}: the recorded answers are absent, so there is nothing to replay")
            continue
        for table in made:
            print(table.text(), flush=True)


if __name__ == "__main__":
    main()
