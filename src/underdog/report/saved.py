"""The findings of a finished run as they lie in its folder. Reads, and shows nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from underdog.errors import StudyError
from underdog.studies.findings import FORMAT


def read_findings(run: Path) -> dict[str, Any]:
    """The mapping in `findings.json` of a run's folder, or in the file itself.

    Raises:
        StudyError: there is none, it is not JSON, or another version of underdog wrote it.
    """
    path = _path(run)
    try:
        findings = json.loads(saved_text(run))
    except (FileNotFoundError, NotADirectoryError):
        raise StudyError(f"{path}: no findings here; `underdog study` writes them when it ends") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise StudyError(f"{path}: findings must be JSON; {error}: run the study again") from None
    came = findings.get("format") if isinstance(findings, dict) else type(findings).__name__
    if came != FORMAT:
        raise StudyError(f"{path}: findings must have format {FORMAT}; got {came!r}: use a matching underdog")
    assert isinstance(findings, dict)
    return findings


def saved_text(run: Path) -> str:
    """The JSON text itself."""
    return _path(run).read_text(encoding="utf-8")


def _path(run: Path) -> Path:
    return run / "findings.json" if run.is_dir() else run
