"""The recorded formal programs, executed, beside the published counts.

Not shipped: read from `../shared/data/logic` (Logic-LLM's outputs, MIT).
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.truth.table import Table

from underdog.solvers.chainer import program_from
from underdog.solvers.recorded import BROKEN, LETTERS, RIGHT, WRONG, groups, ran
from underdog.statistics import wilson

PROGRAMS = Path(__file__).parents[3] / "shared" / "data" / "logic" / "programs.jsonl.gz"
MODELS = ("gpt-4", "gpt-3.5-turbo", "text-davinci-003")
OUTCOMES = (RIGHT, WRONG, BROKEN)
PUBLISHED = {
    "prontoqa": ((416, 84, 0), (269, 209, 22), (418, 82, 0), 302),
    "proofwriter": ((595, 5, 0), (398, 184, 18), (510, 89, 0), 245),
    "logicaldeduction": ((262, 34, 3), (197, 57, 46), (186, 62, 52), 121),
}
"""Right, wrong and broken of each model, and the problems with both a right and a failed program."""


def tables() -> list[Table]:
    """Counts by set and model, and the pairs they make."""
    with gzip.open(PROGRAMS, "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if row["set"] in LETTERS]
    return [_counts(rows), _pairs(rows), _queries(rows)]


def _counts(rows: list[dict[str, Any]]) -> Table:
    counted = {
        lenient: Counter((one.set, one.model, one.outcome) for one in (ran(row, lenient) for row in rows))
        for lenient in (True, False)
    }
    made = Table(
        "Recorded programs, executed: right / wrong / broken",
        ("set", "model", "published", "run, lenient", "", "run, strict", "right, lenient, percent (95 %)"),
    )
    for name, published in PUBLISHED.items():
        for model, known in zip(MODELS, published[:3], strict=True):
            lenient, strict = (
                tuple(counted[way][name, model, outcome] for outcome in OUTCOMES) for way in (True, False)
            )
            right = wilson(lenient[0], sum(lenient))
            made.add(
                name,
                model,
                _slashed(known),
                _slashed(lenient),
                "same" if lenient == known else "differs",
                _slashed(strict),
                f"{100 * right.estimate:.1f} [{100 * right.low:.1f}, {100 * right.high:.1f}]",
            )
    return made


def _pairs(rows: list[dict[str, Any]]) -> Table:
    found = Counter(group.set for group in groups(rows) if group.right and group.failed)
    made = Table("Problems with a right and a failed program", ("set", "published", "found"))
    for name, published in PUBLISHED.items():
        made.add(name, published[3], found[name])
    made.add("all", sum(one[3] for one in PUBLISHED.values()), found.total())
    return made


def _queries(rows: list[dict[str, Any]]) -> Table:
    """Whether ProntoQA's programs ask what the question asks, or its contrary."""
    with gzip.open(PROGRAMS.with_name("prontoqa.jsonl.gz"), "rt", encoding="utf-8") as lines:
        questions = {row["id"]: row["question"].split("?")[-1] for row in map(json.loads, lines)}
    found = Counter[tuple[str, str, bool]]()
    for row in rows:
        if row["set"] == "prontoqa" and (done := ran(row)).outcome != BROKEN:
            asked = " not " not in questions[row["id"]]
            found[
                done.model, done.outcome, program_from(done.program, lenient=True).query.value == asked
            ] += 1
    made = Table("ProntoQA: the query of a program beside the question", ("model", "query", "right", "wrong"))
    for model in MODELS:
        for as_asked, shown in ((True, "as asked"), (False, "turned around")):
            made.add(model, shown, found[model, RIGHT, as_asked], found[model, WRONG, as_asked])
    return made


def _slashed(counts: tuple[int, ...]) -> str:
    return " / ".join(map(str, counts))
