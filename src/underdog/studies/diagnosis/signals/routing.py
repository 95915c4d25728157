"""What a router could learn: the model chosen from the words of the request, or from a category of the data.

Both are learned on four fifths of the groups and scored on the rest, in turn, so nothing in them is luck. The
words' router is ridge regression of every model's score on hashed words (close to what tuned
nearest-neighbour and linear routers reach, arXiv 2505.12601); it and the table fall back to the best single
model where their leave-one-out score does not beat it.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from underdog.statistics import bonferroni
from underdog.statistics.vectors import Floats, Ints, Mask
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals.signal import Signal
from underdog.studies.diagnosis.signals.table import CONFIDENCE, ability, bounded, folds, models, scores
from underdog.studies.diagnosis.words import gain, listed, percent

FEWEST = 60
"""Below this a fold's router learns from fewer than fifty answers."""
_WIDTH = 256
_WORD = re.compile(r"\w+")
_RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0)
_SEEN = 3
"""A word that fewer training examples hold tells nothing of the others."""
_MOST_VALUES = 30
_PSEUDO = 5.0
"""A category's mean is drawn towards the model's own by this many examples."""


@dataclass(frozen=True)
class Choice:
    """Which model each example goes to, shape (examples,), and by what."""

    models: Ints
    by: str


def signals(evidence: Evidence) -> Iterator[Signal]:
    """The cross-fitted gain of each router over the best single model of its training folds."""
    names = models(evidence)
    table = np.stack([scores(ability(evidence, name), evidence) for name in names])
    whole = np.logical_not(np.isnan(table).any(axis=0))
    parts = folds(evidence)
    if len(names) < 2 or int(whole.sum()) < FEWEST or len(np.unique(parts[whole])) < 2:
        return
    columns = categories(evidence)
    routers = {"routed by request": by_words(evidence, table, parts, whole)}
    if columns:
        routers["routed by category"] = by_category(columns, table, parts, whole)
    risk = bonferroni(CONFIDENCE, len(routers))
    single = best_single(table, parts, whole)
    at = np.arange(table.shape[1])
    for name, choice in routers.items():
        gained = np.where(whole, table[choice.models, at] - table[single, at], np.nan)
        found = bounded(gained, evidence, confidence=risk)
        sent = [
            f"{percent(float(np.mean(choice.models[whole] == i)), 0)} to {model}"
            for i, model in enumerate(names)
        ]
        sentence = (
            f"A router that looks at {choice.by} changes the best single model's score by {gain(found)} on "
            f"examples that it did not learn from; it sends {listed(sent)}."
        )
        yield Signal(name, None, found, found.n, sentence)


def best_single(table: Floats, parts: Ints, whole: Mask) -> Ints:
    """For every example the model that is best on the folds without it."""
    chosen = np.zeros(table.shape[1], dtype=np.int64)
    for part in np.unique(parts):
        train = whole & (parts != part)
        chosen[parts == part] = int(table[:, train].mean(axis=1).argmax()) if train.any() else 0
    return chosen


def by_words(evidence: Evidence, table: Floats, parts: Ints, whole: Mask) -> Choice:
    """Ridge regression on the words of the request."""
    counts = np.stack([hashed(request_text(example.messages)) for example in evidence.examples])
    chosen = best_single(table, parts, whole)
    for part in np.unique(parts):
        train, held = whole & (parts != part), parts == part
        seen = (counts[train] > 0).sum(axis=0)
        kept = seen >= _SEEN
        weights = np.log((1 + train.sum()) / (1 + seen[kept]))
        rows = np.log1p(counts[:, kept]) * weights
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        learned = ridge(rows[train], table[:, train].T)
        if learned is not None:
            center, mean, weight = learned
            chosen[held] = (mean + (rows[held] - center) @ weight).argmax(axis=1)
    return Choice(chosen, "the words of the request")


