"""Grpo: an adapter that learned from the rewards of its own answers (GRPO, arXiv 2402.03300).

With LoRA as in Tina (arXiv 2504.15777): a reward for a right answer and one for an answer that can be read.
Training on the second alone runs beside it as a control: how much of the gain is form? Requests whose sampled
answers all earn the same teach nothing and are left out beforehand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from underdog.errors import StudyError
from underdog.makers.ground import FEWEST_LEARNED, Graded, Ground
from underdog.makers.lessons import Rewarding
from underdog.makers.made import Made
from underdog.makers.settings import Earning


@dataclass(frozen=True, kw_only=True)
class Grpo(Earning):
    """Learn from rewards."""

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
