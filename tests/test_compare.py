"""`underdog compare RUN RUN`: what two runs share, what changed between them, and what came of it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from underdog.cli import app
from underdog.comparing import compare_runs
from underdog.errors import StudyError
from underdog.example import Example
from underdog.reading import Reading
from underdog.report.compared import show_compared
from underdog.report.page import page
from underdog.scorers import Exact
from underdog.studies.compare import Compared
from underdog.studies.folder import write_examples
from underdog.task import Task, placed
from underdog.trial import Outcome, Spend, Trial

COUNT = 200


def right(arm: str, number: int) -> bool:
    """Large errs on every tenth question; small on every third, vote on every fifth."""
    return bool(number % {"small": 3, "large": 10, "vote": 5, "tuned": 9}[arm])


def plan_of(arm: str, model: str) -> dict[str, Any]:
    body = {"lever": "read", "inner": {"model": model}, "rule": "text"}
    return {"lever": "vote", "inner": body, "n": 3} if arm == "vote" else body


def write_run(
    folder: Path,
    arms: tuple[str, ...] = ("small", "large", "vote"),
    *,
    examples: range = range(COUNT),
    models: str = "house/{}",
    prefix: str = "q",
    targets: str = "answer {}",
    **changes: Any,
) -> Path:
    """A run whose winner is its last arm."""
    folder.mkdir(parents=True)
    asked = tuple(
        Example(
            f"{prefix}{i}", f"g{i // 2}", ({"role": "user", "content": f"question {i}"},), targets.format(i)
        )
        for i in examples
    )
    write_examples(Task("quiz", asked, Exact(), Reading("text")), folder)
    trials = [
        Trial(
            arm, one.id, 0, Outcome.RIGHT, float(right(arm, number)), "x", None, Spend(1, dollars=0.001), ()
        )
        for arm in arms
        for number, one in zip(examples, asked, strict=True)
    ]
    lines = [msgspec.json.encode(trial) for trial in (*trials, replace(trials[0], answerer="small~lenient"))]
    (folder / "trials.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    told = [
        {"name": arm, "plan": plan_of(arm, models.format(arm)), "cost": 0.001 * (1 + place)}
        for place, arm in enumerate(arms)
    ]
    findings = {
        "format": 1,
        "name": folder.name,
        "margin": 0.05,
        "confidence": 0.95,
        "seed": 0,
        "repeats": 1,
        "winner": arms[-1],
        "threshold": None,
        "unit": "dollars",
        "test": told,
        "ladder": told,
        "fingerprints": {models.format(arm): f"{arm}-1" for arm in arms},
        "versions": {"underdog": "0.1.0"},
        "verdict": {"kind": "rivals", "headline": "rivals"},
        "spend": {"dollars": 0.6},
        **changes,
    }
    (folder / "findings.json").write_text(json.dumps(findings))
    return folder


def shown(found: Compared) -> str:
    out = io.StringIO()
    show_compared(found, page(file=out))
    return " ".join(out.getvalue().split())


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return write_run(tmp_path / "first")


def test_arms_are_paired_on_the_test_examples_that_both_asked(tmp_path: Path, first: Path) -> None:
    second = write_run(tmp_path / "second", ("small", "large", "tuned"))
    found = compare_runs(first, second)
    assert [(held.first, held.second) for held in found.arms] == [
        ("vote", "tuned"),
        ("small", "small"),
        ("large", "large"),
    ]
    plans = found.arms[0]
    test = [
        i
        for i in range(COUNT)
        if placed(f"g{i // 2}", {"fit": 0.2, "tune": 0.2, "certify": 0.3, "test": 0.3}) == "test"
    ]
    expected = sum(right("tuned", i) - right("vote", i) for i in test) / len(test)
    assert plans.split == "test" and plans.paired.n == len(test)
    assert plans.paired.difference == pytest.approx(expected) and expected > 0
    assert plans.paired.groups == len({i // 2 for i in test})
    assert (found.only_first, found.only_second) == (["vote"], ["tuned"])


def test_a_run_compared_with_itself_shows_no_difference_and_no_change(first: Path) -> None:
    found = compare_runs(first, first)
    assert found.same_task and found.changes == [] and found.examples.shared == COUNT
    assert all(held.paired.difference == 0 and held.changed is False for held in found.arms)
    assert "nothing: same models, levers and settings" in shown(found)


def test_examples_are_the_same_by_what_is_asked_whatever_they_are_called(tmp_path: Path, first: Path) -> None:
    second = write_run(tmp_path / "second", examples=range(100, 250), prefix="other")
    found = compare_runs(first, second)
    assert (found.examples.shared, found.examples.first, found.examples.second) == (100, 100, 50)
    assert not found.same_task and found.examples.by == "content"
    assert "100 examples in common, by content: the tasks differ" in shown(found)


def test_another_right_answer_leaves_an_example_out_and_is_counted(tmp_path: Path, first: Path) -> None:
    second = write_run(tmp_path / "second")
    lines = [json.loads(line) for line in (second / "examples.jsonl").read_text().splitlines()]
    for line in lines[:30]:
        line["target"] = "something else"
    (second / "examples.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    found = compare_runs(first, second)
    assert found.examples.retargeted == 30 and not found.same_task
    assert found.arms[0].paired.n < compare_runs(first, first).arms[0].paired.n
    assert "30 have another right answer: not compared" in shown(found)


def test_a_reworded_question_is_another_example(tmp_path: Path, first: Path) -> None:
    second = write_run(tmp_path / "second")
    text = (second / "examples.jsonl").read_text().splitlines()
    body = json.loads(text[0]) | {"content": "0" * 32}
    (second / "examples.jsonl").write_text("\n".join([json.dumps(body), *text[1:]]) + "\n")
    found = compare_runs(first, second)
    assert (found.examples.shared, found.examples.reworded) == (COUNT - 1, 1)


def test_what_changed_is_named_with_what_it_was(tmp_path: Path, first: Path) -> None:
    second = write_run(tmp_path / "second", models="else/{}", margin=0.02)
    changes = {change.what: (change.first, change.second) for change in compare_runs(first, second).changes}
    assert changes["margin"] == ("0.05", "0.02")
    assert changes["small.inner.model"] == ("house/small", "else/small")
    assert changes["vote.inner.inner.model"] == ("house/vote", "else/vote")
    assert all(held.changed for held in compare_runs(first, second).arms)


def test_a_model_of_the_same_name_that_is_another_one_is_a_change(tmp_path: Path, first: Path) -> None:
    prints = {f"house/{arm}": f"{arm}-{2 if arm == 'large' else 1}" for arm in ("small", "large", "vote")}
    second = write_run(tmp_path / "second", fingerprints=prints)
    [change] = compare_runs(first, second).changes
    assert (change.what, change.second) == ("what house/large is", "large-2")


def test_runs_that_did_not_keep_their_examples_are_matched_by_id(tmp_path: Path, first: Path) -> None:
    second = write_run(tmp_path / "second")
    (second / "examples.jsonl").unlink()
    found = compare_runs(first, second)
    assert (
        found.same_task is None
        and found.examples.by == "id"
        and found.arms[0].paired.n == COUNT
        and found.arms[0].split == ""
    )
    assert "does not hold what it asked" in shown(found)


def test_runs_with_nothing_in_common_are_refused_in_a_sentence(tmp_path: Path, first: Path) -> None:
    second = write_run(tmp_path / "second", examples=range(500, 520))
    with pytest.raises(
        StudyError, match=r"no example in common \(.*first has 200 such as 'q0'; .*second has 20"
    ):
        compare_runs(first, second)


def test_runs_without_an_arm_on_a_shared_example_are_refused(tmp_path: Path, first: Path) -> None:
    second = write_run(tmp_path / "second", ("tuned",))
    (second / "trials.jsonl").write_text("")
    with pytest.raises(StudyError, match="share 200 examples but no arm was measured"):
        compare_runs(first, second)


def test_the_verb_prints_a_page_or_json_and_ends_with_0(tmp_path: Path, first: Path) -> None:
    second = write_run(tmp_path / "second", ("small", "large", "tuned"))
    done = CliRunner().invoke(app, ["compare", str(first), str(second)])
    assert done.exit_code == 0
    for words in ("vote → tuned", "only in the first run", "second minus first", "$1.00", "rivals"):
        assert words in done.output
    told = json.loads(CliRunner().invoke(app, ["compare", str(first), str(second), "--json"]).output)
    assert told["arms"][0]["paired"]["n"] == compare_runs(first, second).arms[0].paired.n
    missing = CliRunner().invoke(app, ["compare", str(first), str(tmp_path / "nowhere")])
    assert missing.exit_code == 2
