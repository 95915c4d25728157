"""Which checkpoint is kept and which of several tries goes on: decisions over held-out scores."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TypeVar

T = TypeVar("T")

_SLACK = 0.05


@dataclass(frozen=True, slots=True)
class Look:
    """What a checkpoint scored on held-out examples: mean score, and the share whose answer could be read."""

    step: int
    score: float
    readable: float
    n: int


def steady(looks: Sequence[Look]) -> Sequence[Look]:
    """The looks before the form of the answers fell apart.

    Where the readable share drops below its best so far by more than five points and two standard errors,
    training has begun to destabilise; Tina (arXiv 2504.15777) found its best checkpoints just before.
    """
    highest: Look | None = None
    for i, look in enumerate(looks):
        if highest is not None and look.readable < highest.readable - _slack(highest, look):
            return looks[:i]
        if highest is None or look.readable > highest.readable:
            highest = look
    return looks


def _slack(one: Look, other: Look) -> float:
    variance = sum(look.readable * (1 - look.readable) / look.n for look in (one, other))
    return max(_SLACK, 2 * sqrt(variance))


def best(looks: Sequence[Look]) -> Look:
    """The steady look with the highest score, the earliest of equals."""
    return max(steady(looks), key=lambda look: look.score)


def spent_patience(looks: Sequence[Look], patience: int) -> bool:
    """Whether the last `patience` looks brought nothing better than those before, or the form fell apart."""
    return len(steady(looks)) < len(looks) or looks.index(best(looks)) < len(looks) - patience


async def halved(
    tries: Sequence[T], rungs: Sequence[int], run: Callable[[T, int], Awaitable[Sequence[Look]]]
) -> tuple[T, dict[T, Sequence[Look]]]:
    """The try that wins successive halving (arXiv 1502.07943), and what each was seen to score.

    `run` takes a try on to a step and returns all its looks. After each rung the better half goes on, the
    earlier of equals; the last rung runs one to its end.
    """
    left, seen = list(tries), dict[T, Sequence[Look]]()
    for rung in rungs:
        for one in left:
            seen[one] = await run(one, rung)
        left.sort(key=lambda one: -best(seen[one]).score)
        left = left[: -(-len(left) // 2)]
    return left[0], seen
