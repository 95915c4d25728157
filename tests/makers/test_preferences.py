"""Pairs of right and wrong answers; on recorded data, as many as there are known to be."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from underdog.makers.preferences import Judged, Pair, pairs, parted, sides
from underdog.solvers.recorded import RIGHT, groups

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def test_answers_are_cut_where_they_part():
    assert parted("q", "add 1\nadd 2\nstop", "add 1\nadd 3\nstop") == Pair(
        "q", "add 1\n", "add 2\nstop", "add 3\nstop"
    )


def test_answers_that_part_at_once_are_whole():
    assert parted("q", "yes", "no") == Pair("q", "", "yes", "no")


def test_a_wrong_answer_meets_the_right_one_that_it_follows_longest():
    judged = [Judged("q", "a\nb\nc", True), Judged("q", "x\ny", True), Judged("q", "x\nz", False)]
    assert pairs(judged) == [Pair("q", "x\n", "y", "z")]


def test_requests_with_one_side_only_make_no_pair():
    assert pairs([Judged("p", "a", True), Judged("q", "b", False)]) == []


def test_equal_answers_count_once_and_a_request_gives_at_most_so_many():
    judged = [Judged("q", "a", True), *(Judged("q", text, False) for text in ("b", "b", "c", "d"))]
    assert [pair.rejected for pair in pairs(judged)] == ["b", "c", "d"]
    assert len(pairs(judged, each=2)) == 2


def test_a_text_that_was_judged_both_ways_is_on_neither_side():
    found = sides([Judged("q", "a", True), Judged("q", "a", False), Judged("q", "a", True)])
    assert (found["q"].right, found["q"].wrong) == ([], [])


def recorded(name: str) -> Iterator[dict[str, object]]:
    if not (DATA / name).exists():
        pytest.skip(f"recorded data are absent: {name}")
    with gzip.open(DATA / name, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def test_gpt_4_right_and_llama_3_8b_wrong_make_434_pairs_of_tool_calls():
    """BFCL's seven single-turn categories, with its own checker's verdicts."""
    teacher, student = "gpt-4-0613", "meta-llama_Meta-Llama-3-8B-Instruct"
    kinds = ("simple", "multiple_function", "parallel_function", "parallel_multiple_function", "java")
    tasks = {
        row["id"]
        for row in recorded("bfcl/tasks_2024_08.jsonl.gz")
        if row["category"] in (*kinds, "javascript", "relevance")
    }
    judged = [
        Judged(str(row["qid"]), f"{row['model']}: {row['output']}", bool(row["correct"]))
        for row in recorded("bfcl/outputs_2024_08.jsonl.gz")
        if row["qid"] in tasks
        and row["correct"] is (row["model"] == teacher)
        and row["model"] in (teacher, student)
    ]
    found = pairs(judged)
    assert len(found) == 434
    assert all(pair.chosen.startswith(teacher) and pair.rejected.startswith(student) for pair in found)


def test_programs_that_ran_right_and_that_failed_make_pairs_for_664_problems_of_logic():
    """668 are published; four of ProofWriter's loose programs, counted as broken there, run here."""
    judged = [
        Judged(f"{group.set}/{group.id}", one.program, one.outcome == RIGHT)
        for group in groups(recorded("logic/programs.jsonl.gz"))
        for one in (*group.right, *group.failed)
    ]
    found = pairs(judged)
    assert len({pair.key for pair in found}) == 664
    assert all(pair.chosen != pair.rejected for pair in found)
    assert sum(bool(pair.prefix) for pair in found) > 500, "most programs begin alike"
