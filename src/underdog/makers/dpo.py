"""Dpo: an adapter that learned to prefer right answers to wrong ones (Rafailov et al., arXiv 2305.18290).

After "Improving small-scale LLM function calling" (arXiv 2410.18890): several answers a request, sorted by
the task's scorer, paired where they part. Supervised training on the chosen answers runs beside it as a
control, on the same pairs: where the failure is of form only, it or a grammar may do as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from underdog.answerer import Answerer
from underdog.errors import StudyError
from underdog.example import Example
from underdog.makers.ground import FEWEST_LEARNED, Graded, Ground
from underdog.makers.lessons import Compared
from underdog.makers.made import Made
from underdog.makers.preferences import Judged, pairs, sides
from underdog.makers.settings import Preferring


@dataclass(frozen=True, kw_only=True)
class Dpo(Preferring):
    """Learn to prefer right answers to wrong ones."""

    def asks(self) -> tuple[str, int] | None:
        """The teacher's, which are sorted."""
        return self.teacher, self.draws

    async def make(self, ground: Ground) -> Made:
        """The small model with an adapter, and beside it the control that was trained on the chosen answers.

        Raises:
            StudyError: too few pairs, or a model or setting that cannot be trained here.
            BudgetSpent: the budget ended first; what was asked and trained is kept.
        """
        from underdog.makers.preferring import prefer

        return await prefer(self, ground, await self.compared(ground))

    async def compared(self, ground: Ground) -> Compared:
        """Answers asked through the bank, sorted and paired."""
        learned, held_out = ground.parts("dpo", self.held_out)
        graded = await ground.graded(self._asked(ground), learned, self.draws, self.temperature)
        judged = list(judgements(learned, graded))
        found, both = pairs(judged, self.each), sides(judged).values()
        told = {
            "teacher": self.teacher,
            "only right": sum(not side.wrong for side in both),
            "only wrong": sum(not side.right for side in both),
            "both": sum(bool(side.right and side.wrong) for side in both),
            "pairs": len(found),
        }
        if len(found) < FEWEST_LEARNED:
            raise StudyError(
                f"dpo: needs at least {FEWEST_LEARNED} pairs of a right and a wrong answer; there are "
                f"{len(found)}, as of {len(learned)} examples {told['only right']} had right answers only "
                f"and {told['only wrong']} wrong ones only: raise draws or temperature, name the other "
                "teacher, or add examples"
            )
        return Compared(found, {example.id: example for example in learned}, held_out, told)

    def _asked(self, ground: Ground) -> Answerer:
        if self.teacher == "small":
            return ground.small
        if ground.large is None:
            raise StudyError("dpo: there is no large model; name it under models, or set teacher to small")
        return ground.large


def judgements(examples: Sequence[Example], graded: Sequence[Sequence[Graded]]) -> list[Judged]:
    """Each answer with its verdict; what failed or said nothing is left out."""
    return [
        Judged(example.id, answer.text, answer.right)
        for example, answers in zip(examples, graded, strict=True)
        for answer in answers
        if answer.score is not None and answer.text
    ]
