"""A diagnosis from evidence: signals, then findings, then advice. Asks nothing and stores nothing."""

from __future__ import annotations

from underdog.studies.diagnosis.advice import advised
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.findings import Diagnosis
from underdog.studies.diagnosis.rules import Sheet, ruled
from underdog.studies.diagnosis.signals import measured
from underdog.studies.diagnosis.signals.table import models


def diagnose(evidence: Evidence, margin: float = 0.02) -> Diagnosis:
    """What stands between the models and a better score, and which levers to try in which order.

    `margin` is the smallest difference in score that matters, that of the study.
    """
    signals = measured(evidence, margin)
    sheet = Sheet(signals, evidence.small, evidence.large, models(evidence), margin, evidence.missing)
    findings = tuple(ruled(sheet))
    return Diagnosis(findings, advised(sheet, findings), signals, evidence.missing)
