"""What a maker stands on: who is learned from, who is held out, and answers that are paid for once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from tests.makers.toys import SIDES, ground, toy

from underdog.answerer import Answer, Model
from underdog.engines.fake import FakeEngine
from underdog.errors import StudyError
from underdog.levers.read import Read
from underdog.makers import Distil, Dpo
from underdog.store import MemoryBank


def test_a_group_is_learned_from_or_held_out_never_both(tmp_path):
    task = toy()
    grouped = tuple(replace(one, group=f"g{int(one.id) // 4}") for one in task.examples)
    learned, held_out = ground(tmp_path, replace(task, examples=grouped)).parts("lora", 0.25)
    assert {one.group for one in learned}.isdisjoint({one.group for one in held_out})
    assert (len(learned), len(held_out)) == (36, 12)


def test_only_fit_is_learned_from(tmp_path):
    learned, held_out = ground(tmp_path).parts("lora", 0.25)
    assert {one.placed for one in (*learned, *held_out)} == {"fit"}


def test_another_seed_holds_out_others(tmp_path):
    first, second = (ground(tmp_path, seed=seed).parts("lora", 0.25)[1] for seed in (0, 1))
    assert {one.id for one in first} != {one.id for one in second}


def test_too_few_examples_are_refused_with_how_many_it_takes(tmp_path):
    says = "at least 24 examples with a target to learn from and 8 to hold out; there are 15 and 5"
    with pytest.raises(StudyError, match=says):
        ground(tmp_path, toy(fit=20)).parts("lora", 0.25)


def test_examples_without_a_target_are_not_learned_from(tmp_path):
    task = toy()
    blank = tuple(replace(one, target=None) for one in task.examples)
    with pytest.raises(StudyError, match="there are 0 and 0"):
        ground(tmp_path, replace(task, examples=blank)).parts("lora", 0.25)


class Teacher:
    """A fake large model: right on even numbers, wrong on odd ones; counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def bind(self, model: Model) -> FakeEngine:
        return FakeEngine(self.answer)

    def answer(self, request: object) -> Answer:
        self.asked += 1
        colour, number = request.messages[-1]["content"].split()
        right = SIDES[colour]
        return Answer(right if int(number) % 4 < 2 else "left right")


def taught(tmp_path, bank):
    teacher = Teacher()
    task = toy(fit=96)
    large = Read(Model("fake/large"), rule="label", labels=tuple(SIDES.values()))
    return teacher, ground(tmp_path, task, bind=teacher.bind, sink=bank, large=large)


def test_only_what_the_scorer_passed_is_learned_and_nothing_is_asked_twice(tmp_path):
    bank = MemoryBank()
    teacher, first = taught(tmp_path, bank)
    found = asyncio.run(Distil().taught(first))
    assert {text for _, text in found.pairs} == {"left", "right"}
    assert 0 < len(found.pairs) < found.told["asked"] == teacher.asked
    teacher, again = taught(tmp_path, bank)
    assert asyncio.run(Distil().taught(again)).pairs == found.pairs
    assert teacher.asked == 0
    assert again.spend.calls == first.spend.calls > 0


def test_a_teacher_that_is_always_of_one_mind_makes_no_pairs_and_is_refused_with_the_cause(tmp_path):
    _, stands = taught(tmp_path, MemoryBank())
    with pytest.raises(
        StudyError, match=r"there are 0, as of 72 examples \d+ had right answers only and \d+ wrong ones only"
    ):
        asyncio.run(Dpo(draws=2).compared(stands))


def test_no_large_model_is_refused(tmp_path):
    with pytest.raises(StudyError, match="needs a large model"):
        asyncio.run(Distil().taught(ground(tmp_path)))
