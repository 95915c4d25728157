"""Lora and Distil: an adapter by supervised training, on gold answers or on a larger model's right ones.

LoRA (arXiv 2106.09685) on every linear layer; settings of LoRA Without Regret and Tina (arXiv 2504.15777)
are in docs/makers.md. TRL trains; this file says on what.
"""

from __future__ import annotations

from dataclasses import dataclass

from underdog.errors import StudyError
from underdog.makers.ground import FEWEST_LEARNED, Ground
from underdog.makers.lessons import Taught
from underdog.makers.made import Made
from underdog.makers.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Lora(Settings):
    """Learn to write the gold answers of the fit split."""

    async def make(self, ground: Ground) -> Made:
        """The small model with an adapter.

        Raises:
            StudyError: too few examples, or a model or setting that cannot be trained here.
            BudgetSpent: the budget ended first; what was asked and trained is kept.
        """
        from underdog.makers.supervising import supervise

        return await supervise(self, ground, await self.taught(ground))

    async def taught(self, ground: Ground) -> Taught:
        """What to learn from."""
        learned, held_out = ground.parts("lora", self.held_out)
        pairs = []
        for example in learned:
            if (text := ground.task.written(example)) is not None:
                pairs.append((ground.task.request(example), text))
        insist("lora", len(pairs), "fit examples whose right answer can be written out")
        return Taught(pairs, held_out)


@dataclass(frozen=True, kw_only=True)
class Distil(Lora):
    """Learn to write the large model's answers, those that the scorer passed.

    Attributes:
        draws: answers asked of the large model for each example; every distinct right one is learned.
        temperature: of these draws; None asks as the task does, and then once.
    """

    draws: int = 1
    temperature: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._least("draws", 1)
        if self.draws > 1 and not self.temperature:
            raise StudyError(
                f"distil: {self.draws} `draws` need a `temperature` above 0; got {self.temperature}"
            )

    def asks(self) -> tuple[str, int] | None:
        """The large model's, which are learned."""
        return "large", self.draws

    async def taught(self, ground: Ground) -> Taught:
        """The large model's right answers, asked through the bank."""
        if ground.large is None:
            raise StudyError("distil: needs a large model to learn from; name it under models")
        learned, held_out = ground.parts("distil", self.held_out)
        graded = await ground.graded(ground.large, learned, self.draws, self.temperature)
        pairs = []
        for example, answers in zip(learned, graded, strict=True):
            texts = dict.fromkeys(answer.text for answer in answers if answer.right and answer.text)
            pairs += [(ground.task.request(example), text) for text in texts]
        insist("distil", len(pairs), "right answers of the large model")
        asked = self.draws * len(learned)
        return Taught(pairs, held_out, {"asked": asked, "right": len(pairs)})


def insist(maker: str, count: int, what: str) -> None:
    """Raises StudyError when there are too few to learn from; says how many it takes."""
    if count < FEWEST_LEARNED:
        raise StudyError(
            f"{maker}: needs at least {FEWEST_LEARNED} {what} to learn from; there are {count}: "
            "give fit a larger share under task.splits, or add examples"
        )
