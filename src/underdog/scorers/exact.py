"""exact: the final answer is the target, or one of it when the target is a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from underdog.example import Example
from underdog.reading import Reading
from underdog.scorers.scorer import alternatives


@dataclass(frozen=True)
class Exact:
    """1 when the texts are equal: runs of white space count as one space, and letters keep their case
    unless `ignore_case`."""

    ignore_case: bool = False

    name: ClassVar[str] = "exact"

    @property
    def reading(self) -> Reading:
        return Reading("text")

    def score(self, final: str, example: Example) -> float:
        return float(self.plain(final) in map(self.plain, alternatives(example, self.name)))

    def gold(self, example: Example) -> str | None:
        return alternatives(example, self.name)[0]

    def plain(self, text: str) -> str:
        """The text as it is compared."""
        text = " ".join(text.split())
        return text.casefold() if self.ignore_case else text
