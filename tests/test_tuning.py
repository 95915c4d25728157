"""`underdog tune`: makes a model, tells what came of it, and refuses what cannot be in one sentence."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from underdog.answerer import Model
from underdog.cli import app
from underdog.errors import StudyError
from underdog.makers import Lora, load_made, maker_from
from underdog.report.training import TrainingBar, TrainingLines, logged
from underdog.report.tuned import read_made, show, sparkline, summary
from underdog.tuning import settings_from

STUDY = """
task:
  data: rows.jsonl
  id: id
  input: "{{ text }}"
  target: side
  split: split
  score: {rule: label, labels: [left, right]}
  sampling: {max_tokens: 6}
models: {small: tiny/small, large: fake/choice:left|right}
"""


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = [
        {
            "id": str(i),
            "text": f"{('red', 'blue')[i % 2]} {i}",
            "side": ("left", "right")[i % 2],
            "split": "fit" if i < 48 else "tune",
        }
        for i in range(72)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "sides.yaml").write_text(STUDY)
    return tmp_path / "sides.yaml"


def tuned(*options: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["tune", "sides.yaml", *options])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


def quick(method: str) -> list[str]:
    settings = {"steps": 8, "batch": 8, "checks": 2, "tries": 1, "rank": 8}
    return ["--method", method, *(f"--set={name}={value}" for name, value in settings.items())]


def test_a_model_is_made_compared_on_tune_and_recorded(study):
    pytest.importorskip("trl", reason="training needs the extra [train]")
    code, out, _ = tuned(*quick("lora"))
    assert code == 0
    for word in ("CURVES", "held-out score", "TUNE  24 examples", "→", "under models: tuned:"):
        assert word in out
    folder = study.parent / "runs" / "sides" / "lora"
    made = load_made(folder, study.parent)
    assert made.model == Model("tiny/small", adapter="runs/sides/lora/adapter")
    tune = made.evidence["tune"]
    assert set(tune["arms"]) == {"small", "large", "tuned"}
    assert tune["n"] == 24 and tune["paired"]["small"]["n"] == 24
    code, out, _ = tuned(*quick("lora"), "--json")
    assert (code, json.loads(out)["digest"]) == (0, made.digest)
    assert summary(read_made(folder)).startswith("lora took tiny/small from")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--method", "lorra"], "`maker` must be one of lora, distil, dpo, grpo"),
        (["--method", "lora", "--set", "ranks=8"], "did you mean 'rank'"),
        (["--method", "lora", "--set", "rank"], "must be NAME=VALUE"),
        (["--method", "lora", "--set", "held_out=0.9"], "`held_out` must be from"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_asked(study, options, says):
    code, _, err = tuned(*options)
    assert code == 2 and says in err
    assert not (study.parent / "runs").exists()


def test_too_few_examples_are_refused_with_the_number(study):
    rows = (study.parent / "rows.jsonl").read_text().splitlines(keepends=True)
    (study.parent / "rows.jsonl").write_text("".join(rows[:20] + rows[48:]))
    code, _, err = tuned(*quick("lora"))
    assert code == 2 and "at least 24 examples with a target" in err and "there are 15 and 5" in err


def test_a_dry_run_proves_and_forecasts_and_makes_nothing(study):
    code, out, err = tuned(*quick("distil"), "--dry-run")
    assert code == 0 and "forecast" in out + err
    assert not (study.parent / "runs").exists()


def test_settings_are_read_as_they_are_meant():
    """1e-3 is a number to everybody but YAML."""
    settings = settings_from(["rank=8", "dora=true", "rate=1e-3", "micro_batch=null"])
    assert maker_from({"maker": "lora", **settings}, "tune") == Lora(rank=8, dora=True, rate=0.001)


@pytest.mark.parametrize("option", ["rank", "rank=", "=8", ""])
def test_an_option_without_a_name_or_a_value_is_refused(option):
    with pytest.raises(StudyError, match="NAME=VALUE"):
        settings_from([option])


def test_a_sparkline_shows_what_rises_and_averages_what_is_long():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([0.0, 10.0] * 50 + [100.0] * 100, width=2) == "▁█"
    assert sparkline([2.0, 2.0]) == "▄▄"


def test_lines_tell_a_training_now_and_then():
    said: list[str] = []
    times = iter(range(0, 100, 3))
    lines = TrainingLines(said.append, clock=lambda: next(times))
    lines.training("rank-8", 20)
    for step in range(1, 5):
        lines.trained(step, {"loss": 0.5 / step, "epoch": 1.0})
    assert said[0] == "training rank-8, up to step 20"
    assert said[1:] == ["step 2 of 20, loss 0.25", "step 4 of 20, loss 0.125"]


def test_the_bar_is_gone_when_a_stage_begins_and_when_all_is_done():
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with TrainingBar(console) as bar:
        bar.training("rank-8", 4)
        bar.trained(2, {"loss": 0.5})
        bar.stage("tune", ["small"], 3)
        bar.training("rank-8", 4)
    shown, hidden = (console.file.getvalue().count(f"\x1b[?25{mark}") for mark in "hl")
    assert shown == hidden > 0, "every bar that hid the cursor gave it back"
    assert logged({"reward": 1.5, "kl": 0.1}) == ", reward 1.5"


def test_a_folder_in_which_nothing_was_made_is_told(tmp_path):
    with pytest.raises(StudyError, match="nothing was made here"):
        read_made(tmp_path)


def test_controls_show_their_part_of_the_gain(tmp_path):
    interval = {"estimate": 0.5, "low": 0.4, "high": 0.6, "note": ""}
    paired = {"difference": 0.1, "low": 0.05, "high": 0.15, "helps": 9, "harms": 2}
    arms = ("small", "tuned", "form-only")
    record = {
        "recipe": {"maker": "grpo"},
        "parent": {"name": "tiny/small"},
        "model": {"name": "tiny/small", "adapter": "adapter"},
        "data": {"n": 30, "held_out": 10},
        "curves": {"reward": [[1, 0.5], [2, 1.5]], "held_out_score": [[2, 0.5]]},
        "spend": {"seconds": 61.0, "flops": 2e12, "calls": 40, "dollars": 0.0},
        "cautions": ["a synthetic world"],
        "evidence": {
            "held_out": {"before": {"step": 0, "score": 0.4}, "kept": {"step": 2, "score": 0.5}},
            "rank": 8,
            "rate": 1e-4,
            "tries": [],
            "tune": {
                "n": 60,
                "arms": dict.fromkeys(arms, interval),
                "outcomes": {name: {"unread": 1} for name in arms},
                "paired": {"small": paired, "form-only": paired},
                "share_of_gain": {"form-only": interval},
            },
        },
    }
    console = Console(file=io.StringIO(), width=100)
    show(record, tmp_path, console)
    text = " ".join(console.file.getvalue().split())
    assert "50.0 % [40.0, 60.0] of the gain of tuned over small is there with form-only too" in text
    assert "+10.0 [+5.0, +15.0] 9 2" in text
    assert "A synthetic world." in text and "1:01 of computing, 2 TFLOPs" in text
