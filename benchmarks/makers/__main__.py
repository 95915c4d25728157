"""What makers of models bring on the embedded worlds, beside their controls, and what they cost.

    python -m benchmarks.makers                               # everything; about an hour on an idle core
    python -m benchmarks.makers --only lora --seeds 0 1 2     # one of: lora, dpo, grpo, speed, same

What is made otherwise has modules of its own: benchmarks.makers.compress, logic, query, rewards and shapes.

Run from the repository's root. Stopped, it goes on: calls and checkpoints are kept under --work.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.makers import same, speed, worlds
from benchmarks.truth.table import Table

PARTS = (*worlds.SHOWS, "speed", "same")


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.makers", description=__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="repeat for several")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--steps", type=int, default=100, help="of the speed part")
    parser.add_argument("--work", type=Path, default=Path("runs/benchmarks/makers"))
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    for part in asked.only or PARTS:
        for show in worlds.SHOWS.get(part, ()):
            title = f"{show.name}: {worlds.TEST} test items, percent right, points, 95 % intervals"
            table = Table(title, worlds.HEADER)
            for row in worlds.rows(show, asked.seeds, asked.work):
                print(show.name, *row, sep=" | ", flush=True)
                table.add(*row)
            print(table.text(), flush=True)
        if part == "speed":
            print(speed.table(asked.steps, asked.work).text(), flush=True)
        if part == "same":
            print(same.table(asked.work).text(), flush=True)


if __name__ == "__main__":
    main()
