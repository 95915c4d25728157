"""RUN/labels.jsonl: every label that was given, one a line, appended and never changed.

The newest line about an item counts; taking a label back is a line too. Lines about other answers than the
run's present ones stay in the file and do not count. What the labels show is in `standing.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import msgspec

from underdog.errors import StudyError
from underdog.labelling.pairs import Contest, Pair


class Label(StrEnum):
    """What a person said of a pair. BETTER: the arm is right and the other one is not."""

    BETTER = "better"
    WORSE = "worse"
    BOTH = "both"
    NEITHER = "neither"
    SKIP = "skip"
    UNDONE = "undone"


@dataclass(frozen=True)
class Line:
    """One line. `time` is in UTC; `content` is `Pair.content`."""

    time: str
    item: str
    arm: str
    against: str
    label: Label
    labeller: str
    content: str


@dataclass(frozen=True)
class Labels:
    """What counts of a book for one contest, oldest first.

    `stale` lines are about answers that the run does not hold any more.
    """

    by_item: Mapping[str, Label]
    stale: int = 0

    @property
    def last(self) -> str | None:
        """The item that was labelled last."""
        return next(reversed(list(self.by_item)), None)


class Book:
    """The labels of one contest in a run's folder; a half-written last line of a crash is cut off.

    Raises:
        StudyError: the file cannot be written.
    """

    def __init__(self, run: Path, contest: Contest, labeller: str) -> None:
        self.path = run / "labels.jsonl"
        self.contest, self.labeller = contest, labeller
        try:
            _cut_torn_line(self.path)
        except OSError as error:
            raise StudyError(
                f"{self.path}: cannot be written ({error.strerror}); make the run's folder writable"
            ) from None

    def add(self, pair: Pair, label: Label) -> None:
        """Append a line; it is on the disk when this returns.

        Raises:
            StudyError: the disk did not take it.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        contest = self.contest
        line = Line(now, pair.item, contest.arm, contest.against, label, self.labeller, pair.content)
        try:
            # One write to a file that is opened for appending is whole or not at all.
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(handle, msgspec.json.encode(line) + b"\n")
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise StudyError(
                f"{self.path}: the label was not kept ({error.strerror}); free some space"
            ) from None

    def labels(self) -> Labels:
        """What counts now.

        Raises:
            StudyError: a line is no label.
        """
        return read_labels(self.path, self.contest)


def read_labels(path: Path, contest: Contest) -> Labels:
    """The labels in a file that are about this contest's present answers; none where there is no file.

    Raises:
        StudyError: a line is no label.
    """
    found: dict[str, Label] = {}
    stale = 0
    for line in _lines(path):
        if (line.arm, line.against) != (contest.arm, contest.against):
            continue
        pair = contest.pair_of.get(line.item)
        if pair is None or pair.content != line.content:
            stale += 1
            continue
        found.pop(line.item, None)
        if line.label is not Label.UNDONE:
            found[line.item] = line.label
    return Labels(found, stale)


def _lines(path: Path) -> list[Line]:
    try:
        whole = path.read_bytes().rpartition(b"\n")[0]
    except FileNotFoundError:
        return []
    lines = []
    for number, text in enumerate(whole.split(b"\n") if whole else [], start=1):
        try:
            lines.append(msgspec.json.decode(text, type=Line))
        except msgspec.MsgspecError as error:
            raise StudyError(
                f"{path}, line {number}: must be a label as `underdog label` writes it; {error}: mend the "
                "line or take it out"
            ) from None
    return lines


def _cut_torn_line(path: Path) -> None:
    with path.open("ab+") as file:
        file.seek(0)
        whole = file.read().rpartition(b"\n")
        if whole[2]:
            file.truncate(len(whole[0]) + len(whole[1]))
