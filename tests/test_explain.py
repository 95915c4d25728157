"""`underdog explain RUN ITEM`: every call of one example, how it was read and scored, and what is missing."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from tests.report.tickets import engine_of, study_of
from underdog import study
from underdog.cli import app
from underdog.errors import StudyError
from underdog.explaining import explain_item
from underdog.report.explained import show_explained
from underdog.report.page import page
from underdog.store import Store
from underdog.studies.folder import read_trials
from underdog.studies.session import Settings
from underdog.studies.spec import spec_from
from underdog.studies.trail import ABSENT, BANKED, SENT, Trail, named
from underdog.trial import Outcome


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store and a finished run over 240 tickets."""
    folder = tmp_path_factory.mktemp("studied")
    body = study_of(folder)
    spec = spec_from(body, folder)
    settings = Settings(store=folder / "store.sqlite", folder=folder / "run", bind=engine_of)
    models = body["models"]
    result = study(
        spec.task,
        small=models["small"],
        large=models["large"],
        settings=settings,
        **{key: body[key] for key in ("levers", "margin", "name")},
    )
    assert result is not None
    return folder


def explained(studied: Path, item: str) -> Trail:
    return explain_item(studied / "run", item, studied / "store.sqlite")


def shown(found: Trail) -> str:
    out = io.StringIO()
    show_explained(found, page(file=out))
    return " ".join(out.getvalue().split())


def of_outcome(studied: Path, outcome: Outcome, arm: str) -> str:
    """An example on which an arm ended so."""
    trials = read_trials(studied / "run")
    return next(trial.example for trial in trials if trial.answerer == arm and trial.outcome is outcome)


def test_every_arm_is_told_with_its_calls_its_reading_and_its_score(studied: Path) -> None:
    item = of_outcome(studied, Outcome.RIGHT, "large")
    found = explained(studied, item)
    assert found.item == item and found.example is not None and found.missing == ()
    large = next(arm for arm in found.arms if arm.arm == "large")
    [call] = large.calls
    assert call.origin == SENT and call.model == "scripted/large"
    assert call.text == call.strict == call.lenient == found.example.target == large.trial.final
    assert call.asked is None, "it was asked what the example asks"
    assert call.spend is not None and call.spend.tokens_in > 0


def test_an_unread_answer_shows_what_was_said_and_what_lenient_reading_finds(studied: Path) -> None:
    found = explained(studied, of_outcome(studied, Outcome.UNREAD, "small"))
    [call] = next(arm for arm in found.arms if arm.arm == "small").calls
    assert call.text is not None and call.text.endswith(", I think")
    assert call.strict is None and call.lenient is not None
    page_text = shown(found)
    assert "final could not be read" in page_text and "strictly nothing, leniently" in page_text


def test_the_draws_of_a_vote_are_told_one_by_one(studied: Path) -> None:
    trials = [trial for trial in read_trials(studied / "run") if trial.answerer == "vote"]
    found = explained(studied, trials[0].example)
    calls = next(arm for arm in found.arms if arm.arm == "vote").calls
    assert len(calls) == 3 and len({call.draw for call in calls}) == 3


def test_a_call_that_several_arms_share_is_shown_once(studied: Path) -> None:
    item = of_outcome(studied, Outcome.RIGHT, "large~lenient")
    assert "the same as call 1 of 1 of large" in shown(explained(studied, item))


def test_calls_of_an_earlier_run_were_found_in_the_bank(studied: Path, tmp_path: Path) -> None:
    """The same study under another name asks nothing anew."""
    for name in ("store.sqlite", "tickets.jsonl"):
        shutil.copy(studied / name, tmp_path / name)
    body = study_of(tmp_path) | {"name": "again"}
    spec = spec_from(body, tmp_path)
    settings = Settings(store=tmp_path / "store.sqlite", folder=tmp_path / "run", bind=engine_of)
    again = study(
        spec.task,
        small="scripted/small",
        large="scripted/large",
        settings=settings,
        **{key: body[key] for key in ("levers", "margin", "name")},
    )
    assert again is not None and again.findings.calls_sent == 0
    trials = read_trials(tmp_path / "run")
    found = explain_item(tmp_path / "run", trials[0].example, tmp_path / "store.sqlite")
    assert {call.origin for arm in found.arms for call in arm.calls} == {BANKED}


