"""Why all routers on a pool come out alike: what a question tells, and what no router can know.

Every question is decided by a router that did not see it (five folds, the embedding fitted inside), at
quality alone. Four looks: the routers against each other on the same questions; more dimensions; more
questions to learn from; and the oracle, beside what it would score if answerers failed independently with the
chances that a good router expects: as far as these agree, the rest of the gap is no question's to show.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from underdog.routing import OutcomeTable
from underdog.routing.controls import oracle
from underdog.routing.curve import taken
from underdog.routing.embeddings import Latent
from underdog.routing.folds import folds
from underdog.routing.routers import (
    Blend,
    Clusters,
    Factors,
    Kernel,
    Neighbours,
    RankedClusters,
    Ridge,
    Universal,
)
from underdog.routing.seen import Asked, Expected, Router, Seen
from underdog.statistics import paired_difference

BLEND = Blend((Kernel(3.0, 3.0), Neighbours(80, 0.0)))
ROUTERS: Mapping[str, Router] = {
    "guarded kNN": Neighbours(80, 0.25),
    "kNN": Neighbours(80, 0.0),
    "clusters": Clusters(60, 4),
    "ranked clusters": RankedClusters(),
    "universal": Universal(60),
    "ridge": Ridge(10.0),
    "kernel": Kernel(3.0, 3.0),
    "factors": Factors(8, 3.0),
    "blend": BLEND,
    "blend of five": Blend(
        (Kernel(3.0, 3.0), Neighbours(80, 0.0), Factors(8, 3.0), Universal(60), Ridge(10.0))
    ),
}
_FOLDS = 5


@dataclass(frozen=True)
class Part:
    """One fold: where its questions stand, what is learned on the others, and how it is asked about these."""

    at: np.ndarray
    seen: Seen
    asked: Asked
    scores: np.ndarray


def report(table: OutcomeTable, seed: int = 0) -> str:
    """The four looks as text."""
    whole = parts(table, seed)
    single = gathered(whole, lambda part: part.scores[:, part.seen.default])
    lines = ["| router | over best single [95 %] | over guarded kNN [95 %] |", "|---|---|---|"]
    first: np.ndarray | None = None
    for name, router in ROUTERS.items():
        scores = gathered(whole, partial(routed, router))
        first = scores if first is None else first
        lines.append(f"| {name} | {_points(scores, single, table)} | {_points(scores, first, table)} |")
    lines += ["", "| dimensions, kernel | over best single [95 %] |", "|---|---|"]
    for dims in (32, 256):
        scores = gathered(parts(table, seed, dims=dims), partial(routed, ROUTERS["kernel"]))
        lines.append(f"| {dims} | {_points(scores, single, table)} |")
    lines += ["", "| share learned from, blend | over best single [95 %] |", "|---|---|"]
    for share in (0.1, 0.3):
        scores = gathered(parts(table, seed, share=share), partial(routed, BLEND))
        lines.append(f"| {share:.0%} | {_points(scores, single, table)} |")
    return "\n".join([*lines, "", *_ceiling(table, whole, single)])


def parts(table: OutcomeTable, seed: int, dims: int = 128, share: float = 1.0) -> list[Part]:
    """Five folds, each with what a share of the others teaches."""
    fold = folds(table.groups, table.categories, _FOLDS, seed)
    made = []
    for one in range(_FOLDS):
        left, others = np.flatnonzero(fold == one), np.flatnonzero(fold != one)
        kept = np.random.default_rng(seed).permutation(others)[: round(share * len(others))]
        fit, rest = table.rows(np.sort(kept)), table.rows(left)
        embedding = Latent.fit(fit.questions, dims)
        seen = Seen.of(fit, embedding.embed(fit.questions))
        made.append(Part(left, seen, Asked(embedding.embed(rest.questions), rest.categories), rest.scores))
    return made


def gathered(some: list[Part], values: Callable[[Part], np.ndarray]) -> np.ndarray:
    """What each fold gives for its questions, in the table's order; shape (n,) or (n, k)."""
    found = [values(part) for part in some]
    made = np.empty((sum(len(part.at) for part in some), *found[0].shape[1:]))
    for part, one in zip(some, found, strict=True):
        made[part.at] = one
    return made


def routed(router: Router, part: Part) -> np.ndarray:
    """The scores of the answerers that a router chooses."""
    merits = router.fit(part.seen).forecast(part.asked).merits(1.0)
    return taken(part.scores, merits.argmax(axis=1))


def expected(part: Part) -> np.ndarray:
    """The chances that kernel ridge sees, shape (n, k)."""
    forecast = Kernel(3.0, 3.0).fit(part.seen).forecast(part.asked)
    assert isinstance(forecast, Expected)
    return forecast.quality


def _points(first: np.ndarray, second: np.ndarray, table: OutcomeTable) -> str:
    paired = paired_difference(first, second, groups=table.groups)
    assert paired.difference is not None and paired.low is not None and paired.high is not None
    return f"{100 * paired.difference:+.2f} [{100 * paired.low:+.2f}, {100 * paired.high:+.2f}]"


def _ceiling(table: OutcomeTable, whole: list[Part], single: np.ndarray) -> list[str]:
    """The oracle beside what independent failures would make of the expected chances."""
    chances = gathered(whole, expected)
    top, _ = oracle(table)
    helped = (top > single) & (single < 0.5)
    few = ((table.scores >= 0.5).sum(axis=1)[helped] <= 2).mean()
    best = int(chances.mean(axis=0).argmax())
    over = np.delete(chances - chances[:, [best]], best, axis=1)
    rows = {
        "best single": single.mean(),
        "what the chosen chances promise": chances.max(axis=1).mean(),
        "oracle": top.mean(),
        "oracle if failures were independent": (1 - np.prod(1 - chances, axis=1)).mean(),
    }
    return [
        *("| | score |", "|---|---|"),
        *(f"| {name} | {100 * value:.1f} |" for name, value in rows.items()),
        "",
        f"Where the oracle helps, at most two of {len(table.answerers)} answerers are right on {few:.0%} of "
        f"the questions. Expected chances vary by {100 * (chances - chances.mean(axis=0)).std():.0f} points "
        f"over questions, advantages over the best single by {100 * (over - over.mean(axis=0)).std():.0f}.",
    ]
