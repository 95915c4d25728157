"""What makers found to learn from, ready to be taught. Plain values; nothing is asked or trained here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from underdog.answerer import Request
from underdog.example import Example
from underdog.makers.preferences import Pair


@dataclass(frozen=True)
class Taught:
    """Requests with the answers to learn, and what a teacher's answers came to."""

    pairs: Sequence[tuple[Request, str]]
    held_out: Sequence[Example]
    told: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Compared:
    """Pairs to learn from, the examples they are about, and what the answers came to."""

    pairs: Sequence[Pair]
    examples: Mapping[str, Example]
    held_out: Sequence[Example]
    told: Mapping[str, object]

    @property
    def chosen(self) -> list[tuple[str, str]]:
        """The distinct right answers of the pairs, whole, each with its example's id."""
        return list(dict.fromkeys((pair.key, pair.prefix + pair.chosen) for pair in self.pairs))


@dataclass(frozen=True)
class Rewarding:
    """The examples on which rewards differ, for the whole reward and for that of form alone."""

    whole: Sequence[Example]
    form: Sequence[Example]
    held_out: Sequence[Example]
    told: Mapping[str, int] = field(default_factory=dict)
