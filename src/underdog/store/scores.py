"""A run's trials as aligned arrays: the quick way to read 10^6 of them. No statistic is computed here."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from underdog.store.rows import OUTCOMES, read_names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# (field, dtype, SQL): SQLite has no NaN, so an infinite stands for NULL on the way here.
_NULL = "9e999"
_FIELDS = (
    ("outcome", "i1", "outcome"),
    ("score", "f4", f"ifnull(score, {_NULL})"),
    ("confidence", "f4", f"ifnull(confidence, {_NULL})"),
    ("calls", "i4", "calls"),
    ("tokens_in", "i8", "tokens_in"),
    ("tokens_out", "i8", "tokens_out"),
    ("dollars", "f8", f"ifnull(dollars, {_NULL})"),
    ("seconds", "f8", "seconds"),
    ("flops", "f8", "flops"),
)
_CELL = (("answerer", "i8"), ("example", "i8"), ("repeat", "i8"))


@dataclass(frozen=True)
class Scores:
    """Every trial of a run, aligned: row i of every array is `examples[i]`, column j is `repeats[j]`.

    `cells[answerer]` is a structured array of shape (examples, repeats) with the fields outcome (int8: the
    position in `tuple(Outcome)`, -1 where there is no trial), score and confidence (float32, NaN where
    undefined), calls, tokens_in, tokens_out (integers), dollars (NaN where unknown), seconds and flops.
    `cells["large"]["score"]` is thus a plain float32 array.
    """

    examples: tuple[str, ...]
    repeats: tuple[int, ...]
    cells: Mapping[str, NDArray[Any]]

    @property
    def answerers(self) -> tuple[str, ...]:
        """In the order in which the store met them."""
        return tuple(self.cells)


def read_scores(db: sqlite3.Connection, run: int) -> Scores:
    """All trials of a run; examples and answerers in the order in which the store met them."""
    import numpy as np

    rows = _read(db, run, np.dtype([*_CELL, *((name, kind) for name, kind, _ in _FIELDS)]))
    examples, example_at = np.unique(rows["example"], return_inverse=True)
    repeats, repeat_at = np.unique(rows["repeat"], return_inverse=True)
    answerers, answerer_at = np.unique(rows["answerer"], return_inverse=True)
    kind = np.dtype([(name, kind) for name, kind, _ in _FIELDS])
    empty = np.zeros((), kind)
    empty["outcome"] = -1
    for name in ("score", "confidence", "dollars"):
        empty[name] = np.nan
        rows[name][np.isinf(rows[name])] = np.nan
    table = np.full((len(answerers), len(examples), len(repeats)), empty)
    values = np.empty(len(rows), kind)
    for name, _, _ in _FIELDS:
        values[name] = rows[name]
    table[answerer_at, example_at, repeat_at] = values
    names = read_names(db, [*map(int, examples), *map(int, answerers)])
    return Scores(
        tuple(names[int(number)] for number in examples),
        tuple(map(int, repeats)),
        {names[int(number)]: table[at] for at, number in enumerate(answerers)},
    )


def _read(db: sqlite3.Connection, run: int, kind: np.dtype[Any]) -> NDArray[Any]:
    import numpy as np

    columns = ", ".join(["answerer", "example", "repeat", *(sql for _, _, sql in _FIELDS)])
    count = db.execute("SELECT count(*) FROM trials WHERE run = ?", (run,)).fetchone()[0]
    found = db.execute(f"SELECT {columns} FROM trials WHERE run = ?", (run,))
    return np.fromiter(found, kind, count)


assert len(OUTCOMES) < 127  # outcome is an int8
