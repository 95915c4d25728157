"""A run's examples and trials as they lie in its folder, beside findings and plan: written and read back.

`examples.jsonl` holds what was asked, so that a run can be looked at, labelled and compared without its study
file, its data or the store. Nothing is computed here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from underdog.answerer import digest
from underdog.errors import StudyError
from underdog.example import Example
from underdog.task import SPLITS, Task
from underdog.trial import Trial

EXAMPLES, TRIALS = "examples.jsonl", "trials.jsonl"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Asked:
    """One example of a run as it was asked.

    `content` is the hash of messages, tools and response format: the same in every run and data file that
    asks the same. `target` is None where there is no gold answer; with `reference: MODEL` it is that model's.
    """

    id: str
    group: str
    split: str
    content: str
    messages: tuple[Mapping[str, Any], ...]
    target: Any = None
    tools: tuple[Mapping[str, Any], ...] = ()
    response_format: Mapping[str, Any] | None = None
    where: str = ""


def asked(example: Example, split: str) -> Asked:
    """An example of this split as a run's folder keeps it."""
    return Asked(
        id=example.id,
        group=example.group,
        split=split,
        content=digest([example.messages, example.tools, example.response_format]),
        messages=example.messages,
        target=example.target,
        tools=example.tools,
        response_format=example.response_format,
        where=example.where,
    )


def write_examples(task: Task, folder: Path) -> Path:
    """Write `examples.jsonl`, in the task's order, whole or not at all; returns its path."""
    split_of = {example.id: name for name in SPLITS for example in task.splits[name]}
    path = folder / EXAMPLES
    draft = path.with_suffix(".tmp")
    with draft.open("wb") as out:
        for example in task.examples:
            out.write(msgspec.json.encode(asked(example, split_of[example.id])) + b"\n")
    os.replace(draft, path)
    return path


def has_examples(run: Path) -> bool:
    """Whether the run's folder holds its examples; runs of older versions do not."""
    return (run / EXAMPLES).is_file()


def read_examples(run: Path) -> tuple[Asked, ...]:
    """The examples of a run, in their order.

    Raises:
        StudyError: there are none, or a line is not what `write_examples` writes.
    """
    return tuple(_lines(run / EXAMPLES, Asked))


def read_trials(run: Path) -> list[Trial]:
    """The trials of a run, as its study wrote them.

    Raises:
        StudyError: there are none, or a line is no trial.
    """
    return _lines(run / TRIALS, Trial)


def _lines(path: Path, kind: type[_T]) -> list[_T]:
    decode = msgspec.json.Decoder(kind).decode
    found: list[_T] = []
    try:
        with path.open("rb") as lines:
            for line in lines:
                found.append(decode(line))
        return found
    except OSError as error:
        raise StudyError(
            f"{path}: cannot be read ({error.strerror}); `underdog study` writes it when it ends: run the "
            "study again, recorded calls cost nothing"
        ) from None
    except msgspec.MsgspecError as error:
        raise StudyError(
            f"{path}, line {len(found) + 1}: must be as `underdog study` writes it; {error}: run it again"
        ) from None
