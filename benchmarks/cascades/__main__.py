"""Cascades on recorded pairs: what they cost at the same promise, and how often promises and alarms are
false.

    python -m benchmarks.cascades                     # everything; about an hour on two cores
    python -m benchmarks.cascades --only curves       # two minutes
    python -m benchmarks.cascades --splits 100 --only promises

Run from the repository's root; the recorded pairs need `../shared/data`. Same seed, same tables.
"""

from __future__ import annotations

import argparse

from benchmarks.cascades import curves, pairs, promises, watching


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cascades", description=__doc__)
    parser.add_argument("--splits", type=int, default=1_000, help="draws of labels a row")
    parser.add_argument("--seed", type=int, default=20_26)
    parser.add_argument(
        "--only", choices=("promises", "curves", "watching"), action="append", help="repeat for several"
    )
    parser.add_argument("--pair", choices=[one.name for one in pairs.PAIRS], action="append", default=[])
    parser.add_argument("--draws", type=int, default=10, help="draws of labels for each planned cascade")
    asked = parser.parse_args()
    parts = asked.only or ["promises", "curves", "watching"]
    if not pairs.DATA.exists():
        print("the recorded pairs are absent: nothing can be promised and no curve drawn")
        parts = [name for name in parts if name == "watching"]
    if "promises" in parts:
        for table in promises.tables(asked.splits, asked.seed, asked.pair, asked.draws):
            print(table.text(), flush=True)
    if "curves" in parts:
        for table in curves.tables(asked.splits, asked.seed, asked.pair):
            print(table.text(), flush=True)
    if "watching" in parts:
        for table in watching.tables(asked.splits, asked.seed):
            print(table.text(), flush=True)


if __name__ == "__main__":
    main()
