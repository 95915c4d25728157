"""What can be used of an outcome table: answerers with enough scores, questions with any.

Missing cells stay missing: routers learn from what is there, and a comparison uses the questions on which
both sides have a score.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from underdog.errors import DataError
from underdog.routing.table import OutcomeTable
from underdog.statistics.vectors import Ints


@dataclass(frozen=True, eq=False)
class Usable:
    """The table that is left, where its rows stood, shape (n,), and a sentence for whatever was left out."""

    table: OutcomeTable
    rows: Ints
    notes: tuple[str, ...]


def usable(table: OutcomeTable, coverage: float, default: str | None = None) -> Usable:
    """Answerers scored on at least a share `coverage` of the questions, and the questions with a score.

    `default` is kept whatever its share.

    Raises:
        DataError: nothing is left, or `default` was never scored.
    """
    share = table.coverage
    if default is not None and share[table.column(default)] == 0.0:
        raise DataError(f"the outcome table has no score of {default}, so nothing can be compared with it")
    kept = [
        name
        for name, part in zip(table.answerers, share, strict=True)
        if (part >= coverage and part > 0) or name == default
    ]
    if not kept:
        raise DataError(
            f"no answerer of the outcome table has a score on {coverage:.0%} of its {len(table)} questions"
        )
    left = table.only(kept)
    rows = np.flatnonzero(~np.isnan(left.scores).all(axis=1)).astype(np.int64)
    return Usable(left.rows(rows), rows, tuple(_notes(table, left, rows, coverage)))


def _notes(table: OutcomeTable, left: OutcomeTable, rows: Ints, coverage: float) -> list[str]:
    notes = []
    out = [name for name in table.answerers if name not in left.answerers]
    if out:
        shown = ", ".join(out[:5]) + (f" and {len(out) - 5} more" if len(out) > 5 else "")
        notes.append(f"left out, scored on less than {coverage:.0%} of the questions: {shown}")
    if len(rows) < len(table):
        notes.append(f"left out, without any score: {len(table) - len(rows):,} of {len(table):,} questions")
    missing = float(np.isnan(left.scores[rows]).mean())
    if missing > 0:
        notes.append(f"{missing:.1%} of the scores are missing; comparisons use questions with both scores")
    copies = len(rows) - len({left.groups[i] for i in rows.tolist()})
    if copies:
        notes.append(f"{copies:,} questions share a group (or text) with another: they are kept together")
    costless = [left.answerers[i] for i in np.flatnonzero(np.isnan(left.costs[rows]).all(axis=0))]
    if costless:
        shown = ", ".join(costless[:5]) + (f" and {len(costless) - 5} more" if len(costless) > 5 else "")
        notes.append(f"no cost is known of {shown}: only quality is judged, and no mix of equal cost")
    elif not np.nansum(left.costs[rows]):
        notes.append("every cost is zero: only quality is judged")
    if left.categories is not None:
        names = sorted(set(left.categories))
        shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
        notes.append(f"categories ({shown}) are taken to be known before anybody answers")
    if not any(left.questions) and left.categories is None:
        notes.append("neither texts nor categories are known: there is nothing to route by")
    elif not any(left.questions):
        notes.append("no texts are known: only the category table can be tried")
    return notes