def ridge(rows: Floats, targets: Floats) -> tuple[Floats, Floats, Floats] | None:
    """Centre, means and weights of the penalty whose leave-one-out choices score best.

    `rows` has shape (n, features), `targets` (n, models). None where no penalty beats the best single model.
    """
    center, mean = rows.mean(axis=0), targets.mean(axis=0)
    spread, axes = np.linalg.eigh((rows - center).T @ (rows - center))
    spread, turned = np.maximum(spread, 0.0), (rows - center) @ axes
    aimed = turned.T @ (targets - mean)
    best, found = float(mean.max()), None
    for penalty in _RIDGES:
        fitted = mean + turned @ (aimed / (spread + penalty)[:, None])
        leverage = (turned**2) @ (1 / (spread + penalty)) + 1 / len(rows)
        out = targets - (targets - fitted) / np.maximum(1 - leverage, 1e-9)[:, None]
        score = float(targets[np.arange(len(rows)), out.argmax(axis=1)].mean())
        if score > best:
            best, found = score, (center, mean, axes @ (aimed / (spread + penalty)[:, None]))
    return found


def by_category(columns: dict[str, Sequence[str]], table: Floats, parts: Ints, whole: Mask) -> Choice:
    """The best model of each value of the field that serves best in training."""
    chosen, used = best_single(table, parts, whole), set()
    for part in np.unique(parts):
        train, held = whole & (parts != part), parts == part
        best, field = float(table[:, train].mean(axis=1).max()), None
        for name, column in columns.items():
            score = left_out(codes_of(column), table, train)
            if score > best:
                best, field = score, name
        if field is not None:
            used.add(field)
            codes = codes_of(columns[field])
            means = cell_means(codes, table, train)
            chosen[held] = means[:, codes[held]].argmax(axis=0)
    return Choice(chosen, f"the field {listed(sorted(used))}" if used else "a field of the data")


def cell_means(codes: Ints, table: Floats, train: Mask) -> Floats:
    """Each model's mean by category, drawn towards its overall mean, shape (models, categories)."""
    size = int(codes.max()) + 1
    counts = np.bincount(codes[train], minlength=size)
    sums = np.stack([np.bincount(codes[train], weights=row[train], minlength=size) for row in table])
    overall = table[:, train].mean(axis=1, keepdims=True)
    means: Floats = (sums + _PSEUDO * overall) / (counts + _PSEUDO)
    return means


def left_out(codes: Ints, table: Floats, train: Mask) -> float:
    """What choosing by category scores in training, each example left out of its own category's mean."""
    size = int(codes.max()) + 1
    kept, values = codes[train], table[:, train]
    counts = np.bincount(kept, minlength=size)[kept] - 1
    sums = np.stack([np.bincount(kept, weights=row, minlength=size)[kept] for row in values]) - values
    means = (sums + _PSEUDO * values.mean(axis=1, keepdims=True)) / (counts + _PSEUDO)
    return float(values[means.argmax(axis=0), np.arange(values.shape[1])].mean())


def categories(evidence: Evidence) -> dict[str, Sequence[str]]:
    """Fields of the data with few values, none of which is the answer or follows from it."""
    found: dict[str, Sequence[str]] = {}
    targets = [json.dumps(example.target, sort_keys=True, default=str) for example in evidence.examples]
    for name in evidence.examples[0].fields:
        values = [example.fields.get(name) for example in evidence.examples]
        if not all(isinstance(value, str | int | bool) or value is None for value in values):
            continue
        texts = [str(value) for value in values]
        distinct = len(set(texts))
        if 2 <= distinct <= min(_MOST_VALUES, len(texts) // 10) and not follows(texts, targets):
            found[name] = texts
    return found


def follows(values: Sequence[str], targets: Sequence[str]) -> bool:
    """Whether a field can be read off the answer: such a field is not known when a request comes."""
    pairs, answers = len(set(zip(targets, values, strict=True))), len(set(targets))
    return pairs == answers and answers <= len(targets) / 5


def codes_of(values: Sequence[str]) -> Ints:
    return np.unique(list(values), return_inverse=True)[1].astype(np.int64)


def request_text(messages: Sequence[object]) -> str:
    """All that users say in an example."""
    said = [m.get("content") for m in messages if isinstance(m, dict) and m.get("role") == "user"]
    return " ".join(one if isinstance(one, str) else json.dumps(one, default=str) for one in said)


def hashed(text: str) -> Floats:
    """How often each of 256 hashed words comes."""
    counts = np.zeros(_WIDTH)
    for word in _WORD.findall(text.casefold()):
        counts[zlib.crc32(word.encode()) % _WIDTH] += 1
    return counts
