"""Findings on disk: read back as they were, and a sentence for everything that is not findings."""

from __future__ import annotations

import json

import pytest

from underdog.errors import StudyError
from underdog.report.saved import FINDINGS
from underdog.studies.findings import plain


def test_a_finished_run_is_read_by_its_folder_or_its_file(result):
    findings = FINDINGS.read(result.folder)
    assert (
        findings == FINDINGS.read(result.folder / "findings.json") == json.loads(FINDINGS.text(result.folder))
    )
    assert findings["verdict"]["kind"] == plain(result.findings)["verdict"]["kind"]


@pytest.mark.parametrize("place", [".", "nowhere", "plan.json/findings"])
def test_a_folder_without_findings_says_what_writes_them(tmp_path, place):
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(StudyError, match="no findings here; `underdog study` writes them"):
        FINDINGS.read(tmp_path / place)


@pytest.mark.parametrize("text", [b"{", b"\xff\xfe", b""])
def test_what_is_no_json_is_refused_in_one_sentence(tmp_path, text):
    (tmp_path / "findings.json").write_bytes(text)
    with pytest.raises(StudyError, match="findings must be JSON"):
        FINDINGS.read(tmp_path)


@pytest.mark.parametrize(("text", "came"), [("[]", "'list'"), ("{}", "None"), ('{"format": 99}', "99")])
def test_findings_of_another_version_are_refused(tmp_path, text, came):
    (tmp_path / "findings.json").write_text(text)
    with pytest.raises(StudyError, match=f"must have format 1; got {came}"):
        FINDINGS.read(tmp_path)
