"""contains: the target stands somewhere in the final answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from underdog.example import Example
from underdog.reading import Reading
from underdog.scorers.scorer import alternatives


@dataclass(frozen=True)
class Contains:
    """1 when the target, or any one of a list, is in the answer as whole words, in any case of letters.

    With `every` the score is the share of the list that is there. With `anywhere` parts of words count.
    """

    every: bool = False
    anywhere: bool = False
    ignore_case: bool = True

    name: ClassVar[str] = "contains"

    @property
    def reading(self) -> Reading:
        return Reading("text")

    def score(self, final: str, example: Example) -> float:
        there = [self.inside(text, final) for text in alternatives(example, self.name)]
        return sum(there) / len(there) if self.every else float(any(there))

    def inside(self, part: str, text: str) -> bool:
        if self.ignore_case:
            part, text = part.casefold(), text.casefold()
        part, text = " ".join(part.split()), " ".join(text.split())
        if self.anywhere:
            return part in text
        return re.search(rf"(?<!\w){re.escape(part)}(?!\w)", text) is not None

    def gold(self, example: Example) -> str | None:
        texts = alternatives(example, self.name)
        return ", ".join(texts) if self.every else texts[0]
