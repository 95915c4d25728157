"""What a study and a diagnosis leave in a run's folder, read back as plain data. Reads, and shows nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from underdog.errors import StudyError
from underdog.studies import findings
from underdog.studies.diagnosis import record


@dataclass(frozen=True)
class Saved:
    """One JSON file of a run's folder: `what` it holds, which verb `writes` it, and what to do `again`."""

    file: str
    format: int
    what: str
    writes: str
    again: str

    def read(self, run: Path) -> dict[str, Any]:
        """The mapping in the file, given the run's folder or the file itself.

        Raises:
            StudyError: there is none, it is not JSON, or another version of underdog wrote it.
        """
        path = self._path(run)
        try:
            held = json.loads(self.text(run))
        except (FileNotFoundError, NotADirectoryError):
            raise StudyError(f"{path}: no {self.what} here; {self.writes}") from None
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise StudyError(f"{path}: the {self.what} must be JSON; {error}: {self.again}") from None
        came = held.get("format") if isinstance(held, dict) else type(held).__name__
        if came != self.format:
            raise StudyError(
                f"{path}: the {self.what} must have format {self.format}; got {came!r}: use a matching "
                f"underdog, or {self.again}"
            )
        assert isinstance(held, dict)
        return held

    def text(self, run: Path) -> str:
        """The JSON text itself."""
        return self._path(run).read_text(encoding="utf-8")

    def _path(self, run: Path) -> Path:
        return run / self.file if run.is_dir() else run


FINDINGS = Saved(
    "findings.json",
    findings.FORMAT,
    "findings",
    "`underdog study` writes them when it ends",
    "run the study again",
)
DIAGNOSIS = Saved(
    record.FILE,
    record.FORMAT,
    "diagnosis",
    "`underdog diagnose STUDY` writes it",
    "run `underdog diagnose` again",
)
