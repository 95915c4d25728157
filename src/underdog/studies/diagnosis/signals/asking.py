"""What another way of asking changes: a passage with the answer or without it, demonstrations, written steps.

Every probe is compared with the plain question on the same examples, both read as the task reads. "beyond
form" takes the lenient reading of the plain question instead, so that a model that learned from the
demonstrations only where to put its answer does not count as having learned more. Wrong labels under the same
demonstrations show what of their effect is their form (Min et al., arXiv 2202.12837).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from underdog.statistics import bonferroni
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals.signal import Signal
from underdog.studies.diagnosis.signals.table import CONFIDENCE, ability, against, bounded, models, scores
from underdog.studies.diagnosis.words import gain
from underdog.studies.measure import Column

GOLD, WRONG, FOUND, SHOTS, SHUFFLED, STEPS = (
    "gold passage", "wrong passage", "found passages", "shots", "shots, labels shuffled", "steps",
)  # fmt: skip
PROTOCOLS = (SHOTS, STEPS)
"""Ways of asking of which the best is taken: each gets its share of the risk."""
_WORDS = {
    GOLD: "A passage that holds the answer changes {}'s score by",
    WRONG: "A passage about something else changes {}'s score by",
    FOUND: "The passages that the study's retriever finds change {}'s score by",
    SHOTS: "Demonstrations change {}'s score by",
    SHUFFLED: "Demonstrations with shuffled labels change {}'s score by",
    STEPS: "Writing the steps first changes {}'s score by",
}


def signals(evidence: Evidence) -> Iterator[Signal]:
    """Every probe of every model against the plain question, and the pairs that say why it works."""
    for model in models(evidence):
        asked = {name: columns[model] for name, columns in evidence.probes.items() if model in columns}
        tried = sum(name in asked for name in PROTOCOLS)
        for name, column in asked.items():
            risk = bonferroni(CONFIDENCE, tried) if name in PROTOCOLS else CONFIDENCE
            plain = scores(evidence.greedy[model], evidence)
            found = against(scores(column, evidence), plain, evidence, risk)
            words = _WORDS.get(name, f"Asking with {name} changes {{}}'s score by").format(model)
            yield Signal(name, model, found, found.n, f"{words} {gain(found)}.")
            if name in PROTOCOLS and model in evidence.lenient:
                able = scores(ability(evidence, model), evidence)
                beyond = against(scores(column, evidence), able, evidence, risk)
                sentence = f"{words} {gain(beyond)} against the plain answers read leniently."
                yield Signal(f"{name} beyond form", model, beyond, beyond.n, sentence)
        yield from contrasts(evidence, model, asked)
        yield from costs(evidence, model, asked)


def contrasts(evidence: Evidence, model: str, asked: dict[str, Column]) -> Iterator[Signal]:
    """Right labels against shuffled ones, the right passage against a wrong one."""
    pairs = (
        (
            SHOTS,
            SHUFFLED,
            "labels of the demonstrations",
            "Right instead of shuffled labels are worth {} to {}.",
        ),
        (
            GOLD,
            WRONG,
            "passage against a wrong one",
            "The right passage instead of a wrong one is worth {} to {}.",
        ),
    )
    for first, second, name, words in pairs:
        if first in asked and second in asked:
            found = against(scores(asked[first], evidence), scores(asked[second], evidence), evidence)
            yield Signal(name, model, found, found.n, words.format(gain(found), model))


def costs(evidence: Evidence, model: str, asked: dict[str, Column]) -> Iterator[Signal]:
    """Of the answers that were right without a passage, those that a wrong one spoils."""
    if WRONG not in asked:
        return
    plain = scores(evidence.greedy[model], evidence)
    lost = np.where(plain > 0, plain - scores(asked[WRONG], evidence), np.nan)
    found = bounded(lost, evidence)
    if found.estimate is not None:
        sentence = f"Of {model}'s score on what it got right by itself a wrong passage takes {gain(found)}."
        yield Signal("harm of a wrong passage", model, found, found.n, sentence)
