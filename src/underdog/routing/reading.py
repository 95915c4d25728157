"""Files into outcome tables: one row a question and answerer, in any format that `data` reads.

Column names are those that the field uses, first match first (`COLUMNS`); what is not there is left out. The
`trials.jsonl` of a study's run is such a file. Texts, categories and groups may stand in a second file of
questions. Nothing is judged or fitted here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from underdog.data import load_rows
from underdog.errors import DataError
from underdog.routing.table import OutcomeTable
from underdog.statistics.vectors import Floats, Ints

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "query_id", "question_id", "qid", "example", "prompt_id", "sample_id"),
    "answerer": ("answerer", "model", "plan", "arm", "model_name", "llm"),
    "score": ("score", "correct", "is_correct", "performance", "quality", "accuracy"),
    "cost": ("cost", "cost_usd", "dollars", "usd", "total_cost"),
    "latency": ("latency", "seconds", "latency_s", "response_time"),
    "tokens": ("tokens", "total_tokens", "token_num"),
    "answer": ("answer", "final", "pred", "prediction"),
    "text": ("text", "question", "query", "prompt", "input"),
    "group": ("group", "group_id", "conversation", "user", "document"),
    "category": ("category", "subject", "domain"),
    "set": ("dataset", "task", "task_name", "benchmark"),
}
"""What each thing may be called, the first that is there is taken."""

_PARTS = (("tokens_in", "tokens_out"), ("in_tok", "out_tok"), ("input_tokens", "output_tokens"))
_YES, _NO = {"true", "yes", "right", "correct"}, {"false", "no", "wrong", "incorrect"}
Columns = Mapping[str, Sequence[Any]]


def read_outcomes(path: str | Path, questions: str | Path | None = None) -> OutcomeTable:
    """The outcome table in a file (Parquet, JSON lines, CSV; see `COLUMNS`).

    Args:
        path: a row for every question and answerer; of several rows for one cell the means are taken.
        questions: a second file with one row a question: id, and text, category or group.

    Without a group, questions of one text share one, so that copies never stand on both sides of a split.
    Costs are the file's own, or else the dollars, FLOPs or tokens of a study's trials: one unit for all.

    Raises:
        DataError: there is no such file, it lacks a column that is needed, or a value is not a number in its
            range; the message says where.
    """
    columns = _columns(Path(path))
    shown = Path(path).name
    ids, answerers = _needed(columns, "id", shown), _needed(columns, "answerer", shown)
    scores = _numbers(_needed(columns, "score", shown), "score", shown)
    places = {name: i for i, name in enumerate(dict.fromkeys(map(str, ids)))}
    names = {name: i for i, name in enumerate(dict.fromkeys(map(str, answerers)))}
    cells = _Cells(
        np.array([places[str(one)] for one in ids], dtype=np.int64),
        np.array([names[str(one)] for one in answerers], dtype=np.int64),
        (len(places), len(names)),
    )
    about = _about(columns, list(map(str, ids)), places, shown)
    if questions is not None:
        extra = _columns(Path(questions))
        where = Path(questions).name
        about |= _about(extra, list(map(str, _needed(extra, "id", where))), places, where)
    texts = about.get("text") or ("",) * len(places)
    groups = about.get("group") or tuple(text or name for text, name in zip(texts, places, strict=True))
    return OutcomeTable(
        questions=texts,
        ids=tuple(places),
        groups=groups,
        categories=_categories(about),
        answerers=tuple(names),
        scores=cells.means(scores),
        costs=cells.means(_costs(columns, len(ids), shown)),
        latencies=_table(cells, columns, "latency", shown),
        tokens=_tokens(cells, columns, shown),
        answers=cells.first(_named(columns, "answer")),
    )


class _Cells:
    """Rows of a long file put into the cells of a table."""

    def __init__(self, rows: Ints, columns: Ints, shape: tuple[int, int]) -> None:
        self.rows, self.columns, self.shape = rows, columns, shape
        self.flat = rows * shape[1] + columns

    def means(self, values: Floats) -> Floats:
        """The mean of each cell's known values, NaN where there is none."""
        known = ~np.isnan(values)
        size = self.shape[0] * self.shape[1]
        sums = np.bincount(self.flat[known], weights=values[known], minlength=size)
        counts = np.bincount(self.flat[known], minlength=size)
        means: Floats = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
        table: Floats = means.reshape(self.shape)
        return table

    def first(self, values: Sequence[Any] | None) -> tuple[tuple[str | None, ...], ...] | None:
        """The first value of each cell as text, by column."""
        if values is None:
            return None
        made: list[list[str | None]] = [[None] * self.shape[0] for _ in range(self.shape[1])]
        for row, column, value in zip(self.rows.tolist(), self.columns.tolist(), values, strict=True):
            if value is not None and made[column][row] is None:
                made[column][row] = str(value)
        return tuple(tuple(one) for one in made)