def test_without_the_store_the_rest_is_told_and_so_is_the_loss(studied: Path, tmp_path: Path) -> None:
    item = of_outcome(studied, Outcome.RIGHT, "large")
    found = explain_item(studied / "run", item, tmp_path / "gone.sqlite")
    assert {call.origin for arm in found.arms for call in arm.calls} == {ABSENT}
    assert any("gone.sqlite is not here" in text and "--store" in text for text in found.missing)
    assert not (tmp_path / "gone.sqlite").exists()
    assert "right, score 1" in shown(found)


def test_another_store_is_said_to_be_another(studied: Path, tmp_path: Path) -> None:
    Store(tmp_path / "other.sqlite").close()
    found = explain_item(
        studied / "run", of_outcome(studied, Outcome.RIGHT, "large"), tmp_path / "other.sqlite"
    )
    assert any("does not know this run" in text for text in found.missing)
    assert any("brought no answer to this store" in text for text in found.missing)


def test_a_failed_trial_keeps_the_reason(studied: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(studied / "run", run)
    trials = read_trials(run)
    broken = replace(
        trials[0],
        outcome=Outcome.FAILED,
        score=None,
        final=None,
        note="timeout: nothing came",
        calls=("0" * 32,),
    )
    (run / "trials.jsonl").write_bytes(msgspec.json.encode(broken) + b"\n")
    said = shown(explain_item(run, broken.example, studied / "store.sqlite"))
    assert "failed, no score" in said and "timeout: nothing came" in said and "not in the store" in said


@pytest.mark.parametrize(
    ("item", "meant"), [("t1", "t1"), ("2", "t10"), ("t2", "t2"), ("x", "x7"), ("4", "x7"), ("t10", "t10")]
)
def test_an_example_is_named_by_id_number_or_how_its_id_begins(item: str, meant: str) -> None:
    assert named(item, ["t1", "t10", "t2", "x7"], "run") == meant


def test_an_id_that_is_a_number_comes_before_the_number() -> None:
    assert named("2", ["5", "9", "2"], "run") == "2"


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        ("t", "'t' begins 3 ids .t1, t10, t2"),
        ("q", "no example is called 'q'; .* from 1 to 4"),
        ("5", "no example"),
    ],
)
def test_a_name_that_means_none_or_several_is_refused_in_a_sentence(item: str, sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        named(item, ["t1", "t10", "t2", "x7"], "run")


def test_a_run_that_did_not_keep_its_examples_is_explained_from_the_store(
    studied: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(studied / "run", run)
    (run / "examples.jsonl").unlink()
    found = explain_item(run, of_outcome(studied, Outcome.RIGHT, "large"), studied / "store.sqlite")
    assert found.example is None and any("did not keep its examples" in text for text in found.missing)
    assert all(call.asked for arm in found.arms for call in arm.calls)
    assert "> user" in shown(found)


def test_the_verb_prints_a_page_or_json(studied: Path) -> None:
    item = of_outcome(studied, Outcome.RIGHT, "large")
    words = ["explain", str(studied / "run"), item, "--store", str(studied / "store.sqlite")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0 and "LARGE right, score 1" in " ".join(done.output.split())
    told = json.loads(CliRunner().invoke(app, [*words, "--json"]).output)
    assert told["item"] == item and told["arms"][0]["calls"][0]["text"]
    assert CliRunner().invoke(app, ["explain", str(studied / "run"), "nobody"]).exit_code == 2
