"""Votes, verifiers and revisions: over recorded answers, and on the embedded models.

    python -m benchmarks.answer_time                      # everything; the worlds take some ten minutes
    python -m benchmarks.answer_time --only panels --only verifiers

Run from the repository's root; the recorded answers need `../shared/data`. Same seed, same tables.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.answer_time import panels, stopping, verifiers, worlds
from benchmarks.answer_time.replay import present

RECORDED = {"panels": panels.tables, "stopping": stopping.tables, "verifiers": verifiers.tables}


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answer_time", description=__doc__)
    parser.add_argument("--only", choices=(*RECORDED, "worlds"), action="append", help="repeat for several")
    parser.add_argument("--world", choices=worlds.WORLDS, action="append", help="repeat for several")
    parser.add_argument("--n", type=int, default=2_000, help="examples a world, over all splits")
    parser.add_argument("--seed", type=int, default=1, help="seed of the examples")
    parser.add_argument("--store", type=Path, default=Path(".underdog/answer_time.db"), help="kept calls")
    asked = parser.parse_args()
    for name in asked.only or [*RECORDED, "worlds"]:
        if name == "worlds":
            made = (
                worlds.table(one, asked.n, asked.seed, asked.store) for one in asked.world or worlds.WORLDS
            )
        elif present():
            made = iter(RECORDED[name]())
        else:
            print(f"{name}: the recorded answers are absent, so there is nothing to replay")
            continue
        for table in made:
            print(table.text(), flush=True)


if __name__ == "__main__":
    main()
