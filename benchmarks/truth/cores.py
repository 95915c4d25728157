"""The same job many times over, on every core; results come in the order of the jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


def on_all_cores(work: Callable[[Job], Result], jobs: Sequence[Job]) -> list[Result]:
    """`work` must be a module's own function, and draw from seeds that come with the job."""
    with ProcessPoolExecutor() as pool:
        return list(pool.map(work, jobs))
