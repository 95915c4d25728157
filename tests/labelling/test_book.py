"""labels.jsonl: appended, resumed, survives a torn line, and never counts what is about other answers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.labelling.conftest import Contest

from underdog.errors import StudyError
from underdog.labelling.book import Book, Label, read_labels


@pytest.fixture
def book(run: Path, quiz: Contest) -> Book:
    return Book(run, quiz, "ada")


def test_a_label_is_one_line_with_time_item_label_and_labeller(book: Book) -> None:
    book.add(book.contest.shown[0], Label.BETTER)
    line = json.loads(book.path.read_text())
    assert (
        line["label"] == "better" and line["labeller"] == "ada" and line["item"] == book.contest.shown[0].item
    )
    assert (line["arm"], line["against"]) == ("small", "large")
    assert line["time"].endswith("+00:00")


def test_the_newest_line_of_an_item_counts_and_taking_back_is_a_line(book: Book) -> None:
    first, second = book.contest.shown[:2]
    for pair, label in (
        (first, Label.BETTER),
        (second, Label.SKIP),
        (first, Label.WORSE),
        (second, Label.UNDONE),
    ):
        book.add(pair, label)
    labels = book.labels()
    assert dict(labels.by_item) == {first.item: Label.WORSE} and labels.last == first.item
    assert len(book.path.read_text().splitlines()) == 4


def test_a_line_that_a_crash_tore_is_cut_off_and_the_rest_kept(book: Book, run: Path) -> None:
    book.add(book.contest.shown[0], Label.BETTER)
    whole = book.path.read_bytes()
    book.path.write_bytes(whole + whole[:40])
    assert len(read_labels(book.path, book.contest).by_item) == 1
    again = Book(run, book.contest, "ada")
    again.add(again.contest.shown[1], Label.NEITHER)
    assert len(again.labels().by_item) == 2
    assert again.path.read_bytes().startswith(whole)


def test_labels_about_other_answers_stay_and_do_not_count(book: Book) -> None:
    book.add(book.contest.shown[0], Label.BETTER)
    line = json.loads(book.path.read_text()) | {"content": "0" * 32}
    book.path.write_text(json.dumps(line) + "\n")
    labels = book.labels()
    assert labels.by_item == {} and labels.stale == 1


def test_labels_of_another_arm_are_another_matter(book: Book) -> None:
    book.add(book.contest.shown[0], Label.BETTER)
    line = json.loads(book.path.read_text()) | {"arm": "vote"}
    book.path.write_text(json.dumps(line) + "\n")
    assert book.labels().by_item == {} and book.labels().stale == 0


def test_a_line_that_is_no_label_is_named(book: Book) -> None:
    book.add(book.contest.shown[0], Label.BETTER)
    with book.path.open("a") as file:
        file.write('{"label": "maybe"}\n')
    with pytest.raises(StudyError, match=r"labels\.jsonl, line 2: must be a label"):
        book.labels()


def test_a_folder_that_cannot_be_written_is_refused(run: Path, quiz: Contest) -> None:
    (run / "labels.jsonl").mkdir()
    with pytest.raises(StudyError, match="cannot be written"):
        Book(run, quiz, "ada")
