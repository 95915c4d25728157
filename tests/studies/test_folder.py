"""A run's folder keeps what was asked, whole, in order and with its splits."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.studies.conftest import sums

from underdog.errors import StudyError
from underdog.studies.folder import asked, has_examples, read_examples, read_trials, write_examples
from underdog.task import SPLITS


def test_examples_are_read_back_as_they_were_asked(tmp_path: Path) -> None:
    task = sums(60)
    assert not has_examples(tmp_path)
    write_examples(task, tmp_path)
    found = read_examples(tmp_path)
    assert has_examples(tmp_path) and [one.id for one in found] == [one.id for one in task.examples]
    assert {one.id: one.split for one in found} == {e.id: s for s in SPLITS for e in task.split(s)}
    assert found[0].messages == task.examples[0].messages and found[0].target == task.examples[0].target
    assert [path.name for path in tmp_path.iterdir()] == ["examples.jsonl"]


def test_content_is_what_is_asked_and_not_what_it_is_called() -> None:
    first, other = sums(2).examples
    again = type(first)("another id", "another group", first.messages, "another target")
    assert asked(again, "test").content == asked(first, "fit").content != asked(other, "fit").content


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    write_examples(sums(3), tmp_path)
    with (tmp_path / "examples.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(StudyError, match=r"examples\.jsonl, line 4: must be"):
        read_examples(tmp_path)


def test_what_is_missing_is_said_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="run the study again, recorded calls cost nothing"):
        read_trials(tmp_path)
