"""Grpo: an adapter that learned from the rewards of its own answers (GRPO, arXiv 2402.03300).

With LoRA as in Tina (arXiv 2504.15777): a reward for a right answer and one for an answer that can be read.
Training on the second alone runs beside it as a control: how much of the gain is form? Requests whose sampled
answers all earn the same teach nothing and are left out beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from underdog.errors import StudyError
from underdog.example import Example
from underdog.makers.ground import FEWEST_LEARNED, Graded, Ground
from underdog.makers.made import Made
from underdog.makers.settings import Settings


@dataclass(frozen=True)
class Rewarding:
    """The examples on which rewards differ, for the whole reward and for that of form alone."""

    whole: Sequence[Example]
    form: Sequence[Example]
    held_out: Sequence[Example]
    told: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Grpo(Settings):
    """Learn from rewards.

    Attributes:
        group: answers drawn for a request; `batch` answers make a step, so `batch` is a multiple of it.
        temperature: how freely they are drawn.
        right, form: the weights of the two rewards: the task's score, and that the answer could be read.
        beta: the weight of the KL divergence from where the model began; 0 leaves it out.
    """

    group: int = 8
    temperature: float = 1.0
    right: float = 2.0
    form: float = 1.0
    beta: float = 0.04
    batch: int = 64
    steps: int = 100
    tries: int = 1
    checks: int = 10

    rate_share: ClassVar[float] = 1 / 20

    def __post_init__(self) -> None:
        super().__post_init__()
        self._least("group", 2)
        self._between("temperature", 0.1, 2.0)
        if self.batch % self.group:
            raise StudyError(f"grpo: `batch` must be a multiple of `group` ({self.group}); got {self.batch}")
        if not (self.right > 0 and self.form >= 0 and self.beta >= 0):
            raise StudyError(
                f"grpo: `right` must be above 0, `form` and `beta` not below; got {self.right:g}, "
                f"{self.form:g} and {self.beta:g}"
            )

    def asks(self) -> tuple[str, int] | None:
        """The small model's own, to tell where rewards differ."""
        return "small", self.group

    async def make(self, ground: Ground) -> Made:
        """The small model with an adapter, and beside it the control that was rewarded for form alone.

        Raises:
            StudyError: too few examples to learn from, or a model or setting that cannot be trained here.
            BudgetSpent: the budget ended first; what was asked and trained is kept.
        """
        from underdog.makers.rewarding import reward

        return await reward(self, ground, await self.sampled(ground))

    async def sampled(self, ground: Ground) -> Rewarding:
        """A group of answers to every example, to tell where rewards differ at the start."""
        learned, held_out = ground.parts("grpo", self.held_out)
        graded = await ground.graded(ground.small, learned, self.group, self.temperature)
        rows = list(zip(learned, graded, strict=True))
        whole = [example for example, answers in rows if differs(map(self.worth, answers))]
        form = [example for example, answers in rows if differs(map(readable, answers))]
        told = {"examples": len(learned), "reward differs": len(whole), "form differs": len(form)}
        if len(whole) < FEWEST_LEARNED:
            raise StudyError(
                f"grpo: needs at least {FEWEST_LEARNED} examples on which the rewards of {self.group} "
                f"answers differ; there are {len(whole)} of {len(learned)}: raise group or temperature, "
                "begin with lora, or add examples"
            )
        return Rewarding(whole, form, held_out, told)

    def worth(self, answer: Graded) -> float:
        """The whole reward of an answer; one that could not be scored earns as a wrong one does."""
        return self.right * (answer.score or 0.0) + self.form * readable(answer)


def readable(answer: Graded) -> float:
    """1 for an answer that could be read as the task asks, else 0."""
    return float(answer.final is not None)


def differs(rewards: Iterable[float]) -> bool:
    """Whether not all rewards of a group are the same."""
    return len(set(rewards)) > 1
