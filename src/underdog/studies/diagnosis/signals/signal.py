"""Signal: one number that a diagnosis rests on, with its interval and a sentence. Computes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from underdog.statistics import Interval

__all__ = ["Point", "Signal"]


@dataclass(frozen=True)
class Point:
    """One point of a signal's curve: where it lies, what was measured there, and a label where x has none."""

    x: float
    y: Interval
    label: str = ""


@dataclass(frozen=True)
class Signal:
    """One measurement of one model, or of all of them together.

    Attributes:
        name: what was measured, such as "unread"; one signal a name and model.
        model: None for what is measured across models.
        interval: the number; shares and scores in [0, 1], differences in [-1, 1], undefined with a note.
        n: the examples that it rests on.
        sentence: the number in words, for people.
        curve: more of the same, such as coverage by the number of draws.
        examples: ids of examples worth looking at, at most a few dozen.
    """

    name: str
    model: str | None
    interval: Interval
    n: int
    sentence: str
    curve: tuple[Point, ...] = ()
    examples: tuple[str, ...] = ()
