"""The work behind `underdog compare`: reads two runs' folders; `studies/compare.py` compares them."""

from __future__ import annotations

from pathlib import Path

from underdog.report.saved import FINDINGS
from underdog.studies.compare import Compared, Saved, compare
from underdog.studies.folder import has_examples, read_examples, read_trials


def compare_runs(first: Path, second: Path) -> Compared:
    """Two runs by their folders.

    Raises:
        StudyError: a file is missing or not what a study writes, or the runs have nothing in common.
    """
    return compare(saved(first), saved(second))


def saved(run: Path) -> Saved:
    """A finished run, read back.

    Raises:
        StudyError: a file is missing or not what a study writes.
    """
    findings, trials = FINDINGS.read(run), read_trials(run)
    return Saved(str(run), findings, read_examples(run) if has_examples(run) else None, trials)
