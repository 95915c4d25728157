"""A finished run without gold answers: 200 questions, of which small and large disagree on 40."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from underdog.example import Example
from underdog.labelling.book import Label
from underdog.labelling.pairs import Contest, contest
from underdog.reading import Reading
from underdog.scorers import Exact
from underdog.studies.folder import read_examples, read_trials, write_examples
from underdog.task import Task
from underdog.trial import Outcome, Spend, Trial

QUESTIONS, DISAGREEMENTS = 200, 40
NASTY = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


def small_final(number: int) -> str | None:
    """Disagrees on every fifth question, and cannot be read on two of those."""
    if number % 5:
        return f"answer {number}"
    return None if number in (5, 105) else f"other answer {number}"


def trials_of(number: int) -> list[Trial]:
    finals = {"small": small_final(number), "large": f"answer {number}", "vote": f"answer {number}"}
    return [
        Trial(
            answerer=arm,
            example=f"q{number}",
            repeat=0,
            outcome=Outcome.UNREAD if final is None else Outcome.RIGHT,
            score=float(final == f"answer {number}"),
            final=final,
            confidence=None,
            spend=Spend(1),
        )
        for arm, final in finals.items()
    ]


def write_run(folder: Path, count: int = QUESTIONS, **changes: Any) -> Path:
    """A run's folder with what labelling reads; `changes` go into its findings."""
    folder.mkdir(parents=True, exist_ok=True)
    text = {"content": f"Question of markup {NASTY}", "role": "user"}
    examples = tuple(
        Example(f"q{i}", f"q{i}", ({"role": "system", "content": "Be brief."}, text), f"answer {i}")
        for i in range(count)
    )
    task = Task("quiz", examples, Exact(), Reading("text"), whole_test=True, reference="large")
    write_examples(task, folder)
    lines = [msgspec.json.encode(trial) for i in range(count) for trial in trials_of(i)]
    (folder / "trials.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    findings = {
        "format": 1,
        "name": "quiz",
        "winner": "small",
        "margin": 0.05,
        "confidence": 0.95,
        "seed": 0,
        **changes,
    }
    (folder / "findings.json").write_text(json.dumps(findings))
    return folder


def contest_of(run: Path, arm: str | None = None) -> Contest:
    findings = json.loads((run / "findings.json").read_text())
    return contest(findings, read_examples(run), read_trials(run), arm)


def labelled(quiz: Contest, said: Callable[[str], Label], count: int | None = None) -> dict[str, Label]:
    """The first `count` disagreements with what `said` says of each item."""
    return {pair.item: said(pair.item) for pair in quiz.shown[:count]}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "quiz")


@pytest.fixture
def quiz(run: Path) -> Contest:
    return contest_of(run)
