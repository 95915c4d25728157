"""set_f1: which elements the final answer names, whatever their order and however often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from underdog.example import Example
from underdog.reading import Reading
from underdog.reading.json_text import dump, parse
from underdog.scorers.scorer import wrong_target


@dataclass(frozen=True)
class SetF1:
    """F1 between the answer's elements and the target's; two empty sets are equal.

    The final answer is a JSON list, or elements between commas. Texts are compared without the white
    space around them, in any case of letters unless `exact_case`.
    """

    exact_case: bool = False

    name: ClassVar[str] = "set_f1"

    @property
    def reading(self) -> Reading:
        return Reading("json")

    def score(self, final: str, example: Example) -> float:
        answer, target = set(self.elements(final)), set(self.target(example))
        if not answer or not target:
            return float(answer == target)
        return 2 * len(answer & target) / (len(answer) + len(target))

    def elements(self, final: str) -> list[str]:
        """The elements that a final answer names, as they are compared."""
        value = parse(final)
        parts = value if isinstance(value, list) else final.split(",")
        return [self.plain(part) for part in parts if part != ""]

    def plain(self, part: Any) -> str:
        text = part.strip() if isinstance(part, str) else dump(part) or ""
        return text if self.exact_case else text.casefold()

    def target(self, example: Example) -> list[str]:
        """The target's elements, as they are compared.

        Raises:
            DataError: the target is not a list.
        """
        target = parse(example.target) if isinstance(example.target, str) else example.target
        if not isinstance(target, list):
            raise wrong_target(example, self.name, "a list")
        return [self.plain(part) for part in target]

    def gold(self, example: Example) -> str | None:
        self.target(example)
        return example.target.strip() if isinstance(example.target, str) else dump(example.target)
