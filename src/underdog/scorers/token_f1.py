"""token_f1: the words that the final answer and the target share, as in SQuAD (arXiv 1606.05250)."""

from __future__ import annotations

import re
import string
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from underdog.example import Example
from underdog.reading import Reading
from underdog.scorers.scorer import alternatives

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True)
class TokenF1:
    """Harmonic mean of precision and recall over words, the best over a list of targets.

    Words are compared as SQuAD's official script does: lower case, no punctuation, no articles.
    """

    name: ClassVar[str] = "token_f1"

    @property
    def reading(self) -> Reading:
        return Reading("text")

    def score(self, final: str, example: Example) -> float:
        answer = words(final)
        return max(f1(answer, words(text)) for text in alternatives(example, self.name))

    def gold(self, example: Example) -> str | None:
        return alternatives(example, self.name)[0]


def words(text: str) -> list[str]:
    """The words of a text, normalised."""
    return ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split()


def f1(answer: list[str], target: list[str]) -> float:
    """F1 of two bags of words in [0, 1]; two empty bags are equal."""
    if not answer or not target:
        return float(answer == target)
    shared = sum((Counter(answer) & Counter(target)).values())
    return 2 * shared / (len(answer) + len(target))
