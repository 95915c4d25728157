"""Signals: what evidence says in numbers, a family a file, each a pure function of the evidence.

`measured` runs them all. What cannot be computed is left out; a rule that needs it then says "not measured".
"""

from __future__ import annotations

from itertools import chain

from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals import (
    asking,
    deferral,
    difficulty,
    gap,
    labels,
    leaks,
    mixture,
    outcomes,
    panel,
    reading,
    retrieving,
    routing,
    sampling,
    size,
    sureness,
)
from underdog.studies.diagnosis.signals.signal import Point, Signal
from underdog.studies.diagnosis.signals.wrong_gold import WrongGold

__all__ = ["Point", "Signal", "measured"]


def measured(evidence: Evidence, margin: float) -> tuple[Signal, ...]:
    """Every signal that the evidence has; `margin` is the loss that a cascade's threshold may cost."""
    control = WrongGold(evidence)
    return tuple(
        chain(
            gap.signals(evidence),
            outcomes.signals(evidence),
            reading.signals(evidence, control),
            sampling.signals(evidence, control),
            sureness.signals(evidence),
            asking.signals(evidence),
            retrieving.signals(evidence),
            panel.signals(evidence),
            mixture.signals(evidence),
            routing.signals(evidence),
            deferral.signals(evidence, margin),
            size.signals(evidence),
            labels.signals(evidence),
            difficulty.signals(evidence),
            leaks.signals(evidence, control),
        )
    )
