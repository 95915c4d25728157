"""The recorded pairs: cheap members and a large model whose answers to the same questions are known.

Not shipped: read from `../shared/data`, prices and tokens as its README says.
"""

from __future__ import annotations

import ast
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from underdog.routing.accept import Answered
from underdog.routing.table import OutcomeTable

Floats = npt.NDArray[np.float64]
DATA = Path(__file__).parents[3] / "shared" / "data"


@dataclass(frozen=True)
class Pair:
    """Cheap members, a large model, and what the best published rule cost at 3 points with 300 labels."""

    name: str
    members: tuple[str, ...]
    large: str
    read: Callable[[tuple[str, ...]], Answered]
    published: dict[tuple[float, int], float]


def zeroeval(names: tuple[str, ...]) -> Answered:
    """GSM8K, MATH level 5 and CRUX; the prediction is the final answer."""
    import pyarrow.parquet as parquet

    folder = DATA / "routing"
    queries = parquet.read_table(folder / "zeroeval_queries.parquet").to_pylist()
    place = {row["query_id"]: at for at, row in enumerate(queries)}
    wanted = ["query_id", "model", "score", "pred", "out_tok", "cost_usd"]
    columns = parquet.read_table(folder / "zeroeval_outcomes.parquet", columns=wanted).to_pydict()
    cells = _Cells(len(queries), names)
    for query, model, *cell in zip(*(columns[name] for name in wanted), strict=True):
        if model in names:
            score, final, tokens, cost = cell
            cells.put(place[query], names.index(model), score, final, tokens, cost)
    texts = tuple(row["text"] for row in queries)
    return cells.answered(texts, tuple(row["dataset"] for row in queries))


def bfcl(names: tuple[str, ...]) -> Answered:
    """Tool calls (relevance questions left out), read into one canonical form whatever their dialect."""
    prices = json.loads((DATA / "routing" / "prices.json").read_text())["bfcl"]
    tasks = {row["id"]: row for row in _lines(DATA / "bfcl" / "tasks_2024_08.jsonl.gz")}
    rows = [row for row in _lines(DATA / "bfcl" / "outputs_2024_08.jsonl.gz") if row["model"] in names]
    ids = sorted({row["qid"] for row in rows if not row["qid"].startswith("relevance")})
    place = {qid: at for at, qid in enumerate(ids)}
    cells = _Cells(len(ids), names)
    for row in rows:
        if row["qid"] in place:
            read, wrote = prices[row["model"]]
            cost = (row["tokens_in"] * read + row["tokens_out"] * wrote) / 1e6
            column = names.index(row["model"])
            cells.put(
                place[row["qid"]], column, row["correct"], calls(row["output"]), row["tokens_out"], cost
            )
    texts = tuple(tasks[qid]["question"] for qid in ids)
    return cells.answered(texts, tuple(qid.rpartition("_")[0] for qid in ids))


class _Cells:
    """Outcomes as they are read, question by answerer."""

    def __init__(self, n: int, names: tuple[str, ...]) -> None:
        self.names = names
        self.scores, self.costs, self.written = (np.full((n, len(names)), np.nan) for _ in range(3))
        self.finals: list[list[str | None]] = [[None] * n for _ in names]

    def put(self, row: int, column: int, score: Any, final: str | None, tokens: int, cost: float) -> None:
        self.scores[row, column], self.written[row, column] = float(score), tokens
        self.costs[row, column], self.finals[column][row] = cost, final

    def answered(self, texts: tuple[str, ...], categories: tuple[str, ...]) -> Answered:
        ids = tuple(f"q{at}" for at in range(len(texts)))
        finals = tuple(tuple(column) for column in self.finals)
        table = OutcomeTable(texts, ids, ids, categories, self.names, self.scores, self.costs, answers=finals)
        return Answered(table, self.names[:-1], self.names[-1], written=self.written)


def calls(output: str) -> str | None:
    """Tool calls of either recorded dialect, `[f(a=1)]` or `[{"f": "{\\"a\\": 1}"}]`, as one canonical text.

    Names lose their dots, numbers their kind and texts their case, which the official checker ignores too;
    None when they cannot be read.
    """
    try:
        found = [_from_json(one) for one in json.loads(output)]
    except (ValueError, TypeError, AttributeError):
        try:
            tree = ast.parse(output.strip(), mode="eval").body
            found = [_from_python(one) for one in tree.elts]  # type: ignore[attr-defined]
        except (SyntaxError, ValueError, AttributeError, RecursionError):
            return None
    return json.dumps(sorted(found, key=repr), sort_keys=True)


def _from_json(one: dict[str, Any]) -> tuple[str, Any]:
    [(name, arguments)] = one.items()
    return name.replace(".", "_"), _plain(json.loads(arguments) if isinstance(arguments, str) else arguments)


def _from_python(one: ast.Call) -> tuple[str, Any]:
    arguments = {keyword.arg: _literal(keyword.value) for keyword in one.keywords}
    arguments |= {str(place): _literal(value) for place, value in enumerate(one.args)}
    return ast.unparse(one.func).replace(".", "_"), _plain(arguments)


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def _plain(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, dict):
        return {str(key).strip("_").replace("-", "_"): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(one) for one in value]
    return str(value).strip().strip("'\"").lower()


def _lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


_DEEPSEEK, _MINI, _4O = "deepseek-v2.5-0908", "gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06"
_SMALL = ("Qwen2-7B-Instruct", "gemma-2-9b-it", "Meta-Llama-3.1-8B-Instruct")
_TOOLS = ("open-mistral-nemo-2407-FC-Any", _MINI, "gemini-1.5-flash-preview-0514")

PAIRS = (
    Pair("4o-mini + deepseek > 4o", (_DEEPSEEK, _MINI), _4O, zeroeval,
         {(0.03, 300): 0.58, (0.03, 1000): 0.36, (0.01, 1000): 0.70}),
    Pair("4o-mini + deepseek > o1-mini", (_DEEPSEEK, _MINI), "o1-mini-2024-09-12", zeroeval,
         {(0.03, 300): 0.67, (0.03, 1000): 0.54, (0.01, 1000): 0.79}),
    Pair("4o-mini > 4o", (_MINI,), _4O, zeroeval,
         {(0.03, 300): 0.82, (0.03, 1000): 0.72, (0.01, 1000): 0.96}),
    Pair("three of 7-9B > 4o", _SMALL, _4O, zeroeval,
         {(0.03, 300): 0.85, (0.03, 1000): 0.77, (0.01, 1000): 0.93}),
    Pair("three for tools > sonnet", _TOOLS, "claude-3-5-sonnet-20240620", bfcl, {(0.03, 300): 0.69}),
)  # fmt: skip
