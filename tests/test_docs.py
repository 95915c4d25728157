"""Every study file, configuration, command and program in docs/ and CONTRIBUTING.md does what it says."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import commands
from tests.documents import PAGES, ROOT, Block, blocks, links
from underdog import levers
from underdog.config import load_config
from underdog.errors import StudyError
from underdog.levers import known
from underdog.proof import prove
from underdog.reading import RULES, Reading
from underdog.scorers import SCORERS
from underdog.studies import load_study

DOCS = ROOT / "docs"
TICKETS = ROOT / "examples" / "tickets"
OFFLINE = ("fake/", "replay/")
# Options of reading rules in general, which the page explains outside its table.
SHARED = {"then", "otherwise"}


def every(*kinds: str) -> list[Any]:
    """All blocks of these kinds in docs/, as parameters."""
    found = [block for page in PAGES if page.parent == DOCS for block in blocks(page, *kinds)]
    return [pytest.param(block, id=block.where) for block in found]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with the files that the pages speak of and no configuration but its own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("UNDERDOG_", "OPENAI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    for file in TICKETS.iterdir():
        shutil.copy(file, tmp_path)
    tickets = [json.loads(line) for line in (TICKETS / "tickets.jsonl").read_text().splitlines()]
    said = [{"id": row["id"], "model": "big", "said": row["category"]} for row in tickets]
    sums = [{"id": f"s{i}", "question": f"{i} + {i * 7}?", "answer": i * 8} for i in range(1, 81)]
    turns = [(("user", row["text"]), ("assistant", row["category"])) for row in tickets]
    chats = [{"messages": [{"role": role, "content": text} for role, text in pair]} for pair in turns]
    notes = [{"name": "returns", "body": "Opened boxes are returned by parcel."}]
    for name, rows in (("outputs", said), ("sums", sums), ("chats", chats), ("notes", notes)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "handbook").mkdir()
    (tmp_path / "handbook" / "returns.md").write_text("Opened boxes are returned by parcel.\n")
    (tmp_path / "checks.py").write_text("def right(messages, text, final):\n    return bool(final)\n")
    for block in blocks(DOCS / "reading.md", "python"):
        (tmp_path / block.name).write_text(block.text)
    return tmp_path


def merged(block: Block) -> dict[str, Any]:
    """A fragment of a study file put over the one for tickets; null takes a key of the task out."""
    body = yaml.safe_load((TICKETS / "tickets.yaml").read_text())
    given = yaml.safe_load(block.text)
    task = given.pop("task", {})
    if not isinstance(task, str):
        task = {key: value for key, value in (body["task"] | task).items() if value is not None}
    # Documents and a checker are for the usual levers, which a study has that names none.
    levers = None if {"documents", "checker"} & set(given) else {}
    return body | {"task": task, "levers": levers} | given


# Pages


@pytest.mark.parametrize("block", every("yaml"))
def test_every_study_file_on_a_page_is_one_and_its_task_proves_itself(block: Block, place: Path) -> None:
    body = merged(block)
    file = place / "fragment.yaml"
    file.write_text(yaml.safe_dump(body, sort_keys=False))
    spec = load_study(file)
    assert prove(spec.task).holds
    if all(model.name.startswith(OFFLINE) for model in spec.models.values()):
        commands.run(f"underdog study {file.name} --dry-run --allow-code", {})


@pytest.mark.parametrize("block", every("toml"))
def test_every_configuration_on_a_page_is_one(block: Block, place: Path) -> None:
    file = place / "underdog.toml"
    file.write_text(block.text)
    keys = {"HOUSE_KEY": "one", "AZURE_KEY": "two"}
    config = load_config(file, keys)
    for alias in ("house", "work"):
        assert config.endpoint(alias).key is not None
    assert config.prices["house/qwen3-32b"].output == 0.40


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent == DOCS], ids=lambda page: page.name)
def test_every_command_on_a_page_works_in_the_order_given(page: Path, place: Path) -> None:
    environ: dict[str, str] = {}
    for block in blocks(page, "bash"):
        for command in block.commands():
            commands.run(command, environ)
    if environ:
        load_config(environ=environ)


@pytest.mark.parametrize("page", ["levers.md", "statistics.md"])
def test_every_program_on_a_page_runs(page: str) -> None:
    spoken: dict[str, Any] = {}
    found = blocks(DOCS / page, "python")
    assert found
    for block in found:
        exec(compile(block.text, block.where, "exec"), spoken)


@pytest.mark.parametrize("block", every("json"))
def test_every_line_of_data_on_a_page_is_json(block: Block) -> None:
    assert all(isinstance(json.loads(line), dict) for line in block.text.splitlines())


def test_the_official_client_is_served_as_the_page_on_serving_says(place: Path) -> None:
    commands.run("underdog study tickets.yaml --quiet", {})
    code = "from underdog.cli import app; app()"
    served = subprocess.Popen(
        [sys.executable, "-c", code, "serve", "runs/tickets", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert served.stdout is not None
    try:
        url = served.stdout.readline().split()[-1]
        [block] = blocks(DOCS / "serving.md", "python")
        spoken: dict[str, Any] = {}
        exec(compile(block.text.replace("http://127.0.0.1:8321/v1", url), block.where, "exec"), spoken)
        spoken["client"].close()
        assert spoken["whole"].parse().choices[0].message.content in (
            *("account", "billing", "bug", "feature", "shipping"),
        )
    finally:
        served.terminate()
        served.communicate(timeout=30)
    assert served.returncode == 0


# What the tables of a page must hold


def test_every_lever_is_on_its_page_with_its_fields_and_no_others() -> None:
    rows = {row.split("`")[1]: row.split("|")[2] for row in table("levers.md", None)}
    assert set(rows) == {name.lower() for name in levers.__all__}
    of_rules = {field.name for field in fields(Reading)} - {"rule", "lenient"}
    for name, row in rows.items():
        known_fields = {field.name for field in fields(known()[name])} - {"demonstrations", "index"}
        said = set(re.findall(r"`(\w+)`", row))
        assert said == (known_fields - of_rules if name == "read" else known_fields), name


def table(page: str, heading: str | None) -> list[str]:
    """The rows of the table under a heading of a page (None: before the first)."""
    text = (DOCS / page).read_text()
    part = (text if heading is None else text.split(f"## {heading}\n")[1]).split("\n## ")[0]
    return [line for line in part.splitlines() if line.startswith("| `")]


def missing(options: Iterable[str], row: str) -> list[str]:
    return [option for option in options if f"`{option}`" not in row]


def test_every_reading_rule_is_on_its_page_with_its_options() -> None:
    rows = {row.split("`")[1]: row for row in table("reading.md", "Reading rules")}
    assert set(rows) == set(RULES)
    for name, rule in RULES.items():
        assert missing(rule.takes - SHARED, rows[name]) == [], name
    assert missing(SHARED, (DOCS / "reading.md").read_text()) == []


def test_every_scorer_is_on_its_page_with_its_options() -> None:
    rows = table("reading.md", "Scorers")
    for name, cls in SCORERS.items():
        [row] = [row for row in rows if f"`{name}`" in row.split("|")[1]]
        assert missing((f.name for f in fields(cls) if f.name != "base"), row) == [], name


# CONTRIBUTING


@pytest.fixture
def package(tmp_path: Path) -> Iterator[Path]:
    """The worked lever of CONTRIBUTING.md as a package that joins by its entry point."""
    lever, test = blocks(ROOT / "CONTRIBUTING.md", "python")
    [declared] = blocks(ROOT / "CONTRIBUTING.md", "toml")
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "__init__.py").touch()
    (tmp_path / "my_package" / "insist.py").write_text(lever.text)
    (tmp_path / "test_insist.py").write_text(test.text)
    info = tmp_path / "my_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1\n")
    point = declared.text.splitlines()[1].replace('"', "")
    (info / "entry_points.txt").write_text(f"[underdog.levers]\n{point}\n")
    yield tmp_path


def test_the_worked_lever_passes_its_tests_and_the_contract_of_all_levers(package: Path) -> None:
    contract = ROOT / "tests" / "levers" / "test_contract.py"
    code = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "insist", str(contract)]
    done = subprocess.run(
        [*code, str(package / "test_insist.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{ROOT / 'src'}"},
    )
    assert done.returncode == 0, done.stdout
    ran = int(done.stdout.rpartition(" passed")[0].split()[-1])
    assert ran >= 2 + 8, "its own two tests, and the contract's"


def test_the_worked_lever_is_not_known_without_its_package() -> None:
    assert "insist" not in known()


# Links and examples


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        target = link.partition("#")[0]
        assert link.startswith("https://") or (page.parent / target).exists(), f"{page.name}: {link}"


@pytest.mark.parametrize("file", sorted((ROOT / "examples").rglob("*.yaml")), ids=lambda file: file.name)
def test_every_example_is_a_study_whose_task_proves_itself(file: Path) -> None:
    if "recorded" in file.parts and not (ROOT.parent / "shared" / "data").is_dir():
        pytest.skip("the recorded outputs are not beside this checkout")
    spec = load_study(file)
    assert prove(spec.task).holds
    assert {"small", "large"} <= set(spec.models)


def test_the_hand_made_tickets_are_varied_and_balanced() -> None:
    rows = [json.loads(line) for line in (TICKETS / "tickets.jsonl").read_text().splitlines()]
    assert len(rows) == len({row["text"] for row in rows}) == 120
    counts = {row["category"]: 0 for row in rows}
    for row in rows:
        counts[row["category"]] += 1
    assert set(counts.values()) == {24}
    assert len({row["customer"] for row in rows}) < 100, "some customers wrote more than once"


def test_a_fragment_that_is_wrong_would_be_noticed(place: Path) -> None:
    wrong = Block("yaml", "", "levers: {vote: {lever: vote, inner: smal}}", "here")
    (place / "fragment.yaml").write_text(yaml.safe_dump(merged(wrong)))
    with pytest.raises(StudyError, match="did you mean 'small'"):
        load_study(place / "fragment.yaml")


def test_programs_on_pages_are_python() -> None:
    for page in PAGES:
        for block in blocks(page, "python"):
            ast.parse(block.text, block.where)
