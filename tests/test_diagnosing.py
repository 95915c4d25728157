"""`underdog diagnose` as a user meets it: streams, exit codes, and what lies in the folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from underdog.cli import app
from underdog.store import Store

LABELS = ("refund", "bug", "praise")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with no configuration but its own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("UNDERDOG_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def tickets(folder: Path, rows: int = 300, **changes: Any) -> str:
    """A study file; small draws lots, large repeats a text in whose end lenient reading finds the answer."""
    lines = (
        {"id": f"t{i}", "text": f"ticket {i}\nAnswer: {LABELS[i * 7 % 3]}", "label": LABELS[i * 7 % 3]}
        for i in range(rows)
    )
    (folder / "tickets.jsonl").write_text("\n".join(map(json.dumps, lines)))
    task = {"data": "tickets.jsonl", "input": "{{ text }}", "target": "label", "id": "id", "score": "label"}
    models = {"small": "fake/choice:refund|bug|praise", "large": "fake/echo"}
    study = {"task": task, "models": models, "levers": {}, "margin": 0.1} | changes
    (folder / "tickets.yaml").write_text(json.dumps(study))
    return "tickets.yaml"


def underdog(*words: str) -> Result:
    return CliRunner().invoke(app, ["diagnose", *words])


def test_a_diagnosis_is_printed_and_kept_and_asked_again_it_sends_nothing(home: Path) -> None:
    file = tickets(home)
    first = underdog(file)
    assert first.exit_code == 0, first.output
    text = " ".join(first.stdout.split())
    assert "FINDINGS on 6" in text and "examples of tune" in text and "LEVERS" in text
    assert "format-bound large loses to form what it would get right." in text
    record = json.loads((home / "runs" / "tickets" / "diagnosis.json").read_text())
    assert record["calls_sent"] > 1000 and record["format"] == 1
    again = underdog(file, "--json")
    assert json.loads(again.stdout)["calls_sent"] == 0
    assert json.loads(again.stdout)["diagnosis"]["signals"] == record["diagnosis"]["signals"]


def test_a_study_finds_the_calls_of_its_diagnosis_and_its_trials_are_its_own(home: Path) -> None:
    file = tickets(home)
    underdog(file)
    done = CliRunner().invoke(app, ["study", file, "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["calls_banked"] > 10
    with Store(home / ".underdog" / "store.sqlite") as store:
        assert {trial.answerer for trial in store.trials("tickets (diagnosis)")} == set()


def test_so_many_examples_are_looked_at_as_asked_for(home: Path) -> None:
    assert json.loads(underdog(tickets(home), "--n", "30", "--json").stdout)["examples"] == 30


def test_a_dry_run_forecasts_and_sends_nothing(home: Path) -> None:
    done = underdog(tickets(home), "--dry-run")
    assert done.exit_code == 0 and "forecast" in done.stdout
    assert not (home / "runs").exists()


def test_what_may_cost_something_is_not_sent_without_consent(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    models = {"small": "fake/echo", "large": "openai/gpt-5-mini"}
    done = underdog(tickets(home, models=models, budget={"dollars": 0.5}))
    assert done.exit_code == 2
    assert "may cost up to $0.10 and nobody is there to agree to it" in done.stderr


def test_a_model_that_never_answers_is_missing_with_the_reason(home: Path) -> None:
    (home / "underdog.toml").write_text('[endpoints.gone]\nbase_url = "http://127.0.0.1:9/v1"\n')
    models = {"small": "fake/echo", "large": "fake/echo", "other": "gone/away"}
    done = underdog(tickets(home, models=models), "--n", "4", "--json")
    assert done.exit_code == 0, done.output
    missing = json.loads(done.stdout)["diagnosis"]["missing"]
    assert "127.0.0.1" in missing["answers of other"]


def test_a_task_that_leaves_nothing_to_tune_on_is_told_in_a_sentence(home: Path) -> None:
    splits = {"fit": 0.5, "certify": 0.2, "test": 0.3}
    file = tickets(home)
    study = json.loads((home / file).read_text())
    study["task"]["splits"] = splits
    (home / file).write_text(json.dumps(study))
    done = underdog(file)
    assert done.exit_code == 2 and "a diagnosis looks at tune" in done.stderr


def test_quiet_says_the_claims_alone(home: Path) -> None:
    done = underdog(tickets(home), "--quiet")
    assert done.exit_code == 0
    assert "large loses to form what it would get right." in done.stdout and "·" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("First to try:")


def test_without_gold_answers_the_reference_stands_in_for_them(home: Path) -> None:
    file = tickets(home)
    study = json.loads((home / file).read_text())
    task = {key: value for key, value in study["task"].items() if key != "target"}
    score = {"rule": "label", "labels": list(LABELS)}
    read = {"rule": "label", "lenient": True}
    study["task"] = task | {"reference": "large", "score": score, "read": read}
    (home / file).write_text(json.dumps(study))
    done = underdog(file, "--json")
    assert done.exit_code == 0, done.output
    record = json.loads(done.stdout)
    assert "agreement with large is measured" in record["cautions"][0] and record["examples"] > 40
