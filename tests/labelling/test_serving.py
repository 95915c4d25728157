"""`underdog label` around its page: what it refuses, and where labels stand without the page."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.labelling.conftest import Contest, write_run
from typer.testing import CliRunner

from underdog.cli import app
from underdog.errors import StudyError
from underdog.labelling.book import Book, Label
from underdog.labelling.serving import serve


def test_where_labels_stand_is_said_without_serving(run: Path, quiz: Contest) -> None:
    book = Book(run, quiz, "ada")
    for pair, label in zip(quiz.shown, (Label.NEITHER, Label.WORSE, Label.SKIP), strict=False):
        book.add(pair, label)
    done = CliRunner().invoke(app, ["label", str(run), "--standing"])
    assert done.exit_code == 0
    assert "Nobody can tell yet whether small rivals large" in done.output
    assert "2 of 40 disagreements labelled (1 worse, 1 neither, 1 skip)" in done.output


def test_an_arm_that_agrees_everywhere_leaves_nothing_to_label(run: Path) -> None:
    with pytest.raises(StudyError, match="vote and large agree on all 200 test examples"):
        serve(run, "vote", port=0)


def test_a_port_that_is_taken_is_refused_in_a_sentence(run: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StudyError, match=rf"port {port} of 127.0.0.1 .*--port, or 0 for a free one"):
            serve(run, port=port)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["label", str(tmp_path), "--standing"])
    assert done.exit_code == 2 and "no findings here" in done.output


def test_a_run_of_few_examples_says_at_once_that_labels_will_hardly_tell(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", count=30, margin=0.01)
    done = CliRunner().invoke(app, ["label", str(run), "--standing"])
    assert "labels will hardly tell: it takes about" in done.output
