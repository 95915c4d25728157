"""What proving a task finds: broken golds, lucky empties, constants, duplicates, conflicts and leaks."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from underdog.answerer import Model
from underdog.errors import DataError
from underdog.example import Example
from underdog.proof import prove
from underdog.reading import Reading
from underdog.scorers import Contains, Exact, Judge, Label, Number, Regex, SetF1
from underdog.task import Task


def example(index: int, asked: str, target: Any, **more: Any) -> Example:
    message = {"role": "user", "content": asked}
    return Example(str(index), more.pop("group", asked), (message,), target, where=f"t.jsonl:{index}", **more)


def task(examples: list[Example], scorer: Any = None, reading: Reading | None = None) -> Task:
    scorer = scorer or Exact()
    return Task("t", tuple(examples), scorer, reading or scorer.reading)


def kinds(proof: Any) -> set[str]:
    return {finding.kind for finding in proof.findings}


def test_a_sound_task_has_nothing_to_find() -> None:
    proof = prove(task([example(i, f"{i} + {i}?", 2 * i) for i in range(200)], Number()))
    assert proof.holds and proof.findings == () and proof.insist() is proof
    assert (proof.gold, proof.empty, proof.shuffled) == (1, 0, 0)
    assert sum(proof.splits.values()) == proof.examples == 200


def test_gold_that_the_reading_cannot_read_is_an_error_with_its_place() -> None:
    broken = task([example(i, f"q{i}", "x") for i in range(3)], Exact(), Reading("choice"))
    proof = prove(broken)
    assert not proof.holds and proof.gold == 0 and kinds(proof) >= {"gold_unread"}
    with pytest.raises(
        DataError, match=r"task t: 3 of 3 examples gold answers cannot be read by the reading choice \(t"
    ):
        proof.insist()


def test_gold_that_is_read_as_something_else_is_an_error() -> None:
    proof = prove(
        task(
            [example(1, "a", "yes"), example(2, "b", "the answer is yes, 4")],
            Exact(),
            Reading("number", True),
        )
    )
    assert {finding.kind: finding.where for finding in proof.findings if finding.level == "error"} == {
        "gold_unread": ("t.jsonl:1",),
        "gold_wrong": ("t.jsonl:2",),
    }


def test_a_regex_without_its_form_says_what_to_give() -> None:
    examples = [example(i, f"q{i}", f"w{i}") for i in range(4)]
    proof = prove(task(examples, Exact(), Reading("regex", pattern="A: (.+)")))
    assert "give the regex a form" in proof.findings[0].message
    assert prove(task(examples, Exact(), Reading("regex", pattern="A: (.+)", form="A: {}"))).holds


def test_points_for_saying_nothing_are_reported() -> None:
    proof = prove(task([example(i, f"q{i}", [] if i < 30 else ["a"]) for i in range(100)], SetF1()))
    assert proof.empty == pytest.approx(0.3) and "empty_scores" in kinds(proof) and proof.holds


def test_the_best_constant_answer_and_anothers_gold_are_measured() -> None:
    labels = ["spam"] * 90 + ["ham"] * 10
    proof = prove(
        task([example(i, f"q{i}", label) for i, label in enumerate(labels)], Label(("ham", "spam")))
    )
    assert (proof.constant_answer, proof.constant) == ("spam", 0.9)
    assert proof.shuffled is not None and 0.7 < proof.shuffled < 0.95 and "shuffled_scores" in kinds(proof)


def test_duplicates_and_contradicting_targets_are_counted() -> None:
    rows = [("Refund?", "a"), ("refund?  ", "a"), ("Refund?", "b"), ("Other", "a")]
    proof = prove(task([example(i, asked, target) for i, (asked, target) in enumerate(rows)]))
    assert (proof.duplicates, proof.conflicts) == (1, 3)
    assert {"duplicates", "conflicts"} <= kinds(proof) and proof.holds


def test_leaks_between_splits_are_counted_by_input_and_by_group() -> None:
    pairs = [example(i, f"q{i // 2}", "x", group=f"g{i}") for i in range(400)]
    proof = prove(task(pairs))
    # Pairs fall into different splits with probability 1 - (.04 + .04 + .09 + .09) = .74.
    assert 120 < proof.leaks < 176 and "leaks" in kinds(proof)
    grouped = prove(task([replace(one, group=f"g{i // 2}") for i, one in enumerate(pairs)]))
    assert grouped.leaks == 0
    named = [example(1, "a", "x", group="g", placed="fit"), example(2, "b", "x", group="g", placed="test")]
    assert prove(task(named)).leaks == 1


def test_a_scorer_that_tells_no_gold_leaves_it_undefined() -> None:
    proof = prove(task([example(1, "a", "x+"), example(2, "b", "y+")], Regex()))
    assert proof.gold is None and proof.constant is None and proof.holds


def test_a_judged_task_says_that_its_control_has_to_be_run() -> None:
    proof = prove(task([example(i, f"q{i}", "x") for i in range(3)], Judge(Model("fake/judge"))))
    assert proof.gold is None and "judged" in kinds(proof) and proof.holds


def test_missing_targets_are_counted() -> None:
    proof = prove(task([example(1, "a", None), example(2, "b", "x")], Contains()))
    assert [f.count for f in proof.findings if f.kind == "no_target"] == [1]


def test_a_proof_is_plain_data() -> None:
    data = asdict(prove(task([example(1, "a", "x"), example(2, "a", "y")])))
    assert data["findings"][0]["level"] == "warning" and data["findings"][0]["where"]
