"""label: the final answer is the example's label. Aggregate metrics (macro-F1, MCC) are in `statistics`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from underdog.errors import StudyError
from underdog.example import Example
from underdog.reading import Reading, near
from underdog.scorers.scorer import text_of, wrong_target


@dataclass(frozen=True)
class Label:
    """1 when the final answer is the target label. `labels` lists all there are; a task that names none
    takes every target of its data."""

    labels: tuple[str, ...] = ()

    name: ClassVar[str] = "label"

    @property
    def reading(self) -> Reading:
        if not self.labels:
            raise StudyError("score: the rule label needs 'labels' where there are no data to take them from")
        return Reading("label", labels=self.labels)

    def score(self, final: str, example: Example) -> float:
        return float(final == text_of(example.target))

    def gold(self, example: Example) -> str | None:
        label = text_of(example.target) if isinstance(example.target, str | int) else None
        if label is None:
            raise wrong_target(example, self.name, "a label")
        if self.labels and label not in self.labels:
            shown = ", ".join(self.labels[:8]) + (", ..." if len(self.labels) > 8 else "")
            raise wrong_target(example, self.name, f"one of {shown}{near(label, self.labels)}")
        return label
