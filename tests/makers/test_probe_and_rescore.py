"""The algorithmic probe, and the comparison of a model with what was made of it."""

from __future__ import annotations

import asyncio

from underdog.answerer import Answer, Failure, Model
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.makers.probe import KINDS, probe
from underdog.makers.rescore import rescore
from underdog.store.sinks import MemoryBank

OLD, NEW = Model("fake/old"), Model("fake/new")


def test_the_probe_is_the_same_for_a_seed_has_every_kind_and_its_gold_answers_are_right():
    task = probe(60, seed=4)
    assert task.examples == probe(60, seed=4).examples != probe(60, seed=5).examples
    kinds = [one.fields["kind"] for one in task.examples]
    assert {kind: kinds.count(kind) for kind in KINDS} == {"copy": 20, "count": 20, "add": 20}
    for one in task.examples:
        assert task.scorer.score(str(one.target), one) == 1.0


def test_one_wrong_digit_in_a_long_number_is_wrong():
    item = next(one for one in probe(60).examples if len(str(one.target)) > 10)
    assert probe(60).scorer.score(str(int(item.target) + 1), item) == 0.0


def compared(before, after, n=120, **options):
    """A rescore of two fakes, each a function of an example's place and its gold answer."""
    task = probe(n)
    places = {one.messages[0]["content"]: (at, one.target) for at, one in enumerate(task.examples)}

    def engine(name, answers):
        return FakeEngine(lambda request: answers(*places[request.messages[0]["content"]]), name)

    engines = {OLD: engine("old", before), NEW: engine("new", after)}

    async def run():
        async with Driver(engines.__getitem__, MemoryBank()) as driver:
            return await rescore(driver, OLD, NEW, task, task.examples, **options)

    return asyncio.run(run())


def right(_, gold):
    return Answer(gold)


def test_the_same_answers_are_no_worse_where_there_are_enough_and_cannot_be_told_where_there_are_few():
    assert compared(right, right, margin=0.1).ruling == "no worse"
    few = compared(right, right, n=9, margin=0.02)
    assert (few.ruling, few.alike.estimate) == ("cannot tell", 1.0)


def test_lost_and_won_answers_are_called_worse_and_better():
    half = lambda at, gold: Answer(gold if at % 2 else "none")  # noqa: E731
    assert compared(right, half).ruling == "worse"
    assert compared(half, right).ruling == "better"
    assert "difference -50.0" in compared(right, half).said()


def test_failures_are_left_out_of_both_sides_and_never_scored_zero():
    found = compared(right, lambda at, gold: Failure("server_error", "down") if at < 20 else Answer(gold))
    assert (found.paired.n, found.paired.dropped, found.after.estimate) == (100, 20, 1.0)


def test_nothing_answered_is_undefined_and_said():
    found = compared(right, lambda at, gold: Failure("server_error", "down"), n=9)
    assert found.ruling == "cannot tell"
    assert "no pair has both scores" in found.said()
