"""Pairs of a right and a wrong answer to the same request, for preference training. Asks and trains nothing.

The answers come judged, by a scorer, a checker's program or a benchmark's verdicts; how, is not told here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Judged:
    """One answer to the request that `key` names, and whether it was right."""

    key: str
    text: str
    right: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one request, cut where they part: both go on after `prefix`."""

    key: str
    prefix: str
    chosen: str
    rejected: str


@dataclass(slots=True)
class Sides:
    """The distinct right and wrong answers to one request, in the order in which they came."""

    right: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def sides(judged: Iterable[Judged]) -> dict[str, Sides]:
    """Answers by request; a text that was judged both ways counts on neither side."""
    verdicts: dict[str, dict[str, bool | None]] = {}
    for one in judged:
        known = verdicts.setdefault(one.key, {})
        known[one.text] = one.right if known.get(one.text, one.right) == one.right else None
    return {
        key: Sides(
            [text for text, right in texts.items() if right],
            [text for text, right in texts.items() if right is False],
        )
        for key, texts in verdicts.items()
    }


def pairs(judged: Iterable[Judged], each: int | None = None) -> list[Pair]:
    """A pair for every wrong answer to a request that also has a right one, at most `each` a request.

    A wrong answer is held against the right one that it follows longest, so that the pair teaches the step at
    which it went wrong; what both share before it cancels in DPO's loss.
    """
    found = []
    for key, both in sides(judged).items():
        if both.right:
            found += [parted(key, nearest(both.right, wrong), wrong) for wrong in both.wrong[:each]]
    return found


def nearest(right: Iterable[str], wrong: str) -> str:
    """The right answer that shares the most first steps with the wrong one; the first of equals."""
    return max(right, key=lambda text: shared_steps(text, wrong))


def parted(key: str, chosen: str, rejected: str) -> Pair:
    """The two, cut after the last step that both begin with."""
    at = shared_steps(chosen, rejected)
    steps = chosen.splitlines(keepends=True)
    prefix = "".join(steps[:at])
    return Pair(key, prefix, chosen[len(prefix) :], rejected[len(prefix) :])


def shared_steps(one: str, other: str) -> int:
    """How many whole lines both begin with; a step of a chain, and a call of a program, is a line."""
    first, second = one.splitlines(keepends=True), other.splitlines(keepends=True)
    shared = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), None)
    return min(len(first), len(second)) if shared is None else shared
