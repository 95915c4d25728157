"""Outcome reward models on countdown, beside the signal that costs nothing: the answers' own log-probability.

200 questions to learn from and 200 others to judge on, eight draws each at temperature 1; exact checking says
which were right. The best draw of each question is picked by reward and by log-probability.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import torch
from benchmarks.truth.table import Table

from underdog.answerer import Model
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.engines.hf_checkpoint import Checkpoint
from underdog.makers.candidates import Candidate, sampled
from underdog.makers.reward import Judgement, TrainReward, judge, rewards_of
from underdog.store.sinks import MemoryBank
from underdog.tiny.worlds import task

SMALL = Model("tiny/small")
QUESTIONS, DRAWS = 200, 8


async def judged(seed: int, place: Path) -> Judgement:
    """Sample, train, and judge on other questions."""
    bind, countdown = Binder(base=place), task("countdown", 1000, 1)
    async with Driver(bind, MemoryBank()) as driver:

        async def drawn(split: str) -> list[Candidate]:
            examples = countdown.split(split)[:QUESTIONS]
            table = await sampled(driver, SMALL, countdown, examples, draws=DRAWS, temperature=1.0)
            return [one for row in table for one in row]

        learned, unseen = await drawn("fit"), await drawn("tune")
        how = TrainReward(rate=1e-3, batch=64, epochs=6, seed=seed)
        how.make(SMALL, place / f"judge-{seed}", learned, bind, place)
    return judge(rewards_of(Checkpoint(str(place / f"judge-{seed}" / "model")), unseen), unseen)


def tables(seeds: tuple[int, ...] = (0,)) -> list[Table]:
    """A row a seed."""
    torch.set_num_threads(1)
    found = Table(
        f"Outcome reward model on tiny/countdown: {QUESTIONS} unseen questions, {DRAWS} draws each",
        (
            "seed",
            "AUROC of reward",
            "of log-probability",
            "difference",
            "picked right, reward minus free, points",
        ),
    )
    with tempfile.TemporaryDirectory() as place:
        for seed in seeds:
            told = asyncio.run(judged(seed, Path(place)))
            picked = told.picked
            found.add(
                seed,
                _shown(told.reward),
                _shown(told.free),
                _shown(told.better),
                f"{100 * (picked.difference or 0):+.1f} [{100 * (picked.low or 0):+.1f}, "
                f"{100 * (picked.high or 0):+.1f}], p {picked.p:.2g}",
            )
            print(told.said(), flush=True)
    return [found]


def _shown(interval: Any) -> str:
    return f"{interval.estimate:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


if __name__ == "__main__":
    for table in tables():
        print(table.text())
