"""`underdog check`: every model's facts or its fault, and a study's task proved without a call."""

from __future__ import annotations

import io
import json

import pytest
from typer.testing import CliRunner

from tests.faulty_server import FaultyServer, Ok, Status
from underdog.checking import check_all
from underdog.cli import app
from underdog.config import load_config
from underdog.errors import DataError, StudyError
from underdog.report.page import page


def config_of(folder, text):
    path = folder / "underdog.toml"
    path.write_text(text)
    return load_config(path, environ={})


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Checks and gives (exit code, what was printed, as one line)."""
    monkeypatch.chdir(tmp_path)

    def run(*what, config=""):
        out = io.StringIO()
        code = check_all([str(one) for one in what], page(file=out), config_of(tmp_path, config))
        return code, " ".join(out.getvalue().split())

    return run


def study_file(folder, **task):
    rows = [{"text": f"ticket {i}", "label": "bug" if i % 2 else "refund"} for i in range(60)]
    (folder / "tickets.jsonl").write_text("\n".join(map(json.dumps, rows)))
    task = {"data": "tickets.jsonl", "input": "{{ text }}", "target": "{{ label }}", "score": "label"} | task
    body = {"task": task, "models": {"small": "fake/constant:bug", "large": "fake/choice:bug|refund"}}
    path = folder / "study.yaml"
    path.write_text(json.dumps(body))
    return path


def test_a_model_that_answers_tells_what_it_can_and_where_the_data_go(check):
    code, said = check("fake/echo")
    assert code == 0
    assert said.startswith("model fake/echo answers; one short call took ")
    assert "data go to nowhere: answered in this process" in said
    assert "supports stream; not logprobs, tools, images" in said
    assert "price nothing is billed" in said


def test_a_model_that_cannot_be_used_has_a_fault_and_does_not_stop_the_others(check):
    code, said = check("fake/nope", "nowhere/x", "bare", "fake/echo")
    assert code == 1
    assert "model fake/nope FAULT model 'fake/nope': the fakes are" in said
    assert "FAULT no endpoint is called 'nowhere'" in said
    assert "FAULT model 'bare': a model is named ENGINE-OR-ALIAS/ID" in said
    assert "model fake/echo answers" in said


def test_an_endpoint_tells_its_abilities_and_its_dated_price(check):
    with FaultyServer(Ok("yes")) as server:
        code, said = check(
            "house/big",
            config=f"""
            [endpoints.house]
            base_url = "{server.url}"
            [prices."house/big"]
            input = 0.25
            output = 2.0
            dated = "2026-11-01"
            """,
        )
    assert code == 0
    assert "data go to this machine" in said
    assert "stream" in said and "logprobs" in said
    assert "price $0.25 in, $2.00 out per million tokens (2026-11-01)" in said


def test_an_endpoint_that_refuses_says_so_and_exits_with_1(check):
    with FaultyServer(Status(401)) as server:
        code, said = check("house/big", config=f'[endpoints.house]\nbase_url = "{server.url}"')
    assert code == 1
    assert "model house/big FAULT " in said and "401" in said
    assert "data go to this machine" in said


def test_without_arguments_the_endpoints_and_the_priced_models_are_checked(check):
    with FaultyServer(Ok("yes")) as server:
        code, said = check(
            config=f"""
            [endpoints.house]
            base_url = "{server.url}"
            [endpoints.house.prices.small]
            input = 0
            output = 0
            [prices."house/big"]
            input = 1
            output = 2
            """
        )
    assert code == 0
    assert "house/ this machine, no key" in said
    assert "openai/ api.openai.com, key missing: set $OPENAI_API_KEY" in said
    assert "model house/big answers" in said and "model house/small answers" in said


def test_a_configuration_that_names_no_model_says_how_to_name_one(check):
    code, said = check()
    assert code == 0 and "names no model: `underdog check openai/gpt-5-mini`" in said


def test_a_study_s_task_is_proved_and_its_models_are_checked(check, tmp_path):
    code, said = check(study_file(tmp_path))
    assert code == 0
    assert "task 60 examples" in said and "gold answers score 100.0 %" in said
    assert "model fake/constant:bug answers" in said and "model fake/choice:bug|refund answers" in said


def test_a_task_that_does_not_prove_itself_ends_the_check_before_any_model(check, tmp_path):
    path = study_file(tmp_path, read={"rule": "regex", "pattern": "(never)"})
    with pytest.raises(DataError, match="gold answers"):
        check(path)


def test_a_study_file_that_is_not_there_is_no_model_name(check):
    with pytest.raises(StudyError, match=r"nowhere\.yaml"):
        check("nowhere.yaml")


def test_the_verb_gives_the_exit_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["check", "fake/echo"]).exit_code == 0
    assert CliRunner().invoke(app, ["check", "fake/nope"]).exit_code == 1
    gone = CliRunner().invoke(app, ["check", "gone.yaml"])
    assert gone.exit_code == 2 and gone.stderr.startswith("underdog: gone.yaml")
