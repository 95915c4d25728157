"""Do the numbers tell the truth? Simulations with seeds, printed as tables.

    python -m benchmarks.truth                    # everything: 1,000 runs a row, some minutes
    python -m benchmarks.truth --runs 200 --only promises

Run from the repository's root. A row ends in "ok" unless a one-sided binomial test at 1 % rejects that the
coverage is at least what is claimed (or the error rate at most that); rivals that claim nothing get no mark.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks.truth import intervals, metrics, peeking, promises, race, replays, verdicts
from benchmarks.truth.table import Table

PARTS: dict[str, Callable[[int, int], list[Table]]] = {
    "intervals": intervals.tables,
    "metrics": metrics.tables,
    "peeking": peeking.tables,
    "promises": promises.tables,
    "race": race.tables,
    "replays": replays.tables,
    "verdicts": verdicts.tables,
}


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000, help="simulated studies a row")
    parser.add_argument("--seed", type=int, default=20_26)
    parser.add_argument("--only", choices=sorted(PARTS), action="append", help="repeat for several")
    asked = parser.parse_args()
    for name in asked.only or PARTS:
        for table in PARTS[name](asked.runs, asked.seed):
            print(table.text(), flush=True)


if __name__ == "__main__":
    main()
