"""The evidence as tables: scores by model and example, draws, groups, and intervals over them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from underdog.statistics import Interval, bounded_mean, mean_interval, paired_difference
from underdog.statistics.intervals import undefined
from underdog.statistics.vectors import Floats, Ints, group_codes
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.measure import Column
from underdog.trial import Trial

__all__ = [
    "CONFIDENCE", "RIGHT", "ability", "against", "bounded", "drawn", "folds", "groups", "members", "models",
    "read_as", "right", "sampled", "scores", "shares", "sizes", "spread", "weights_in",
]  # fmt: skip

CONFIDENCE = 0.95
"""Of every interval by itself. A diagnosis orders what is tried next; what is claimed, the study tests."""
RIGHT = 1.0 - 1e-9
_WEIGHTS = re.compile(r"(?<![\w.])(?:(\d+)x)?(\d+(?:\.\d+)?)([bBmM])(?![A-Za-z0-9])")


def models(evidence: Evidence) -> list[str]:
    """Every model: small, large, then the others in their order."""
    pair = [evidence.small, evidence.large]
    return pair + [name for name in evidence.greedy if name not in pair]


def ability(evidence: Evidence, model: str) -> Column:
    """A model's column with form taken out of the way: read leniently where that was done, else strictly.

    Models are compared by it, so that a code fence is not taken for ignorance.
    """
    return evidence.lenient.get(model, evidence.greedy[model])


def read_as(evidence: Evidence, names: Sequence[str]) -> str:
    """How `ability` reads these models, for sentences: " (read leniently)", or nothing."""
    return " (read leniently)" if all(name in evidence.lenient for name in names) else ""


def groups(evidence: Evidence) -> list[str]:
    return [example.group for example in evidence.examples]


def scores(column: Column, evidence: Evidence) -> Floats:
    """Mean score of every example of the evidence; NaN where it failed or was not asked."""
    return spread(column.scores(), column, evidence)


def spread(values: Floats, column: Column, evidence: Evidence) -> Floats:
    """One value an example of the column, as one an example of the evidence; NaN where it was not asked."""
    known = dict(zip(column.examples, values, strict=True))
    return np.array([known.get(example.id, np.nan) for example in evidence.examples], dtype=np.float64)


def drawn(column: Column, evidence: Evidence) -> list[list[Trial]]:
    """The repeats of every example of the evidence; none where it was not asked."""
    k = len(column.trials) // len(column.examples)
    known = {name: column.trials[i * k : (i + 1) * k] for i, name in enumerate(column.examples)}
    return [known.get(example.id, []) for example in evidence.examples]


def sampled(evidence: Evidence, model: str) -> tuple[Column, Column] | None:
    """A model's draws and its greedy answers, read alike: leniently where both were, else strictly.

    None where the model was not drawn from at least twice.
    """
    if model in evidence.lenient_draws and model in evidence.lenient:
        pair = evidence.lenient_draws[model], evidence.lenient[model]
    elif model in evidence.draws:
        pair = evidence.draws[model], evidence.greedy[model]
    else:
        return None
    return pair if len(pair[0].trials) >= 2 * len(pair[0].examples) else None


def right(scores: Floats) -> list[bool]:
    """Which scores are of right answers; a failed one is not."""
    return [bool(score >= RIGHT) for score in scores]


def shares(flags: Sequence[float | None] | Floats, evidence: Evidence) -> Interval:
    """The mean of shares or scores in [0, 1], by group; None and NaN are left out."""
    return mean_interval(flags, CONFIDENCE, groups(evidence))


def against(a: Floats, b: Floats, evidence: Evidence, confidence: float = CONFIDENCE) -> Interval:
    """Mean of a minus b over the examples that have both, by group."""
    paired = paired_difference(a, b, confidence, groups(evidence))
    if paired.difference is None:
        return undefined(paired.note, 0, confidence)
    return Interval(paired.difference, paired.low, paired.high, paired.n, confidence, paired.method)


def bounded(
    values: Floats, evidence: Evidence, low: float = -1.0, high: float = 1.0, confidence: float = CONFIDENCE
) -> Interval:
    """The mean of values known to lie in [low, high], by group; NaN is left out."""
    kept = ~np.isnan(values)
    if not kept.any():
        return undefined("no example has this number", 0, confidence)
    codes = group_codes(groups(evidence), kept)
    ends = bounded_mean(values[kept], low, high, confidence, codes)
    return Interval(float(values[kept].mean()), *ends, int(kept.sum()), confidence, "gaffke")


def folds(evidence: Evidence, count: int = 5) -> Ints:
    """The fold of every example, by the hash of its group: what is fitted never sees its group's answers."""
    hashed = [
        hashlib.sha256(f"diagnosis/{name}".encode(errors="surrogatepass")).digest()
        for name in groups(evidence)
    ]
    return np.array([int.from_bytes(one[:8], "big") % count for one in hashed], dtype=np.int64)


def sizes(evidence: Evidence) -> tuple[dict[str, float], str]:
    """How big models are, and in what: weights, FLOPs a token or dollars a token.

    The measure that is known of most models; weights are those given or those that a name ends in ("-8b").
    """
    known: dict[str, dict[str, float]] = {"weights": {}, "FLOPs a token": {}, "dollars a token": {}}
    for model, column in evidence.greedy.items():
        weights = evidence.parameters.get(model) or weights_in(model)
        total = column.total()
        if weights:
            known["weights"][model] = weights
        if total.tokens and total.flops:
            known["FLOPs a token"][model] = total.flops / total.tokens
        if total.tokens and total.dollars:
            known["dollars a token"][model] = total.dollars / total.tokens
    unit = max(known, key=lambda one: len(known[one]))
    return known[unit], unit


def weights_in(name: str) -> float | None:
    """The number of weights that a model's name tells: 8e9 of "llama-3.1-8b-instruct", 56e9 of "8x7B"."""
    found = _WEIGHTS.search(name)
    if found is None:
        return None
    times, number, unit = found.groups()
    return float(times or 1) * float(number) * (1e9 if unit in "bB" else 1e6)


def members(evidence: Evidence) -> list[str]:
    """The models that may stand together in the large one's place: all that are not known to be as big."""
    known, _ = sizes(evidence)
    limit = known.get(evidence.large, float("inf"))
    return [name for name in models(evidence) if name != evidence.large and known.get(name, 0.0) < limit]
