"""Recorded formal programs sorted into right, wrong and broken by running them.

Each problem with a right and a failed program is a preference pair; see `Group`. The answer of a program is
the letter of the problem's option that its solver's word stands for. Programs are read leniently, for
the published counts; constraints that contradict each other are a broken program.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from underdog.solvers import chainer, csp
from underdog.solvers.formulation import Unreadable

RIGHT, WRONG, BROKEN = "right", "wrong", "broken"

# What the solver's word is in the letters of the data set; a two-option question has no "unknown".
LETTERS: dict[str, Mapping[str, str]] = {
    "prontoqa": {"true": "A", "false": "B", "unknown": "B"},
    "proofwriter": {"true": "A", "false": "B", "unknown": "C"},
    "logicaldeduction": {},
}


@dataclass(frozen=True)
class Ran:
    """One recorded program with what came of it: right, wrong or broken (`said` tells why)."""

    set: str
    id: str
    model: str
    program: str
    outcome: str
    said: str


@dataclass(frozen=True)
class Group:
    """The programs of one problem by their outcome."""

    set: str
    id: str
    right: tuple[Ran, ...]
    failed: tuple[Ran, ...]


def ran(row: Mapping[str, Any], lenient: bool = True) -> Ran:
    """A record `{set, id, model, answer, program}`, run."""
    try:
        if row["set"] == "logicaldeduction":
            word = csp.solve(row["program"])
        else:
            word = chainer.solve(row["program"], lenient)
    except Unreadable as problem:
        outcome, said = BROKEN, str(problem)
    else:
        said = LETTERS[row["set"]].get(word, word)
        outcome = RIGHT if said == row["answer"] else BROKEN if word == csp.INFEASIBLE else WRONG
    return Ran(row["set"], row["id"], row["model"], row["program"], outcome, said)


def groups(rows: Iterable[Mapping[str, Any]]) -> list[Group]:
    """The problems of the sets that a solver knows, each with its programs sorted, in order of appearance."""
    found: dict[tuple[str, str], list[Ran]] = {}
    for row in rows:
        if row["set"] in LETTERS:
            found.setdefault((row["set"], row["id"]), []).append(ran(row))
    return [
        Group(
            *key,
            right=tuple(one for one in programs if one.outcome == RIGHT),
            failed=tuple(one for one in programs if one.outcome != RIGHT),
        )
        for key, programs in found.items()
    ]
