"""number: the final answer is the target number, within a tolerance."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import ClassVar

from underdog.errors import StudyError
from underdog.example import Example
from underdog.reading import Reading
from underdog.reading.number import canonical, last, parse
from underdog.scorers.scorer import alternatives, wrong_target


@dataclass(frozen=True)
class Number:
    """1 when |answer - target| <= max(absolute, relative * |target|).

    The default forgives the rounding of binary floats and nothing else. A final answer with words around
    its number ("18 dollars", from a tag or JSON) counts as its last number.
    """

    absolute: float = 0.0
    relative: float = 1e-9

    name: ClassVar[str] = "number"

    def __post_init__(self) -> None:
        if not (self.absolute >= 0 and self.relative >= 0):
            raise StudyError(
                f"score: the tolerances of number must be 0 or more; got {self.absolute} and {self.relative}"
            )

    @property
    def reading(self) -> Reading:
        return Reading("number")

    def score(self, final: str, example: Example) -> float:
        value = parse(final)
        value = last(final) if value is None else value
        if value is None:
            return 0.0
        return float(any(self.near(value, target) for target in self.targets(example)))

    def near(self, value: Decimal, target: Decimal) -> bool:
        if value == target:
            return True
        with localcontext() as context:
            context.prec = 60
            allowed = max(Decimal(self.absolute), Decimal(self.relative) * abs(target))
            return abs(value - target) <= allowed

    def targets(self, example: Example) -> list[Decimal]:
        """The numbers that are right.

        Raises:
            DataError: the target is no number, nor a list of numbers.
        """
        found = []
        for text in alternatives(example, self.name):
            number = parse(text)
            if number is None or isinstance(example.target, bool):
                raise wrong_target(example, self.name, "a number")
            found.append(number)
        return found

    def gold(self, example: Example) -> str | None:
        return canonical(self.targets(example)[0])
