"""One finished study that all report tests read."""

from __future__ import annotations

import asyncio
import copy
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tests.report.tickets import engine_of, study_of

from underdog.report.page import page
from underdog.report.text import show
from underdog.studies.findings import plain
from underdog.studies.run import Result, run
from underdog.studies.session import Settings
from underdog.studies.spec import spec_from


@pytest.fixture(scope="session")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """The study, run once."""
    folder = tmp_path_factory.mktemp("studied")
    settings = Settings(store=folder / "store.sqlite", folder=folder / "run", bind=engine_of)
    finished = asyncio.run(run(spec_from(study_of(folder), folder), settings))
    assert finished is not None
    return finished


@pytest.fixture
def findings(result: Result) -> dict[str, Any]:
    """Its findings as plain data, for each test to change as it likes."""
    return copy.deepcopy(plain(result.findings))


@pytest.fixture
def told() -> Callable[..., str]:
    """The report of findings, as a pipe would get it."""

    def tell(findings: dict[str, Any], folder: Path = Path("runs/tickets"), **options: Any) -> str:
        out = io.StringIO()
        show(findings, folder, page(file=out, **options))
        return out.getvalue()

    return tell


@pytest.fixture
def screen() -> Console:
    """A terminal that keeps what it was sent."""
    return Console(file=io.StringIO(), force_terminal=True, width=100, highlight=False, markup=False)
