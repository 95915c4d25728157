"""Formulating and solving: recorded programs of three large models run, and the embedded choices solved.

    python -m benchmarks.logic                    # everything; the worlds take some minutes on two cores
    python -m benchmarks.logic --only recorded

Run from the repository's root; the recorded programs need `../shared/data`. Same seed, same tables.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.logic import recorded, worlds


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logic", description=__doc__)
    parser.add_argument("--only", choices=("recorded", *worlds.WORLDS), action="append")
    parser.add_argument("--n", type=int, default=2_000, help="examples a world, over all splits")
    parser.add_argument("--seed", type=int, default=1, help="seed of the examples")
    parser.add_argument("--store", type=Path, default=Path(".underdog/logic.db"), help="kept calls")
    asked = parser.parse_args()
    for name in asked.only or ("recorded", *worlds.WORLDS):
        if name in worlds.WORLDS:
            made = [worlds.table(name, asked.n, asked.seed, asked.store)]
        elif recorded.PROGRAMS.exists():
            made = recorded.tables()
        else:
            print("the recorded programs are absent: nothing to run")
            continue
        for table in made:
            print(table.text(), flush=True)


if __name__ == "__main__":
    main()
