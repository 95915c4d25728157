"""What the page of a diagnosis says, out of its plain data, and what is said where there is none."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from underdog.errors import StudyError
from underdog.report.diagnosis import claim, show, summary
from underdog.report.page import page
from underdog.report.saved import DIAGNOSIS
from underdog.statistics import Interval
from underdog.studies.diagnosis.findings import Advice, Diagnosis, Finding, Kind, Ruling
from underdog.studies.diagnosis.record import FILE, Diagnosed
from underdog.studies.diagnosis.signals.signal import Signal
from underdog.trial import Spend

FORM = Signal(
    "net lenient gain", "small", Interval(0.4, 0.3, 0.5, 90, 0.95, "gaffke"), 90, "Form hides 40 points."
)
SURE = Signal("agreement AUROC", "small", Interval(0.6, 0.4, 0.8, 90, 0.95, "x"), 90, "It hardly knows.")


def diagnosed(**changes: Any) -> Diagnosed:
    """A diagnosis with one finding of every ruling."""
    unsure = f"Cannot tell: about 900 would. {SURE.sentence}"
    findings = (
        Finding(Kind.SEARCH, "small", Ruling.HOLDS, 0.05, "Draws help.", ()),
        Finding(Kind.FORMAT, "small", Ruling.HOLDS, 0.3, f"small loses to form. {FORM.sentence}", (FORM,)),
        Finding(Kind.FORMAT, "large", Ruling.DOES_NOT_HOLD, 0.0, "Form costs large nothing."),
        Finding(Kind.DEFERRAL, "small", Ruling.CANNOT_TELL, 0.0, unsure, (SURE,), 900),
        Finding(Kind.LABELS, None, Ruling.NOT_MEASURED, 0.0, "Not measured."),
    )
    order = (
        Advice("read", True, "form hides [bold]40[/bold] points"),
        Advice("cascade", True, "cannot be told yet", certain=False),
        Advice("vote", False, "draws agree in their errors"),
    )
    found = Diagnosis(findings, order, (FORM, SURE), {"draws of small": "none", "draws of large": "none"})
    record = {
        "name": "tickets",
        "digest": "d",
        "split": "tune",
        "examples": 90,
        "models": {"small": "fake/one", "large": "replay/a/b.jsonl#two"},
        "cautions": ["a synthetic world"],
        "diagnosis": found,
        "calls_sent": 1234,
        "calls_banked": 5,
        "spend": Spend(1234, dollars=0.5),
        "fingerprints": {},
        "versions": {},
        "created": "2026-11-22T12:00:00+00:00",
    }
    return Diagnosed(**{**record, **changes})


@pytest.fixture
def run(tmp_path: Path) -> Path:
    diagnosed().write(tmp_path / "run")
    return tmp_path / "run"


def told(run: Path) -> str:
    """The page, on one line."""
    out = io.StringIO()
    show(DIAGNOSIS.read(run), run, page(file=out))
    return " ".join(out.getvalue().split())


def test_what_holds_stands_first_the_strongest_above_with_its_evidence_below(run: Path) -> None:
    text = told(run)
    assert "FINDINGS on 90 examples of tune" in text
    assert "format-bound small loses to form. · Form hides 40 points. search-bound small: Draws help." in text


def test_what_cannot_be_told_does_not_hold_or_was_not_measured_is_said_apart(run: Path) -> None:
    text = told(run)
    assert (
        "CANNOT TELL not shown and not ruled out deferral small: Cannot tell: about 900 would. · It" in text
    )
    assert "not so format-bound (large)" in text and "not measured label-bound" in text


def test_levers_are_numbered_as_far_as_the_evidence_speaks_for_them(run: Path) -> None:
    text = told(run)
    assert "1 read form hides [bold]40[/bold] points ? cascade cannot be told yet ✗ vote draws agree" in text


def test_what_is_missing_is_grouped_by_reason_and_what_it_took_is_told(run: Path) -> None:
    text = told(run)
    assert "missing draws of small, draws of large: none" in text
    assert "models small fake/one, large replay/…#two caution A synthetic world. calls 1,234 sent" in text
    assert f"spent $0.50 files {' '.join(str(run).split())}/ holds diagnosis.json" in text


def test_the_summary_says_what_holds_and_what_to_try_first(run: Path) -> None:
    assert summary(DIAGNOSIS.read(run)).splitlines() == [
        "small loses to form.",
        "small: Draws help.",
        "First to try: read.",
    ]
    diagnosed(diagnosis=Diagnosis((), ())).write(run)
    assert summary(DIAGNOSIS.read(run)).splitlines() == [
        "Nothing that was looked for could be shown to hold.",
        "No lever is worth trying.",
    ]
    assert "Nothing that was looked for could be shown to hold." in told(run)


def test_a_claim_names_its_model_once() -> None:
    finding = {"kind": "ceiling", "model": None, "sentence": "Size does not move it. A. B.", "signals": []}
    assert claim(finding) == "Size does not move it. A. B."
    signals = [{"sentence": "A."}, {"sentence": "B."}]
    assert claim(finding | {"signals": signals, "model": "small"}) == "small: Size does not move it."


def test_the_file_is_read_by_folder_or_by_name_and_is_what_was_written(run: Path) -> None:
    assert DIAGNOSIS.read(run) == DIAGNOSIS.read(run / FILE) == json.loads(DIAGNOSIS.text(run))
    signal = DIAGNOSIS.read(run)["diagnosis"]["findings"][1]["signals"][0]
    assert signal["interval"]["low"] == 0.3 and signal["examples"] == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "no diagnosis here; `underdog diagnose STUDY` writes it"),
        ("{", "the diagnosis must be JSON"),
        ('{"format": 0}', "must have format 1; got 0"),
        ("[]", "must have format 1; got 'list'"),
    ],
)
def test_a_folder_without_a_diagnosis_that_can_be_read_is_told_in_a_sentence(
    tmp_path: Path, text: str | None, sentence: str
) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text)
    with pytest.raises(StudyError, match=sentence):
        DIAGNOSIS.read(tmp_path)
