"""What a scorer is, and what the scorers share about targets. Holds no scorer; each is a file beside it."""

from __future__ import annotations

from typing import Any, Protocol

from underdog.answerer import Answer, Effect
from underdog.errors import DataError
from underdog.example import Example
from underdog.reading import Reading
from underdog.reading.json_text import dump

__all__ = ["AskingScorer", "Scorer", "alternatives", "text_of", "wrong_target"]


class Scorer(Protocol):
    """A frozen dataclass that compares a final answer with an example's target.

    `reading` is the way of reading final answers that suits it when a task names none.
    """

    @property
    def reading(self) -> Reading: ...

    def score(self, final: str, example: Example) -> float:
        """In [0, 1]; 1 is right. Never raises on any `final`."""
        ...

    def gold(self, example: Example) -> str | None:
        """A final answer that deserves 1, or None when the target does not tell one.

        Raises:
            DataError: the target is not of the kind that this scorer compares with.
        """
        ...


class AskingScorer(Protocol):
    """A scorer that has to ask a model; the driver performs its steps, whose value is the score."""

    @property
    def reading(self) -> Reading: ...

    def steps(self, answer: Answer, example: Example) -> Any:
        """A generator like a lever's, whose return value is a float in [0, 1]."""
        ...

    def gold(self, example: Example) -> str | None: ...


Effects = Effect | tuple[Effect, ...]


def text_of(value: Any) -> str | None:
    """The final answer that a target stands for: text as it is, everything else as canonical JSON."""
    if isinstance(value, str):
        return value.strip() or None
    return str(value) if type(value) is int else dump(value)


def alternatives(example: Example, scorer: str) -> list[str]:
    """The texts that are right: the target, or each of it when it is a list. Never empty.

    Raises:
        DataError: the target is missing, empty, or holds what is no text, number or truth value.
    """
    target = example.target
    if isinstance(target, str) and target.strip():
        return [target.strip()]
    values = target if isinstance(target, list) else [target]
    texts = [text_of(value) for value in values if isinstance(value, str | int | float)]
    if not values or len(texts) != len(values) or not all(texts):
        raise wrong_target(example, scorer, "a text, a number or a list of them")
    return [text for text in texts if text is not None]


def wrong_target(example: Example, scorer: str, wanted: str) -> DataError:
    """The one sentence for a target that a scorer cannot compare with."""
    came = repr(example.target)
    shown = came if len(came) <= 80 else came[:77] + "..."
    return DataError(f"{example.place()}: for the scorer {scorer} the target must be {wanted}; got {shown}")