def _columns(path: Path) -> Columns:
    """The columns of a file. Parquet is read by columns, since a table may have millions of rows."""
    if path.suffix == ".parquet" and path.is_file():
        found = _parquet(path)
        if found is not None:
            return found
    made: dict[str, list[Any]] = {}
    for count, row in enumerate(load_rows(str(path), Path())):
        values = _flat(row.values)
        for name, value in values.items():
            made.setdefault(name, [None] * count).append(value)
        for name in made.keys() - values.keys():
            made[name].append(None)
    return made


def _parquet(path: Path) -> Columns | None:
    """The columns that have a meaning here; None where pyarrow is missing or refuses the file."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return None
    wanted = {name for names in COLUMNS.values() for name in names} | {n for pair in _PARTS for n in pair}
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            kept = [name for name in file.schema_arrow.names if name in wanted]
            table = file.read(columns=kept)
    except (pyarrow.ArrowException, OSError):
        return None
    return {name: table.column(name).to_pylist() for name in kept} if len(table) else None


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """A row with what stands in its `spend` (a study's trial) beside the rest."""
    spend = values.get("spend")
    if not isinstance(spend, Mapping):
        return dict(values)
    return {**{key: value for key, value in values.items() if key != "spend"}, **spend}


def _named(columns: Columns, what: str) -> Sequence[Any] | None:
    return next((columns[name] for name in COLUMNS[what] if name in columns), None)


def _needed(columns: Columns, what: str, shown: str) -> Sequence[Any]:
    found = _named(columns, what)
    if found is None:
        raise DataError(
            f"{shown}: an outcome table needs a column for the {what}, called one of "
            f"{', '.join(COLUMNS[what])}; it has {', '.join(columns) or 'no columns'}"
        )
    if any(value is None for value in found) and what != "score":
        raise DataError(f"{shown}: row {list(found).index(None) + 1} has no {what}; every row needs one")
    return found


def _numbers(values: Sequence[Any], what: str, shown: str) -> Floats:
    """Values as floats; None and NaN are missing, truth values and their words are 1 and 0."""
    try:
        return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    except (TypeError, ValueError):
        return np.array([_number(v, what, f"{shown}: row {i}") for i, v in enumerate(values, start=1)])


def _number(value: Any, what: str, where: str) -> float:
    if value is None:
        return float("nan")
    word = str(value).strip().lower()
    if word in _YES or word in _NO:
        return float(word in _YES)
    try:
        return float(word)
    except ValueError:
        raise DataError(f"{where}: the {what} must be a number, or true or false; got {value!r}") from None


def _about(
    columns: Columns, ids: Sequence[str], places: Mapping[str, int], shown: str
) -> dict[str, tuple[str, ...]]:
    """What is known of each question: the first text, group, category and set given for it."""
    found = {}
    for what in ("text", "group", "category", "set"):
        values = _named(columns, what)
        if values is None:
            continue
        made: list[str | None] = [None] * len(places)
        for one, value in zip(ids, values, strict=True):
            place = places.get(one)
            if place is not None and made[place] is None and value is not None:
                made[place] = str(value)
        if what == "group" and None in made:
            name = next(name for name, place in places.items() if made[place] is None)
            raise DataError(f"{shown}: question {name!r} has no group; give every question one, or none")
        if any(made):
            found[what] = tuple(value or "" for value in made)
    return found


def _categories(about: Mapping[str, tuple[str, ...]]) -> tuple[str, ...] | None:
    """Category within data set where both are known and say different things."""
    inner, outer = about.get("category"), about.get("set")
    if inner is None or outer is None or inner == outer:
        return inner or outer
    return tuple(f"{first}/{second}" for first, second in zip(outer, inner, strict=True))


def _costs(columns: Columns, rows: int, shown: str) -> Floats:
    """The declared cost of each row, or FLOPs or tokens where money is unknown or never asked for."""
    found = _named(columns, "cost")
    costs = np.full(rows, np.nan) if found is None else _numbers(found, "cost", shown)
    if np.nansum(costs) > 0:
        return costs
    if "flops" in columns and np.nansum(flops := _numbers(columns["flops"], "flops", shown)) > 0:
        return flops
    if found is None or "flops" in columns:
        tokens = _token_numbers(columns, shown)
        return costs if tokens is None else tokens
    return costs


def _token_numbers(columns: Columns, shown: str) -> Floats | None:
    found = _named(columns, "tokens")
    if found is not None:
        return _numbers(found, "tokens", shown)
    for first, second in _PARTS:
        if first in columns and second in columns:
            return _numbers(columns[first], first, shown) + _numbers(columns[second], second, shown)
    return None


def _tokens(cells: _Cells, columns: Columns, shown: str) -> Floats | None:
    tokens = _token_numbers(columns, shown)
    return None if tokens is None else cells.means(tokens)


def _table(cells: _Cells, columns: Columns, what: str, shown: str) -> Floats | None:
    found = _named(columns, what)
    return None if found is None else cells.means(_numbers(found, what, shown))
