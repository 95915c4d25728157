"""How far one store goes: 10^6 trials stored and summarised, and calls recorded a second.

    python benchmarks/store_scale.py [--trials 1000000] [--calls 50000] [--folder FOLDER]

The bar: 10^6 trials stored and summarised in under 60 s and 2 GB. Prints seconds (on the clock, and of CPU,
which is what a free machine would take), peak memory and bytes a trial; ends with 1 when the bar is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from underdog.store import Store
from underdog.trial import Call, Outcome, Spend, Trial

SECONDS, MEGABYTES = 60, 2_000
ANSWERERS = ("small", "large", "vote", "cascade", "agree", "prompt", "fallback", "best-of", "route", "panel")
BATCH = 1_000


def key(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()[:32]


def trials(count: int) -> Iterator[list[Trial]]:
    """`count` trials as a study makes them: answerers side by side, example after example."""
    batch: list[Trial] = []
    spend = Spend(1, 412, 0, 138, 0, 0, 0.000231, 0.84, 4.2e11)
    for number in range(count):
        example, answerer = divmod(number, len(ANSWERERS))
        right = (number * 2_654_435_761) % 100 < 60 + answerer
        batch.append(
            Trial(
                answerer=ANSWERERS[answerer],
                example=f"tickets-test-{example}",
                repeat=0,
                outcome=Outcome.RIGHT if right else Outcome.WRONG,
                score=float(right),
                final=str(number % 1_000),
                confidence=(number % 97) / 97,
                spend=spend,
                calls=(f"{number:032x}",),
            )
        )
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


async def store_trials(store: Store, count: int) -> None:
    for batch in trials(count):
        await store.add_trials("scale", batch)


async def record_calls(store: Store, count: int, at_once: int) -> None:
    """`count` calls, each recorded on its own, by as many lanes as a driver has requests under way."""

    async def lane(first: int) -> None:
        for number in range(first, count, at_once):
            name = key(number)
            request = f'{{"messages": [{{"role": "user", "content": "{name * 12}"}}]}}'
            answer = f'{{"text": "{name * 16}", "finish": "stop"}}'
            spend = Spend(1, 412, 0, 138, dollars=0.000231, seconds=0.84)
            call = Call(name, "house/small", "house:small:1", request, "", answer, False, spend, 0.0)
            await store.record([call], run="scale")

    await asyncio.gather(*(lane(first) for first in range(at_once)))


def summarise(store: Store) -> None:
    scores = store.scores("scale")
    for answerer, cells in scores.cells.items():
        mean, known = np.nanmean(cells["score"]), np.count_nonzero(cells["outcome"] >= 0)
        print(f"  {answerer:10} {mean:.4f} of {known:,}, ${np.nansum(cells['dollars']):,.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=50_000)
    parser.add_argument("--folder", type=Path, help="where the store is made (a temporary folder)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        path = Path(folder) / "store.sqlite"
        with Store(path, run="scale") as store:
            began = time.perf_counter()
            worked = time.process_time()
            asyncio.run(store_trials(store, asked.trials))
            stored = time.perf_counter()
            summarise(store)
            summed = time.perf_counter()
            worked = time.process_time() - worked
            met = summed - began < SECONDS
            megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = path.stat().st_size
        print(
            f"trials   {asked.trials:,} stored in {stored - began:.1f} s, summarised in "
            f"{summed - stored:.1f} s ({worked:.1f} s of CPU), {size / asked.trials:.0f} bytes a trial"
        )
        print(f"memory   {megabytes:.0f} MB at most")
        with Store(path, run="scale") as store:
            for at_once in (1, 16, 256):
                began = time.perf_counter()
                asyncio.run(record_calls(store, asked.calls, at_once))
                speed = asked.calls / (time.perf_counter() - began)
                print(f"calls    {speed:,.0f} a second recorded, {at_once} under way at once")
            began = time.perf_counter()
            for number in range(asked.calls):
                assert store.find(key(number)) is not None
            print(f"find     {asked.calls / (time.perf_counter() - began):,.0f} a second")
            began = time.perf_counter()
            assert len(store.find_many(map(key, range(asked.calls)))) == asked.calls
            print(f"find     {asked.calls / (time.perf_counter() - began):,.0f} a second, many at once")
    return 0 if met and megabytes < MEGABYTES else 1


if __name__ == "__main__":
    sys.exit(main())
