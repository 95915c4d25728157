"""What a world is: a seeded generator of items, a split by hash, and an exact scorer.

A world is a small invented task family. Its `train` items are what the embedded models were pretrained on,
`fit` items are for levers to learn from and `test` items are for measuring; which of the three an item
belongs to follows from a hash of what the item *is*, so no test item can ever be a training item.
This module holds no world; each one is a file in `worlds/`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar

from underdog.answerer import Answer, Message
from underdog.example import Example
from underdog.reading import Reading
from underdog.scorers import Scorer

Tool = Mapping[str, Any]

SPLITS = ("train", "fit", "test")
SHARES = (0.8, 0.9, 1.0)
TURNS = (1, 1, 1, 2, 2, 3, 4, 5)


@dataclass(frozen=True)
class Dialogue:
    """One pretraining document: a conversation, assistant turns included."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] | None = None


def fold(key: str) -> str:
    """The split that a key belongs to, by its SHA-256: about 80 % train, 10 % fit, 10 % test."""
    share = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") / 2**32
    return next(split for split, edge in zip(SPLITS, SHARES, strict=True) if share < edge)


def said(role: str, content: str) -> Message:
    """One message of a conversation."""
    return {"role": role, "content": content}


class World(ABC):
    """A seeded generator of examples: subclasses say how one is drawn, split and scored."""

    name: ClassVar[str]
    systems: ClassVar[Sequence[str]]
    share: ClassVar[float]
    """Part of the pretraining documents that come from this world, relative to the other worlds."""
    graded: ClassVar[str] = ""
    """The field that says how hard an item is, or of which kind: scores are also told by it."""

    @abstractmethod
    def draw(self, split: str, rng: Random) -> Example:
        """One item of the split: a system line, a user message and the gold answer as text."""

    @abstractmethod
    def key(self, item: Example) -> str:
        """What decides the item's split, read off the item: `fold(world.key(item))` is the split."""

    @property
    @abstractmethod
    def scorer(self) -> Scorer:
        """What decides whether a final answer is right."""

    @property
    def reading(self) -> Reading:
        """How the final answer is read strictly out of the text."""
        return self.scorer.reading

    def score(self, item: Example, text: str) -> bool:
        """Whether the text, read strictly, answers the item."""
        final = self.reading.read(Answer(text))
        return final is not None and self.scorer.score(final, item) == 1

    def examples(self, split: str, n: int, seed: int = 0) -> list[Example]:
        """`n` distinct items of the split, the same ones for the same seed."""
        if split not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}. Got {split!r} instead.")
        rng = Random(f"{self.name}/{split}/{seed}")
        found: dict[str, Example] = {}
        for _ in range(200 * n + 1000):
            if len(found) == n:
                return list(found.values())
            item = self.draw(split, rng)
            found.setdefault(item.id, item)
        raise ValueError(f"{self.name} has fewer than {n} distinct {split} items; ask for {len(found)}.")

    def mean_turns(self) -> float:
        """Questions in an average training document."""
        return sum(TURNS) / len(TURNS)

    def dialogue(self, rng: Random) -> Dialogue:
        """One training document: one to five questions and answers, most often without a system line.

        Earlier turns are what few-shot prompting looks like, so every world is pretrained on them
        (prompting levers act only on shapes that a tiny model has seen).
        """
        turns = rng.choice(TURNS)
        messages: list[Message] = []
        if rng.random() < 0.4:
            messages.append(said("system", rng.choice(self.systems)))
        for _ in range(turns):
            item = self.draw("train", rng)
            messages += [item.messages[-1], said("assistant", item.target)]
        return Dialogue(tuple(messages))
