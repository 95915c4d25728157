"""list_f1: which elements the final answer names in the right order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from underdog.example import Example
from underdog.scorers.set_f1 import SetF1


@dataclass(frozen=True)
class ListF1(SetF1):
    """F1 over the longest common subsequence of the answer and the target: order and repeats count.

    What is said of the final answer and of texts in set_f1 holds here too.
    """

    name: ClassVar[str] = "list_f1"

    def score(self, final: str, example: Example) -> float:
        answer, target = self.elements(final), self.target(example)
        if not answer or not target:
            return float(answer == target)
        return 2 * common(answer, target) / (len(answer) + len(target))


def common(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence; time is the product of the lengths."""
    row = [0] * (len(other) + 1)
    for element in one:
        before = 0
        for at, candidate in enumerate(other, start=1):
            above = row[at]
            row[at] = before + 1 if element == candidate else max(above, row[at - 1])
            before = above
    return row[-1]
