"""The pairs of a finished run: on which examples two arms disagree, and what a label there could change.

Two arms agree on an example when their final answers are the same, or both score full marks against the same
target: whatever a person would say of it, their difference is 0. Labels are kept in `book.py`, what they add
up to is in `standing.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from underdog.answerer import digest
from underdog.errors import StudyError
from underdog.labelling.bound import Stratum
from underdog.labelling.order import drawn_order
from underdog.report.figures import LENIENT
from underdog.studies.folder import Asked
from underdog.trial import Trial

# What is expected before anything is labelled, on the scale from -1 to 1. Guesses that are wrong cost labels,
# never truth: a doubted target is mostly right, and other models' agreement says a little.
_TARGET_SAYS, _OTHERS_SAY = 0.8, 0.3


@dataclass(frozen=True)
class Pair:
    """Two arms' answers to one example. `low` and `high` bound how their scores may differ, arm minus
    against.

    An answer that could not be read scores 0 whatever it meant, so against it only one side can be right.
    `leans` says whom the target (or, without gold, the other arms) would have right: 1, -1 or 0.
    """

    item: str
    example: Asked
    arm: Trial
    against: Trial
    low: int
    high: int
    leans: int = 0

    @property
    def failed(self) -> bool:
        """Whether either side brought no answer at all; such pairs are left out and counted."""
        return self.arm.score is None or self.against.score is None

    @property
    def weight(self) -> float:
        """How far a label can move the difference, from 0 to 1."""
        return (self.high - self.low) / 2

    @cached_property
    def content(self) -> str:
        """Hash of what was asked and of both answers: labels are about these and no others."""
        return digest([self.example.content, self.arm.final, self.against.final])


@dataclass(frozen=True)
class Contest:
    """An arm against another on one split: every pair, and the disagreements in their order.

    `gold` says whether the targets are more than the other arm's own answers.
    """

    run: str
    arm: str
    against: str
    margin: float
    confidence: float
    seed: str
    pairs: tuple[Pair, ...]
    gold: bool

    @cached_property
    def pair_of(self) -> Mapping[str, Pair]:
        """Every pair by its item."""
        return {pair.item: pair for pair in self.pairs}

    @cached_property
    def shown(self) -> tuple[Pair, ...]:
        """The pairs that a label can decide, in their order."""
        return drawn_order([pair for pair in self.pairs if pair.weight and not pair.failed], self.seed)

    @cached_property
    def strata(self) -> tuple[tuple[Stratum, ...], Mapping[str, int]]:
        """What looks alike before it is labelled, and which item belongs where."""
        kinds: dict[tuple[int, int, int], list[str]] = {}
        for pair in self.shown:
            kinds.setdefault((pair.low, pair.high, pair.leans), []).append(pair.item)
        said = _TARGET_SAYS if self.gold else _OTHERS_SAY
        strata, homes = [], {}
        for number, ((low, high, leans), items) in enumerate(sorted(kinds.items())):
            middle, half = (low + high) / 2, (high - low) / 2
            strata.append(Stratum(len(items), half, low, high, middle + said * half * leans))
            homes.update(dict.fromkeys(items, number))
        return tuple(strata), homes

    @property
    def groups(self) -> list[str]:
        """Every pair's group, in their order."""
        return [pair.example.group for pair in self.pairs]


def contest(
    findings: Mapping[str, Any],
    examples: Sequence[Asked],
    trials: Sequence[Trial],
    arm: str | None = None,
    against: str = "large",
) -> Contest:
    """The pairs of `arm` (by default the winner) and `against`, on the test split.

    Raises:
        StudyError: no such arm, both are the same, or they share no test example.
    """
    arm = arm or str(findings["winner"])
    columns = _columns(trials)
    for name in (arm, against):
        if name not in columns:
            listed = ", ".join(name for name in columns if not name.endswith(LENIENT))
            raise StudyError(f"{findings['name']}: no arm {name!r} was measured; there are {listed}")
    if arm == against:
        raise StudyError(
            f"{findings['name']}: the plan is {against} itself, so there is nothing to label; compare "
            "another arm with it, such as --arm small"
        )
    asked = {example.id: example for example in examples if example.split == "test"}
    cells = [cell for cell in columns[arm] if cell in columns[against] and cell[0] in asked]
    if not cells:
        raise StudyError(
            f"{findings['name']}: {arm} and {against} share no example of the test split: only arms that "
            "were looked at on test can be labelled"
        )
    theirs = columns[against]
    gold = any(asked[cell[0]].target not in (None, theirs[cell].final) for cell in cells)
    others = [column for name, column in columns.items() if name not in (arm, against)]
    pairs = []
    for cell in cells:
        one, other = columns[arm][cell], theirs[cell]
        sides = [column[cell].final for column in others if cell in column]
        pairs.append(_pair(asked[cell[0]], one, other, gold, sides))
    place = {example.id: number for number, example in enumerate(examples)}
    pairs.sort(key=lambda pair: (place[pair.example.id], pair.arm.repeat))
    return Contest(
        run=str(findings["name"]),
        arm=arm,
        against=against,
        margin=findings["margin"],
        confidence=findings["confidence"],
        seed=digest([findings["seed"], arm, against]),
        pairs=tuple(pairs),
        gold=gold,
    )


def _columns(trials: Sequence[Trial]) -> dict[str, dict[tuple[str, int], Trial]]:
    columns: dict[str, dict[tuple[str, int], Trial]] = {}
    for trial in trials:
        columns.setdefault(trial.answerer, {})[trial.example, trial.repeat] = trial
    return {name: column for name, column in columns.items() if not name.endswith(LENIENT)}


def _pair(example: Asked, arm: Trial, against: Trial, gold: bool, others: Sequence[str | None]) -> Pair:
    item = example.id if arm.repeat == 0 else f"{example.id} (repeat {arm.repeat})"
    a, b = arm.score or 0.0, against.score or 0.0
    if arm.final == against.final or a == b == 1.0:
        return Pair(item, example, arm, against, 0, 0)
    if gold:
        leans = (a > b) - (a < b)
    else:
        votes = others.count(arm.final) - others.count(against.final)
        leans = (votes > 0) - (votes < 0)
    low, high = -(against.final is not None), int(arm.final is not None)
    return Pair(item, example, arm, against, low, high, leans)
