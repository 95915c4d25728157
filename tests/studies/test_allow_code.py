"""A study whose lever runs a program of the user's: consent before the first call, and again to serve it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from underdog.acts import Acts
from underdog.cli import app
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.errors import StudyError
from underdog.gateway import serve
from underdog.levers.program import Program
from underdog.plan import load_plan, programs_of
from underdog.store.sinks import MemoryBank
from underdog.studies import load_study

STUDY = """
task:
  data: sums.jsonl
  id: id
  input: "{{ question }}"
  target: answer
  score: exact
  sampling: {temperature: 0.7}
models: {small: "fake/choice:3|5|7|9", large: "fake/choice:3|5"}
levers:
  checked:
    lever: bestof
    inner: small
    n: 6
    verifier: {lever: check, program: "checks.py:adds_up"}
"""
CHECKS = """
def adds_up(messages, final):
    a, b = map(int, messages[-1]["content"].split("+"))
    return int(final) == a + b, "that is not their sum"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    sums = [(a, total - a) for total in (3, 5, 7, 9) for a in range(-30, 30)]
    rows = [{"id": f"s{i}", "question": f"{a}+{b}", "answer": str(a + b)} for i, (a, b) in enumerate(sums)]
    (folder / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "study.yaml").write_text(STUDY)
    (folder / "checks.py").write_text(CHECKS)
    return folder


@pytest.fixture
def asked(place: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `underdog` in the study's folder."""
    monkeypatch.chdir(place)
    return lambda *words: CliRunner().invoke(app, [*words], catch_exceptions=False)


def test_without_consent_nothing_is_asked_and_the_sentence_says_what_would_run(asked, place):
    done = asked("study", "study.yaml", "--yes", "--out", "runs/refused")
    assert done.exit_code == 2
    assert "this would run code of yours, checks.py:adds_up" in done.stderr and "--allow-code" in done.stderr
    assert not (place / "runs" / "refused").exists()


def test_a_diagnosis_runs_no_lever_of_the_file_and_needs_no_consent(asked, place):
    assert asked("diagnose", "study.yaml", "--yes", "--out", "runs/diagnosed").exit_code == 0


def test_with_consent_it_runs_and_its_plan_serves_only_the_program_that_was_studied(asked, place):
    done = asked("study", "study.yaml", "--yes", "--allow-code", "--out", "runs/checked", "--quiet")
    assert done.exit_code == 0, done.output
    plan = load_plan(place / "runs" / "checked")
    assert programs_of(plan.answerer) == (Program.read("checks.py:adds_up", place),)
    findings = json.loads((place / "runs" / "checked" / "findings.json").read_text())
    right = {arm["name"]: arm["score"]["estimate"] for arm in findings["test"]}
    assert right["checked"] > right["small"] + 0.2

    with pytest.raises(StudyError, match="this would run code of yours"):
        serve(place / "runs" / "checked", port=0)
    trials = [
        json.loads(line) for line in (place / "runs" / "checked" / "trials.jsonl").read_text().splitlines()
    ]
    studied = {one["example"]: one["final"] for one in trials if one["answerer"] == "checked"}
    assert served(place, sorted(studied)[:5]) == [studied[one] for one in sorted(studied)[:5]]

    (place / "checks.py").write_text(CHECKS + "\n# edited\n")
    with pytest.raises(StudyError, match="is not the one that was named"):
        serve(place / "runs" / "checked", port=0, allow_code=True)
    (place / "checks.py").write_text(CHECKS)


def served(place: Path, ids: list[str]) -> list[str | None]:
    """What the plan answers the study's examples outside the study."""
    plan, spec = load_plan(place / "runs" / "checked"), load_study(place / "study.yaml")
    examples = {example.id: example for example in spec.task.examples}

    async def go() -> list[str | None]:
        bind = Binder(base=place)
        async with (
            Acts(bind, base=place, allow_code=True) as acts,
            Driver(bind, MemoryBank(), tools=acts) as driver,
        ):
            acts.admit(plan.answerer)
            requests = [spec.task.request(examples[one]) for one in ids]
            return [(await driver.answer(plan.answerer, request)).result.final for request in requests]

    return asyncio.run(go())
