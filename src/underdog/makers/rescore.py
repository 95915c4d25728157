"""A made model beside the one it was made from: both asked the same, scored, compared example by example.

Nothing made is promoted on the strength of how it was made. This knows nothing of training or compressing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from underdog.answerer import Answer, Answerer, Failure
from underdog.drive import Driver
from underdog.example import Example
from underdog.statistics import mean_interval, paired_difference, wilson
from underdog.statistics.intervals import Interval
from underdog.statistics.paired import Paired
from underdog.task import Task

Ruling = Literal["better", "worse", "no worse", "cannot tell"]
_LEVEL = 0.05


@dataclass(frozen=True)
class Rescore:
    """One task answered before and after.

    Attributes:
        task: its name.
        before, after: mean scores; failed trials are left out.
        paired: after minus before, so below zero is damage.
        alike: on which share of the examples both gave exactly the same text and tool calls.
        margin: the loss that would still be called no worse.
    """

    task: str
    before: Interval
    after: Interval
    paired: Paired
    alike: Interval
    margin: float

    @property
    def ruling(self) -> Ruling:
        """Better or worse when the exact test says so at 5 %; no worse by the bound that holds at any n."""
        paired = self.paired
        if paired.difference is None or paired.p is None or paired.sure_low is None:
            return "cannot tell"
        if paired.p < _LEVEL:
            return "better" if paired.difference > 0 else "worse"
        return "no worse" if paired.sure_low > -self.margin else "cannot tell"

    def said(self) -> str:
        """One line for a record or a page."""
        if self.paired.difference is None or self.alike.estimate is None:
            return f"{self.task}: {self.ruling} ({self.paired.note})"
        return (
            f"{self.task}: {self.ruling}, {_share(self.before)} before and {_share(self.after)} after, "
            f"difference {100 * self.paired.difference:+.1f} [{100 * (self.paired.low or 0):+.1f}, "
            f"{100 * (self.paired.high or 0):+.1f}] points, p {self.paired.p:.3g}, "
            f"{100 * self.alike.estimate:.1f} % answered alike, n {self.paired.n}"
        )


async def rescore(
    driver: Driver,
    before: Answerer,
    after: Answerer,
    task: Task,
    examples: Sequence[Example],
    *,
    margin: float = 0.02,
) -> Rescore:
    """Ask both the same examples and compare.

    Raises:
        ConfigError: a model cannot be bound or loaded.
    """
    first, second = await asyncio.gather(
        scored(driver, before, task, examples), scored(driver, after, task, examples)
    )
    pairs = [(a, b) for (a, _), (b, _) in zip(first, second, strict=True)]
    both = [(a, b) for a, b in pairs if isinstance(a, Answer) and isinstance(b, Answer)]
    alike = sum((a.text, a.tool_calls) == (b.text, b.tool_calls) for a, b in both)
    old, new = [score for _, score in first], [score for _, score in second]
    return Rescore(
        task.name,
        mean_interval(old),
        mean_interval(new),
        paired_difference(new, old),
        wilson(alike, len(both)),
        margin,
    )


async def scored(
    driver: Driver, answerer: Answerer, task: Task, examples: Sequence[Example]
) -> list[tuple[Answer | Failure, float | None]]:
    """What came back for each example, and its score: None for a failure, 0 for what could not be read."""

    async def one(example: Example) -> tuple[Answer | Failure, float | None]:
        result = (await driver.answer(answerer, task.request(example))).result
        if isinstance(result, Failure):
            return result, None
        return result, await score_of(driver, task, result, example)

    return list(await asyncio.gather(*(one(example) for example in examples)))


async def score_of(driver: Driver, task: Task, answer: Answer, example: Example) -> float | None:
    """How right an answer is, read as the task reads; None when a judge failed."""
    final = answer.final if answer.final is not None else task.reading.read(answer)
    if final is None:
        return 0.0
    scorer: Any = task.scorer
    if not hasattr(scorer, "steps"):
        return float(scorer.score(final, example))
    judged = (await driver.perform(scorer.steps(answer, example))).result
    return None if isinstance(judged, Failure) else float(judged)


def _share(interval: Interval) -> str:
    if interval.estimate is None:
        return "-"
    return (
        f"{100 * interval.estimate:.1f} [{100 * (interval.low or 0):.1f}, {100 * (interval.high or 0):.1f}]"
    )
