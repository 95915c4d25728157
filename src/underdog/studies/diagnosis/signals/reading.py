"""Strict against lenient reading of the same calls, net of what lenient reading finds by luck.

The net gain of an example is what lenient reading adds to its score, minus what the same change of the final
adds against other examples' targets (see `wrong_gold.py`). It is 0 wherever both readings found the same, and
0 on average for a reading that digs out just anything.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from underdog.statistics.intervals import undefined
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals.signal import Signal
from underdog.studies.diagnosis.signals.table import CONFIDENCE, against, bounded, models, scores
from underdog.studies.diagnosis.signals.wrong_gold import WrongGold
from underdog.studies.diagnosis.words import gain, percent


def signals(evidence: Evidence, control: WrongGold) -> Iterator[Signal]:
    """For every model with a lenient column: the gain, its control, and the gain net of it."""
    for model in models(evidence):
        if model in evidence.lenient:
            yield gross(evidence, model)
            yield net(evidence, model, control)


def gross(evidence: Evidence, model: str) -> Signal:
    """Lenient minus strict score."""
    strict, lenient = evidence.greedy[model], evidence.lenient[model]
    found = against(scores(lenient, evidence), scores(strict, evidence), evidence)
    sentence = f"Read leniently, the same answers of {model} score {gain(found)}."
    return Signal("lenient gain", model, found, found.n, sentence)


def net(evidence: Evidence, model: str, control: WrongGold) -> Signal:
    """Lenient minus strict score, against the own target minus against other examples' targets."""
    name = "net lenient gain"
    if not control.possible:
        missing = undefined("answers cannot be scored against other examples' targets", 0, CONFIDENCE)
        return Signal(name, model, missing, 0, f"What lenient reading of {model} finds by luck is unknown.")
    strict, lenient = evidence.greedy[model], evidence.lenient[model]
    changed = np.array([a.final != b.final for a, b in zip(strict.trials, lenient.trials, strict=True)])
    added = scores(lenient, evidence) - scores(strict, evidence)
    loose = control.scores([trial.final for trial in lenient.trials])
    lucky = loose - control.scores([trial.final for trial in strict.trials])
    # Beyond 1 lie only finals that the strict reading had right for every other example.
    each = np.clip(np.where(changed, added - lucky, 0.0 * added), -1.0, 1.0)
    found = bounded(each, evidence)
    by_luck = float(np.nanmean(loose)) if not np.isnan(loose).all() else 0.0
    sentence = (
        f"Lenient reading finds {gain(found)} in {model}'s answers, net of luck (its finals would be right "
        f"for {percent(by_luck)} of other examples whose answers look alike)."
    )
    return Signal(name, model, found, found.n, sentence)
