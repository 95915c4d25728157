"""Small against large, as the task reads them and with form out of the way: a lead may be all form."""

from __future__ import annotations

from collections.abc import Iterator

from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals.signal import Signal
from underdog.studies.diagnosis.signals.table import ability, against, models, read_as, scores, shares
from underdog.studies.diagnosis.words import gain, share


def signals(evidence: Evidence) -> Iterator[Signal]:
    """Every model's score by both readings, and small minus large by both."""
    for model in models(evidence):
        strict = shares(scores(evidence.greedy[model], evidence), evidence)
        yield Signal("score", model, strict, strict.n, f"{model} scores {share(strict)}.")
        if model in evidence.lenient:
            loose = shares(scores(evidence.lenient[model], evidence), evidence)
            yield Signal(
                "lenient score", model, loose, loose.n, f"{model}, read leniently, scores {share(loose)}."
            )
    small, large = evidence.small, evidence.large
    strict = against(
        scores(evidence.greedy[small], evidence), scores(evidence.greedy[large], evidence), evidence
    )
    sentence = f"As the task reads them, {small} minus {large} is {gain(strict)}."
    yield Signal("gap as asked", small, strict, strict.n, sentence)
    able = against(
        scores(ability(evidence, small), evidence), scores(ability(evidence, large), evidence), evidence
    )
    sentence = f"{small} minus {large}{read_as(evidence, (small, large))} is {gain(able)}."
    yield Signal("gap", small, able, able.n, sentence)
