"""From a lesson to a Made: search, train, keep the best checkpoint, write the record. Imports torch."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from underdog.answerer import Model, digest
from underdog.errors import StudyError
from underdog.example import Example
from underdog.makers.choosing import Look, best, halved, steady
from underdog.makers.course import Course, Lesson
from underdog.makers.ground import Graded, Ground
from underdog.makers.made import Made
from underdog.makers.settings import Settings, Try
from underdog.makers.student import Size, export
from underdog.trial import Spend

_PACKAGES = ("torch", "transformers", "peft", "trl")


@dataclass
class Making:
    """The making of one adapter: what is learned from, what is held out.

    `name` is the folder of its files under the ground's; `asked` tells one asking from another, so that only
    the same one goes on from checkpoints that an earlier process left.
    """

    ground: Ground
    settings: Settings
    lesson: Lesson
    size: Size
    held_out: Sequence[Example]
    asked: str
    name: str = "adapter"
    courses: dict[Try, Course] = field(default_factory=dict)

    async def adapter(self) -> Trained:
        """Search, train to the end, and export the best checkpoint."""
        before = self._looked(0, await self._graded(self.ground.model))
        chosen, seen = await halved(
            self.settings.candidates(self.size.width), self.settings.rungs, self._taken_on
        )
        course = self.courses[chosen]
        kept = best(course.looks)
        folder = export(course.checkpoint(kept.step), self.ground.folder / self.name, self.ground.model)
        spend = sum(map(self._spend, self.courses.values()), Spend())
        return Trained(self._adapted(folder), chosen, before, kept, seen, course, spend)

    def _spend(self, course: Course) -> Spend:
        flops = self.lesson.flops_per_token * self.size.parameters * course.tokens
        return Spend(tokens_in=course.tokens, seconds=course.seconds, flops=flops)

    async def _taken_on(self, one: Try, until: int) -> list[Look]:
        course = self.courses.get(one)
        if course is None:
            folder = self.ground.folder / "work" / self.asked / self.name / one.name
            course = self.courses[one] = Course(
                self.lesson, self.settings, one, folder, self.ground.seed, self._look(one), self.ground.watch
            )
        return await course.run(until)

    def _look(self, one: Try) -> Any:
        async def look(step: int, checkpoint: Path) -> Look:
            folder = export(checkpoint, checkpoint.parent / f"look-{step}", self.ground.model)
            seen = self._looked(step, await self._graded(self._adapted(folder)))
            self.ground.watch.note(
                f"{self.name}, {one.name}, step {step}: {seen.score:.1%} of {len(self.held_out)} held out"
            )
            return seen

        return look

    async def _graded(self, model: Model) -> list[Graded]:
        graded = await self.ground.graded(self.ground.reading(model), self.held_out)
        return [answer for (answer,) in graded]

    def _looked(self, step: int, answers: Sequence[Graded]) -> Look:
        scores = [answer.score for answer in answers if answer.score is not None]
        if not scores:
            raise StudyError(
                f"{self.ground.model.name}: no held-out example could be scored, every call failed; "
                "run underdog check on the study"
            )
        readable = sum(answer.final is not None for answer in answers) / len(answers)
        return Look(step, sum(scores) / len(scores), readable, len(answers))

    def _adapted(self, folder: Path) -> Model:
        return replace(self.ground.model, adapter=os.path.relpath(folder, self.ground.base))


@dataclass(frozen=True)
class Trained:
    """An adapter that was trained: the model with it, what was chosen, and what was seen on the way."""

    model: Model
    chosen: Try
    before: Look
    kept: Look
    seen: Mapping[Try, Sequence[Look]]
    course: Course
    spend: Spend

    def evidence(self) -> dict[str, Any]:
        """What was looked at, as JSON. Held-out scores picked the checkpoint, so they flatter it."""
        return {
            "held_out": {"before": _told(self.before), "kept": _told(self.kept)},
            "rank": self.chosen.rank,
            "rate": self.chosen.rate,
            "fell_apart": len(steady(self.course.looks)) < len(self.course.looks),
            "tries": [
                {"rank": one.rank, "rate": one.rate, "looks": [_told(look) for look in looks]}
                for one, looks in self.seen.items()
            ],
        }


def recorded(
    trained: Trained,
    ground: Ground,
    settings: Settings,
    data: Mapping[str, Any],
    **more: Any,
) -> Made:
    """The record of an adapter; `more` are further fields of Made, evidence and spend added to its own."""
    evidence = {**trained.evidence(), **more.pop("evidence", {})}
    spend = ground.spend + trained.spend + more.pop("spend", Spend())
    cautions = list(more.pop("cautions", ()))
    if trained.kept.score <= trained.before.score:
        cautions.append(
            f"no checkpoint scored more on the {data['held_out']} held-out examples than the model did "
            f"before ({trained.kept.score:.1%} against {trained.before.score:.1%})"
        )
    return Made(
        model=trained.model,
        parent=ground.model,
        recipe=settings.recipe(),
        data=data,
        seed=ground.seed,
        curves=trained.course.curves(),
        spend=spend,
        evidence=evidence,
        versions={package: version(package) for package in _PACKAGES},
        cautions=tuple(cautions),
        **more,
    )


def described(learned: Sequence[Any], held_out: Sequence[Example]) -> dict[str, Any]:
    """What was learned from, for the record: counts and a digest of the content."""
    ids = [example.id for example in held_out]
    return {"n": len(learned), "held_out": len(held_out), "digest": digest([learned, ids])}


def asked_for(settings: Settings, ground: Ground, data: Mapping[str, Any], fingerprint: str) -> str:
    """A short digest of everything that decides what a training comes to."""
    return digest([settings.recipe(), data, ground.seed, fingerprint])[:12]


def _told(look: Look) -> dict[str, Any]:
    return {"step": look.step, "score": look.score, "readable": look.readable}
