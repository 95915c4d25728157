"""Small outcome tables with a known truth, for the tests of routing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from underdog.routing import OutcomeTable, Policy
from underdog.routing.embeddings import Hashing
from underdog.routing.routers import Ridge
from underdog.routing.seen import Seen

SUBJECTS = {
    "sums": "add the numbers {a} and {b} together and tell the sum",
    "verse": "write a rhyme about river {a} and mountain {b}",
}


def specialists(n: int = 400, seed: int = 0, sure: float = 0.9, weak: float = 0.3) -> OutcomeTable:
    """Two subjects, and for each one an answerer that is good at it; `steady` is between, at twice the cost.

    Only the words of a question tell its subject: categories are given too, but a router need not see them.
    """
    draw = np.random.default_rng(seed)
    subjects = [("sums", "verse")[i] for i in draw.integers(0, 2, n)]
    texts = [SUBJECTS[s].format(a=draw.integers(1000), b=draw.integers(1000)) for s in subjects]
    is_sum = np.array([s == "sums" for s in subjects])
    chances = np.column_stack([np.where(is_sum, sure, weak), np.where(is_sum, weak, sure), np.full(n, 0.7)])
    scores = (draw.random((n, 3)) < chances).astype(float)
    return made(scores, [[1.0, 1.0, 2.0]] * n, texts, subjects, ("counter", "poet", "steady"))


def noise(n: int = 600, seed: int = 0) -> OutcomeTable:
    """A strong and a weak answerer whose rights and wrongs have nothing to do with the question."""
    draw = np.random.default_rng(seed)
    texts = [f"question {draw.integers(50)} about thing {draw.integers(50)} in place {i}" for i in range(n)]
    scores = (draw.random((n, 2)) < [0.6, 0.9]).astype(float)
    return made(scores, [[1.0, 10.0]] * n, texts, None, ("weak", "strong"))


def made(
    scores: object,
    costs: object = None,
    texts: Sequence[str] | None = None,
    categories: Sequence[str] | None = None,
    answerers: Sequence[str] | None = None,
) -> OutcomeTable:
    """A table of these scores, shape (n, k); unknown costs and texts like "question 17" unless given."""
    table = np.array(scores, dtype=float)
    n, k = table.shape
    names = tuple(f"q{i}" for i in range(n))
    asked = tuple(texts) if texts is not None else tuple(f"question {i}" for i in range(n))
    return OutcomeTable(
        questions=asked,
        ids=names,
        groups=tuple(text or name for text, name in zip(asked, names, strict=True)),
        categories=None if categories is None else tuple(categories),
        answerers=tuple(answerers) if answerers is not None else tuple("abcdefgh"[:k]),
        scores=table,
        costs=np.full((n, k), np.nan) if costs is None else np.array(costs, dtype=float),
    )


def small_policy(knob: float = 1.0) -> Policy:
    """A policy of two answerers that knows sums from verse."""
    table = specialists(200).only(["counter", "poet"])
    embedding = Hashing(64)
    fitted = Ridge(1.0).fit(Seen.of(table, embedding.embed(table.questions)))
    return Policy(table.answerers, fitted, knob, embedding)
