"""What is lost between the documents and the answer: by the search, or by the reader.

With the gold passage before the question a perfect search is played. What the study's own lever scores less
is lost by the search where the gold passage was not among those found, and by reading among the others where
it was. What is missing even with the gold passage no search can bring. The three are parts of one sum, on the
same examples (cf. the oracle contexts of Chen et al., arXiv 2309.01431, and Yoran et al., arXiv 2310.01558).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from underdog.answerer import Request
from underdog.example import Example
from underdog.levers.asked import asked_text
from underdog.levers.retrieve import Retrieve
from underdog.retrieval.index import Hit, index_of
from underdog.statistics import Interval
from underdog.statistics.vectors import Floats
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals.asking import FOUND, GOLD
from underdog.studies.diagnosis.signals.signal import Point, Signal
from underdog.studies.diagnosis.signals.table import bounded, scores, shares
from underdog.studies.diagnosis.words import loss, share

__all__ = ["BY_READER", "BY_SEARCH", "RECALL", "fault", "signals"]

RECALL = "recall of the gold passage"
BY_SEARCH, BY_READER, BY_NEITHER = "lost by the search", "lost by the reader", "lost with the gold passage"
_PASSAGE = "passage"
_DEPTHS = (1, 2, 4, 8, 16)


def signals(evidence: Evidence) -> Iterator[Signal]:
    """How often the gold passage is found, and where scores are lost; nothing where that is not known."""
    lever, small = evidence.retriever, evidence.small
    if lever is None or lever.by != "bm25":
        return
    ranks = gold_ranks(lever, evidence.examples)
    if np.isnan(ranks).all():
        return
    recall = shares(_within(ranks, lever.k), evidence)
    curve = tuple(Point(k, shares(_within(ranks, k), evidence)) for k in sorted({*_DEPTHS, lever.k}))
    sentence = f"The gold passage is among the {lever.k} found on {share(recall)} of the examples."
    yield Signal(RECALL, small, recall, recall.n, sentence, curve)
    if not all(small in evidence.probes.get(probe, {}) for probe in (GOLD, FOUND)):
        return
    gold, found = (scores(evidence.probes[probe][small], evidence) for probe in (GOLD, FOUND))
    hit = _within(ranks, lever.k)
    lost = {
        BY_SEARCH: (gold - found) * (1 - hit),
        BY_READER: (gold - found) * hit,
        BY_NEITHER: np.where(np.isnan(gold - found), np.nan, 1 - gold),
    }
    words = {
        BY_SEARCH: "Where the gold passage is not found {} loses {}.",
        BY_READER: "Where it is found, beside others, {} loses {}.",
        BY_NEITHER: "With the gold passage alone before the question {} still misses {}.",
    }
    for name, each in lost.items():
        interval = bounded(each, evidence, low=0.0 if name == BY_NEITHER else -1.0)
        yield Signal(name, small, interval, interval.n, words[name].format(small, loss(interval)))


def gold_ranks(lever: Retrieve, examples: tuple[Example, ...]) -> Floats:
    """The place, from 1, at which the search finds each example's gold passage, shape (n,).

    Infinite where it is not among as many as were looked at, NaN where no gold passage is known. It is found
    when the one text stands in the other: a chunk may hold more than the passage, or a part of it.
    """
    index, depth = index_of(lever.documents), max(*_DEPTHS, lever.k)
    ranks = np.full(len(examples), np.nan)
    for at, example in enumerate(examples):
        gold = example.fields.get(_PASSAGE)
        if isinstance(gold, str) and gold.strip():
            ranks[at] = _rank(gold, index.search(asked_text(Request(example.messages)), depth))
    return ranks


def _rank(gold: str, hits: list[Hit]) -> float:
    wanted = " ".join(gold.split())
    texts = (" ".join(hit.text.split()) for hit in hits)
    return next((rank for rank, text in enumerate(texts, 1) if wanted in text or text in wanted), np.inf)


def _within(ranks: Floats, k: int) -> Floats:
    """Whether the rank is k at most: 1, 0, or NaN where it is not known."""
    return np.where(np.isnan(ranks), np.nan, ranks <= k)


def fault(search: Interval, reader: Interval) -> str:
    """Which of the two loses more, said only when the intervals tell."""
    if search.low is None or reader.low is None or search.high is None or reader.high is None:
        return "whether the search or the reader loses is not known"
    if search.low > max(reader.high, 0.0):
        return f"the search is at fault: it loses {loss(search)} where it misses"
    if reader.low > max(search.high, 0.0):
        return f"the reader is at fault: it loses {loss(reader)} on what was found: show it fewer passages"
    if max(search.low, reader.low) <= 0.0:
        return (
            f"neither the search ({loss(search)}) nor the reader ({loss(reader)}) is shown to lose anything"
        )
    return f"the search loses {loss(search)} and the reader {loss(reader)}: which loses more cannot be told"
