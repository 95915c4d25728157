"""Leaks and hints of contamination, as far as they can be computed without guessing.

Three things: inputs that stand in another split too, gold answers that stand in the prompt (against how often
those of other examples do: options that are listed for every example are no leak), and how much better a
model does on leaked inputs than on the others. What a model saw before this study, no data here can show.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from underdog.proof import content, folded, spelled
from underdog.statistics import Interval, mean_interval
from underdog.statistics.intervals import undefined
from underdog.statistics.vectors import Floats
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals.signal import Signal
from underdog.studies.diagnosis.signals.table import CONFIDENCE, ability, bounded, models, scores, shares
from underdog.studies.diagnosis.signals.wrong_gold import WrongGold
from underdog.studies.diagnosis.words import gain, percent, share
from underdog.task import SPLITS

_SHOWN = 40
_FEWEST = 5


def signals(evidence: Evidence, control: WrongGold) -> Iterator[Signal]:
    """Duplicates between splits, gold in the prompt, and scores on leaked inputs."""
    leaked = repeated(evidence)
    found = shares(leaked, evidence)
    sentence = f"{share(found)} of the examples have an input that also stands in another split."
    places = tuple(e.id for e, flag in zip(evidence.examples, leaked, strict=True) if flag)[:_SHOWN]
    yield Signal("inputs in another split", None, found, found.n, sentence, examples=places)
    visible = in_prompt(evidence, control)
    if visible is not None:
        yield visible
    if _FEWEST <= leaked.sum() <= len(leaked) - _FEWEST:
        for model in models(evidence):
            yield on_leaked(evidence, model, leaked)


def repeated(evidence: Evidence) -> Floats:
    """1 for every example whose input stands in a split that is not its own."""
    homes: dict[str, set[str]] = defaultdict(set)
    own: dict[str, str] = {}
    for split in SPLITS:
        for example in evidence.task.split(split):
            homes[content(example)].add(split)
            own[example.id] = split
    flags = [bool(homes[content(e)] - {own.get(e.id, "")}) for e in evidence.examples]
    return np.array(flags, dtype=np.float64)


def in_prompt(evidence: Evidence, control: WrongGold) -> Signal | None:
    """How much oftener an example's own gold answer stands in its prompt than that of a like example."""
    golds = [evidence.task.label(example) for example in evidence.examples]
    excess, seen = [], []
    for index, (example, gold) in enumerate(zip(evidence.examples, golds, strict=True)):
        others = [golds[other] for other in control.others(index)]
        texts = [other for other in others if other is not None]
        if gold is None or not texts:
            continue
        prompt = spelled(folded([message.get("content") for message in example.messages]))
        own = _stands(gold, prompt)
        seen.append(own)
        excess.append((index, own - sum(_stands(other, prompt) for other in texts) / len(texts)))
    if not excess:
        return None
    values = np.full(len(golds), np.nan)
    for index, value in excess:
        values[index] = value
    found = bounded(values, evidence)
    sentence = (
        f"The gold answer stands in the prompt of {percent(float(np.mean(seen)))} of the examples, "
        f"{gain(found)} oftener than that of a like example: fine where it is to be found there, else a leak."
    )
    return Signal("gold in the prompt", None, found, found.n, sentence)


def on_leaked(evidence: Evidence, model: str, leaked: Floats) -> Signal:
    """A model's score on leaked inputs minus that on the others: independent means, as in Newcombe 1998."""
    own = scores(ability(evidence, model), evidence)
    names = [example.group for example in evidence.examples]
    a, b = (mean_interval(np.where(leaked == kind, own, np.nan), CONFIDENCE, names) for kind in (1.0, 0.0))
    if a.estimate is None or b.estimate is None:
        found = undefined("one side has no scores", a.n + b.n, CONFIDENCE)
    else:
        assert a.low is not None and a.high is not None and b.low is not None and b.high is not None
        difference = a.estimate - b.estimate
        low = difference - float(np.hypot(a.estimate - a.low, b.high - b.estimate))
        high = difference + float(np.hypot(a.high - a.estimate, b.estimate - b.low))
        found = Interval(difference, low, high, a.n + b.n, CONFIDENCE, "newcombe")
    sentence = f"On inputs that stand in another split too, {model} scores {gain(found)} against the others."
    return Signal("score on repeated inputs", model, found, found.n, sentence)


def _stands(gold: str, prompt: str) -> float:
    """1 where the text stands in the prompt as a word or words of its own."""
    gold = gold.casefold()
    return float(gold in prompt and re.search(rf"(?<!\w){re.escape(gold)}(?!\w)", prompt) is not None)
