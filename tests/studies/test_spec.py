"""A study file says what it must, and every mistake in one is one sentence that says where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.studies.conftest import sums, sums_spec

from underdog.answerer import Model
from underdog.errors import StudyError
from underdog.levers import Cascade, FewShot, Read, Vote
from underdog.studies.spec import Spec, load_study

GOOD = """
task: {data: rows.jsonl, input: "{{ q }}", target: a, score: number}
models: {small: fake/echo, large: "fake/constant:7", other: {model: fake/echo, dtype: bfloat16}}
levers:
  votes: {lever: vote, inner: small, n: 3}
  twice: {lever: cascade, small: votes, large: large, threshold: 0.6}
margin: 0.03
budget: {tokens: 1000}
"""


def written(folder: Path, text: str) -> Path:
    (folder / "rows.jsonl").write_text('{"q": "1", "a": "1"}\n{"q": "2", "a": "2"}\n')
    path = folder / "study.yaml"
    path.write_text(text)
    return path


def test_a_study_file_becomes_a_spec_whose_levers_may_name_earlier_ones(tmp_path: Path) -> None:
    """Models are read as the task says; a lever may wrap one named before it."""
    spec = load_study(written(tmp_path, GOOD))
    assert spec.name == "study" and spec.margin == 0.03 and spec.budget.tokens == 1000
    votes, twice = spec.levers["votes"], spec.levers["twice"]
    assert isinstance(votes, Vote) and isinstance(votes.inner, Read) and votes.inner.rule == "number"
    assert isinstance(twice, Cascade) and twice.small == votes and twice.threshold == 0.6
    assert spec.models["other"] == Model("fake/echo", dtype="bfloat16")


def test_without_levers_the_usual_ones_are_tried(tmp_path: Path) -> None:
    """Demonstrations, votes and a cascade over the votes."""
    levers = sums_spec(tmp_path).levers
    assert isinstance(levers["shots"], FewShot) and isinstance(levers["cascade"], Cascade)


BAD: list[tuple[str, str, str]] = [
    ("margin: 0.03", "margins: 0.03", "did you mean 'margin'"),
    ("margin: 0.03", "margin: 3", "between 0 and 1"),
    ("margin: 0.03", "margin: yes", "between 0 and 1"),
    ("margin: 0.03", "repeats: 0", "at least 1"),
    ("{tokens: 1000}", "{token: 1000}", "dollars, tokens, minutes"),
    ("{tokens: 1000}", "{tokens: -1}", "not be negative"),
    ("{tokens: 1000}", "{tokens: many}", "budget"),
    ('large: "fake/constant:7", ', "", "small"),
    ("small: fake/echo,", "small: [fake/echo],", "name or a mapping"),
    ("other: {", "oracle: {", "baseline"),
    ("dtype: bfloat16", "dtypes: bfloat16", "dtypes"),
    ("lever: vote, inner", "lever: vot, inner", "must be one of"),
    ("inner: small, n: 3", "inner: smal, n: 3", "did you mean 'small'"),
    ("inner: small, n: 3", "inner: small, m: 3", "unknown field 'm'"),
    ("inner: small, n: 3", "inner: small, no: 3", "unknown field False"),
    ("inner: small, n: 3", "inner: small, n: three", "n:"),
    ("inner: small, n: 3", "n: 3", "needs 'inner'"),
    ("  votes:", "  small:", "taken"),
    ("task: {data", "task: {date", "date"),
    (GOOD, "- a list", "must be a mapping"),
    (GOOD, "{", "YAML"),
    (GOOD, "models: {small: fake/echo, large: fake/echo}", "`task`"),
]


@pytest.mark.parametrize(("old", "new", "said"), BAD, ids=[new[:24] for _, new, _ in BAD])
def test_a_mistake_in_a_study_file_is_one_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    """What, where and what is allowed; never a traceback of ours."""
    assert old in GOOD
    with pytest.raises(StudyError) as error:
        load_study(written(tmp_path, GOOD.replace(old, new)))
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_study_file_that_is_not_there_is_said_to_be(tmp_path: Path) -> None:
    """With where to find one to start from."""
    with pytest.raises(StudyError, match="no such study file"):
        load_study(tmp_path / "none.yaml")


def test_a_spec_changes_its_digest_with_what_it_measures(tmp_path: Path) -> None:
    """Another margin, lever or example is another study; the folder it lies in is not."""
    one = sums_spec(tmp_path)
    changes: list[dict[str, Any]] = [{"margin": 0.05}, {"levers": {}}, {"task": sums(10)}]
    assert one.digest == sums_spec(tmp_path / "elsewhere").digest
    assert len({one.digest, *(sums_spec(tmp_path, **change).digest for change in changes)}) == 4


# Variants


def varied(tmp_path: Path, **levers: Any) -> Spec:
    return sums_spec(tmp_path, levers=levers)


def test_a_setting_with_several_values_is_one_arm_for_each(tmp_path: Path) -> None:
    spec = varied(
        tmp_path,
        shots={"lever": "fewshot", "inner": "small", "k": [1, 2, 4], "by": "nearest"},
        vote={"lever": "vote", "inner": "shots, k 2", "temperature": [0.5, None]},
    )
    assert list(spec.levers) == [
        *("shots, k 1", "shots, k 2", "shots, k 4"),
        *("vote, temperature 0.5", "vote, temperature None"),
    ]
    assert spec.levers["shots, k 4"] == FewShot(spec.read("small"), 4, by="nearest")
    assert spec.levers["vote, temperature None"] == Vote(spec.levers["shots, k 2"], temperature=None)


def test_what_an_arm_reads_is_read_once_for_all_its_values(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("one and two")
    rag = {"lever": "retrieve", "inner": "small", "documents": "notes", "k": [1, 2]}
    spec = varied(tmp_path, rag=rag)
    one, two = spec.levers.values()
    assert one.documents is two.documents and (one.k, two.k) == (1, 2)


@pytest.mark.parametrize(
    ("lever", "sentence"),
    [
        ({"k": [1, 2], "seed": [1, 2]}, "only one setting may have several values; got k and seed"),
        ({"k": []}, r"levers.a.k: needs values that differ; got \[\]"),
        ({"k": [2, 2]}, r"needs values that differ; got \[2, 2\]"),
        ({"k": [2, "many"]}, "levers.a.k: Expected `int`, got `str`; got 'many'"),
        ({"k": [2, 0]}, "k must be at least 1; got 0"),
    ],
)
def test_values_that_cannot_be_are_one_sentence(tmp_path: Path, lever: dict[str, Any], sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        varied(tmp_path, a={"lever": "fewshot", "inner": "small", **lever})
