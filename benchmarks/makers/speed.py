"""A hundred steps of each trainer through our makers, beside plain TRL and a plain PEFT loop.

Each way runs in a process of its own, on the same rows, one after the other in one run. CPU seconds count: a
busy machine stretches wall time. Ours writes its four checkpoints too; looks at held-out items are left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from benchmarks.truth.table import Table

WAYS = {
    "sft": ("plain PEFT loop", "plain TRL", "underdog"),
    "dpo": ("plain TRL", "underdog"),
    "grpo": ("plain TRL", "underdog"),
}


def table(steps: int, work: Path) -> Table:
    """Seconds from building to the last step, of CPU and wall time, and the peak of memory."""
    header = ("trainer", "way", "CPU s", "against plain TRL", "wall s", "peak MiB")
    made = Table(f"{steps} steps on the tiny small model, batches of 16 (GRPO: 32 answers)", header)
    for trainer, ways in WAYS.items():
        found = {way: timed(trainer, way, steps, work) for way in ways}
        for way, one in found.items():
            ratio = one["cpu"] / found["plain TRL"]["cpu"]
            made.add(
                trainer, way, f"{one['cpu']:.1f}", f"x{ratio:.2f}", f"{one['wall']:.1f}", f"{one['peak']:.0f}"
            )
    return made


def timed(trainer: str, way: str, steps: int, work: Path) -> dict[str, float]:
    """What one way takes, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.makers.ways", trainer, way, str(steps), str(work / "speed")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
