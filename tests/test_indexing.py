"""`underdog index`: documents into a file that a study's lever searches."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from underdog.cli import app
from underdog.levers.retrieve import Retrieve
from underdog.plan import load
from underdog.retrieval.index import index_of
from underdog.stored import Stored


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder with a handbook of three paragraphs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "handbook").mkdir()
    (tmp_path / "handbook" / "hours.md").write_text("Open from nine.\n\nClosed on Sunday.\n\nCoffee all day.")
    return tmp_path


def said(*words, code=0):
    done = CliRunner().invoke(app, ["index", *words])
    assert done.exit_code == code, done.output
    return " ".join(done.output.split())


def test_a_folder_becomes_a_file_that_a_lever_takes(home):
    told = said("handbook", "--save", "made/notes.safetensors", "--size", "4")
    assert "3, found by words alone" in told and "use it in a study file as a lever's `documents`" in told
    lever = load({"lever": "retrieve", "inner": "fake/x", "documents": "made/notes.safetensors"}, base=home)
    assert isinstance(lever, Retrieve)
    [hit] = index_of(lever.documents).search("sunday", 3)
    assert (hit.id, hit.text) == ("hours.md[17:34]", "Closed on Sunday.")


def test_the_columns_of_a_table_are_named(home):
    (home / "notes.csv").write_text("name,body\na,first\n")
    said("notes.csv", "--save", "n.safetensors", "--text", "body", "--id", "name")
    assert index_of(Stored.read(home / "n.safetensors")).search("first", 1)[0].id == "a[0:5]"


def test_an_embedder_gives_every_passage_a_vector_once(home):
    pytest.importorskip("torch", reason="the extra `local` is not installed")
    for _ in range(2):
        told = said(
            "handbook", "--save", "v.safetensors", "--size", "4", "--embedder", "tiny/small",
            "--store", "bank.sqlite",
        )  # fmt: skip
        assert "and by vectors of tiny/small" in told
    index = index_of(Stored.read(home / "v.safetensors"))
    assert index.embedder == "tiny/small" and index.vectors is not None and len(index.vectors) == 3
    lever = load(
        {"lever": "retrieve", "inner": "fake/x", "documents": "v.safetensors", "by": "hybrid"}, base=home
    )
    assert isinstance(lever, Retrieve)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nowhere", "--save", "x"), "nowhere does not exist"),
        (("handbook", "--save", "x", "--by", "page"), "by must be one of paragraph, sentence, word"),
        (("handbook", "--save", "x", "--embedder", "fake/echo"), "only local checkpoints"),
    ],
)
def test_what_cannot_be_indexed_is_one_sentence_and_exit_code_2(home, words, sentence):
    assert sentence in said(*words, code=2)
