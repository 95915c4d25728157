"""The README keeps its word: its study, its program and its commands run, its file map is the tree."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests import commands
from tests.documents import ROOT, blocks
from underdog import levers

README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
TICKETS = ROOT / "examples" / "tickets"
SOURCE = ROOT / "src" / "underdog"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the examples in it and no configuration but its own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("UNDERDOG_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(TICKETS, tmp_path / "examples" / "tickets")
    return tmp_path


def test_the_study_and_the_data_shown_are_those_of_the_example() -> None:
    [shown] = blocks(README, "yaml")
    assert shown.text == (TICKETS / "tickets.yaml").read_text()
    [lines] = blocks(README, "json")
    held = (TICKETS / "tickets.jsonl").read_text().splitlines()
    assert lines.text.splitlines() == held[: len(lines.text.splitlines())]
    assert all(json.loads(line) for line in held)


def test_the_commands_work_in_the_order_given(checkout: Path) -> None:
    said = ""
    for block in blocks(README, "bash"):
        for command in block.commands():
            said += commands.run(command, {})
    assert "forecast" in said and said.count("VERDICT") == 2, "once by study, once by report"
    assert (checkout / "runs" / "tickets" / "plan.json").is_file()


def test_the_program_runs(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [program] = blocks(README, "python")
    spoken: dict[str, Any] = {}
    exec(compile(program.text, program.where, "exec"), spoken)
    printed = capsys.readouterr().out
    headline = spoken["result"].findings.verdict.headline
    assert printed.startswith(f"{headline}\n") and str(spoken["result"]) in printed
    assert spoken["plan"].digest == spoken["result"].plan.digest


def test_the_demos_screen_has_its_place() -> None:
    shown = re.search(r"<!-- demo -->\n(.*?)<!-- /demo -->", TEXT, re.DOTALL)
    assert shown is not None
    if shown[1].strip():
        for part in ("LADDER", "TEST", "VERDICT", "certificate"):
            assert part in shown[1]


def test_the_file_map_names_every_room_and_nothing_that_is_not_there() -> None:
    [shown] = [block.text for block in blocks(README, "") if block.text.startswith("src/underdog/")]
    named = set(re.findall(r"(?:^|\s)([a-z_]+(?:\.py|/))(?=[\s,])", shown))
    rooms = {entry.name + "/" if entry.is_dir() else entry.name for entry in SOURCE.iterdir()}
    rooms = {name for name in rooms if name.endswith((".py", "/")) and not name.startswith("__")}
    inside = named - {"examples/", "docs/", "benchmarks/"}
    assert rooms == inside, (rooms - inside, inside - rooms)
    assert all((ROOT / name).is_dir() for name in named - inside)


def test_every_lever_is_named() -> None:
    assert [name for name in levers.__all__ if not re.search(rf"\b{name}\b", TEXT)] == []


def test_the_automatic_check_runs_the_readmes_test_command() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    [line] = [line for line in script.splitlines() if line.startswith("exec ")]
    asked = line.removeprefix("exec ").partition("<")[0].strip()
    assert asked in [command for block in blocks(README, "bash") for command in block.commands()]


def test_the_package_has_what_it_needs_beside_its_code() -> None:
    """Data that the code reads lie inside the package, so that every wheel has them."""
    assert (SOURCE / "prices.json").is_file() and (SOURCE / "py.typed").is_file()
    for model in ("small", "large"):
        assert (SOURCE / "tiny" / "models" / model / "model.safetensors").is_file()
