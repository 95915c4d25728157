"""What a diagnosis leaves in a run's folder, and what a study takes from there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from underdog.errors import StudyError
from underdog.studies.diagnosis.record import FILE, advice_in

ORDER = [
    {"lever": "vote", "worth_trying": True, "why": "draws differ", "certain": True},
    {"lever": "prompt", "worth_trying": False, "why": "demonstrations do harm", "certain": True},
]


def kept(folder: Path, body: object) -> Path:
    (folder / FILE).write_text(json.dumps(body))
    return folder


def test_a_study_takes_the_order_of_levers_of_its_own_diagnosis_only(tmp_path: Path) -> None:
    assert advice_in(tmp_path, "d") is None
    folder = kept(tmp_path, {"digest": "d", "diagnosis": {"order": ORDER}})
    assert [(one.lever, one.worth_trying) for one in advice_in(folder, "d")] == [
        ("vote", True),
        ("prompt", False),
    ]
    assert advice_in(folder, "another study") is None


def test_a_record_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no record of a diagnosis"):
        advice_in(kept(tmp_path, ["a list"]), "d")
