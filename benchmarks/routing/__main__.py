"""Do routers earn their place on recorded pools, and how fast are they?

    python -m benchmarks.routing                            # three pools, five seeds: an hour on one core
    python -m benchmarks.routing --pool zeroeval --seeds 1
    python -m benchmarks.routing --plateau --pool llmrouter
    python -m benchmarks.routing --speed                    # a million questions, and one decision

Run from the repository's root; the pools lie in ../shared/data. What --keep FILE holds is not run again.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.routing import compare, plateau, pools, speed


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.routing", description=__doc__)
    parser.add_argument("--pool", choices=pools.POOLS, action="append", help="repeat for several")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="a file of rows, appended to as they come")
    parser.add_argument("--plateau", action="store_true", help="why routers on a pool come out alike")
    parser.add_argument("--speed", action="store_true", help="many questions fitted, and one decision")
    parser.add_argument("--questions", type=int, default=1_000_000, help="how many, for --speed")
    asked = parser.parse_args()
    if asked.speed:
        print(speed.report(asked.questions))
        return
    if asked.plateau:
        for name in asked.pool or pools.POOLS:
            print(f"### {name}\n\n{plateau.report(pools.pool(name))}\n", flush=True)
        return
    rows = [] if asked.keep is None else compare.kept(asked.keep)
    done = {(row.pool, row.seed) for row in rows}
    for seed in range(asked.seeds):
        for name in asked.pool or pools.POOLS:
            if (name, seed) in done:
                continue
            began = time.perf_counter()
            made = compare.compare(name, pools.pool(name), seed)
            rows += made
            print(f"{name}, seed {seed}: {time.perf_counter() - began:.0f} s", flush=True)
            if asked.keep is not None:
                with asked.keep.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(asdict(row)) + "\n" for row in made)
    print(compare.markdown(rows))


if __name__ == "__main__":
    main()
