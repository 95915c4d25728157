"""docs/routing.md: its commands and programs run, on a table in which routing pays."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from tests import commands
from tests.documents import ROOT, blocks
from tests.routing.worlds import specialists

from underdog.routing import routers
from underdog.routing.reading import COLUMNS

PAGE = ROOT / "docs" / "routing.md"


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with an outcome table of a small and a large answerer that are good at different things."""
    monkeypatch.chdir(tmp_path)
    table = specialists(200)
    rows = [
        {"id": table.ids[i], "model": name, "score": table.scores[i, j], "cost": cost, "text": text}
        for i, text in enumerate(table.questions)
        for j, (name, cost) in enumerate((("small", 1.0), ("large", 3.0)))
    ]
    (tmp_path / "outcomes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return tmp_path


def test_the_commands_of_the_page_work(place) -> None:
    for file in (ROOT / "examples" / "tickets").iterdir():
        shutil.copy(file, place)
    commands.run("underdog study tickets.yaml --quiet", {})  # leaves runs/tickets
    [block] = blocks(PAGE, "console")
    for command in block.commands():
        commands.run(command, {})
    assert (place / "router.safetensors").is_file()


def test_the_programs_of_the_page_run_and_route(place) -> None:
    spoken: dict[str, Any] = {}
    for block in blocks(PAGE, "python"):
        exec(compile(block.text, block.where, "exec"), spoken)
    assert spoken["advice"].policy is not None and (place / "runs" / "routed" / "plan.json").is_file()
    assert spoken["wider"].answerers == ("small", "large", "newcomer")


def test_every_router_is_on_the_page_and_every_name_of_a_column_is_one() -> None:
    text = PAGE.read_text(encoding="utf-8")
    part = text.split("## The routers\n")[1].split("\n## ")[0]
    said = {
        name.strip()
        for row in part.splitlines()
        if row.startswith("| ")
        for name in row.split("|")[1].split(",")
    }
    assert said - {"name"} == set(routers.families(True, True))
    columns = text.split("## The table\n")[1].split("\n## ")[0]
    spoken = {
        word
        for row in columns.splitlines()
        if row.startswith("| ")
        for word in row.split("|")[2].split("`")[1::2]
    }
    assert spoken <= {name for names in COLUMNS.values() for name in names}
