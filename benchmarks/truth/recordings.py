"""Recorded calls of real models on four public tasks: what each answered, how that scored, what it cost.

The data lie beside the repository (shared/data) and are not part of it; each folder's README says where they
come from and under which licence. Scores are the official ones of each source. Dollars are assumed list
prices of the models' day, and where no tokens were recorded four characters count as one token. Levers made
of these calls are in `grids.py`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from underdog.answerer import Answer
from underdog.reading import Reading
from underdog.reading.number import canonical, last, parse

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Row = dict[str, Any]
Price = tuple[float, float]

DATA = Path(__file__).parents[3] / "shared" / "data"
UNREAD = -1


@dataclass(frozen=True)
class Call:
    """One model's (or one draw's) answers to all items of a task; every column has shape (items,).

    `finals` are codes: two calls gave the same final answer to an item exactly when their codes there are
    equal, and UNREAD is no answer. `costs` are dollars. `weight` is how many model calls stand behind one
    recorded answer.
    """

    finals: Ints
    scores: Floats
    costs: Floats
    weight: int = 1


Calls = Mapping[str, Call]


def present() -> bool:
    """Whether the recorded data are at hand."""
    return all((DATA / name).exists() for name in ("zeroeval_gsm8k", "rg_easy", "bfcl", "med_agents_bench"))


def rows(name: str) -> Iterator[Row]:
    """The rows of a gzipped JSONL file."""
    with gzip.open(DATA / name, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


ZEROEVAL: Mapping[str, Price] = {
    "gemma-2-2b-it": (0.1, 0.1),
    "Phi-3.5-mini-instruct": (0.1, 0.1),
    "Qwen2-7B-Instruct": (0.2, 0.2),
    "Meta-Llama-3-8B-Instruct": (0.2, 0.2),
    "Meta-Llama-3.1-8B-Instruct": (0.2, 0.2),
    "gemma-2-9b-it": (0.3, 0.3),
    "Yi-1.5-9B-Chat": (0.3, 0.3),
    "gpt-4o-mini-2024-07-18": (0.15, 0.6),
    "gemini-1.5-flash": (0.075, 0.3),
    "claude-3-haiku-20240307": (0.25, 1.25),
    "deepseek-chat": (0.14, 0.28),
    "Meta-Llama-3.1-70B-Instruct": (0.9, 0.9),
    "Qwen2-72B-Instruct": (0.9, 0.9),
    "Mistral-Large-2": (3.0, 9.0),
    "gpt-4o-2024-08-06": (2.5, 10.0),
    "claude-3-5-sonnet-20240620": (3.0, 15.0),
}
"""Models of zeroeval_gsm8k with dollars per million tokens in and out, September 2024."""


def zeroeval() -> Calls:
    """GSM8K, 1,319 questions, one greedy answer of each model; official strict scores."""
    questions = list(rows("zeroeval_gsm8k/questions.jsonl.gz"))
    lengths = {row["id"]: len(row["question"]) + 600 for row in questions}
    kept = (row for row in rows("zeroeval_gsm8k/outputs.jsonl.gz") if row["model"] in ZEROEVAL)
    return _tabulated(
        [row["id"] for row in questions],
        kept,
        name=lambda row: row["model"],
        final=lambda row: number(row["answer"]),
        score=lambda row: float(row["correct"]),
        cost=lambda row: _dollars(ZEROEVAL[row["model"]], lengths[row["qid"]] / 4, row["n_chars"] / 4),
    )


RG: Mapping[str, tuple[Price, int]] = {
    "llama-3.1-8b-instruct": ((0.05, 0.08), 0),
    "mistral-small-3.1-24b-instruct": ((0.1, 0.3), 0),
    "gemma-3-27b-it": ((0.1, 0.2), 0),
    "llama-3.3-70b-instruct": ((0.3, 0.4), 0),
    "llama-4-maverick": ((0.2, 0.6), 0),
    "claude-3.5-sonnet": ((3.0, 15.0), 0),
    "claude-3.7-sonnet": ((3.0, 15.0), 0),
    "qwq-32b": ((0.15, 0.2), 4_000),
    "deepseek-r1": ((0.55, 2.2), 3_000),
    "o3-mini": ((1.1, 4.4), 2_000),
}
"""Models of rg_easy: dollars per million tokens, spring 2025, and reasoning tokens that no text shows."""


def rg_easy() -> Calls:
    """Reasoning Gym's easy tasks: the questions that every recorded model answered.

    A call's name is MODEL#SAMPLE. The official score counts as right from .99 on, as in the data's README.
    """
    lengths = {row["id"]: len(row["question"]) + 400 for row in rows("rg_easy/questions.jsonl.gz")}
    found = list(rows("rg_easy/outputs.jsonl.gz"))
    common = _answered_by_all(found, lambda row: row["model"])

    def cost(row: Row) -> float:
        price, hidden = RG[row["model"]]
        return _dollars(price, lengths[row["qid"]] / 4, row["n_chars"] / 4 + hidden)

    return _tabulated(
        sorted(common),
        (row for row in found if row["model"] in RG and row["qid"] in common),
        name=lambda row: f"{row['model']}#{row['sample']}",
        final=lambda row: row["answer"],
        score=lambda row: float(row["score"] >= 0.99),
        cost=cost,
    )


BFCL: Mapping[str, Price] = {
    "Salesforce_xLAM-1b-fc-r": (0.05, 0.05),
    "Salesforce_xLAM-7b-fc-r": (0.2, 0.2),
    "google_gemma-7b-it": (0.2, 0.2),
    "gorilla-openfunctions-v2": (0.2, 0.2),
    "meetkai_functionary-small-v3.1-FC": (0.2, 0.2),
    "NousResearch_Hermes-2-Pro-Llama-3-8B": (0.2, 0.2),
    "meta-llama_Meta-Llama-3-8B-Instruct": (0.2, 0.2),
    "ibm-granite_granite-20b-functioncalling": (0.4, 0.4),
    "gpt-4o-mini-2024-07-18": (0.15, 0.6),
    "claude-3-haiku-20240307": (0.25, 1.25),
    "gpt-4-0613": (30.0, 60.0),
    "gpt-4-0125-preview-FC": (10.0, 30.0),
    "claude-3-5-sonnet-20240620": (3.0, 15.0),
}
"""Models of bfcl with dollars per million tokens in and out, August 2024."""


def bfcl() -> Calls:
    """Function calling, 1,700 tasks; the official checker's verdicts.

    Two outputs agree when they read as the same calls; dots in names are underscores, as some endpoints
    write them, and "no call" is an answer, since on `relevance` it is the right one.
    """
    tasks = list(rows("bfcl/tasks_2024_08.jsonl.gz"))
    lengths = {row["id"]: len(row["question"]) + len(json.dumps(row["functions"])) + 900 for row in tasks}
    reading = Reading("tool_call", lenient=True, otherwise="[]")

    def final(row: Row) -> str:
        calls = json.loads(reading.read(Answer(row["output"])) or "[]")
        flat = [
            json.dumps({**call, "name": call["name"].replace(".", "_")}, sort_keys=True) for call in calls
        ]
        return "\n".join(sorted(flat))

    return _tabulated(
        [row["id"] for row in tasks],
        (row for row in rows("bfcl/outputs_2024_08.jsonl.gz") if row["model"] in BFCL),
        name=lambda row: row["model"],
        final=final,
        score=lambda row: float(row["correct"]),
        cost=lambda row: _dollars(BFCL[row["model"]], lengths[row["qid"]] / 4, len(row["output"]) / 4),
    )


MED: Mapping[str, Price] = {
    "gpt-4o-mini": (0.15, 0.6),
    "claude-3-5-haiku": (0.8, 4.0),
    "Llama-3.3-70B-Instruct-Turbo": (0.88, 0.88),
    "DeepSeek-V3": (0.27, 1.1),
    "QwQ-32B-Preview": (1.2, 1.2),
    "gpt-4o": (2.5, 10.0),
    "o1-mini": (1.1, 4.4),
    "o3-mini": (1.1, 4.4),
    "DeepSeek-R1": (0.55, 2.2),
}
"""Models of med_agents_bench with dollars per million tokens in and out, spring 2025."""

METHODS: Mapping[str, int] = {
    "zero_shot": 1,
    "cot": 1,
    "few_shot": 1,
    "cot_sc-5": 5,
    "medprompt-3": 3,
    "self_refine-3": 3,
    "multipersona-2": 2,
    "mdagents": 1,
}
"""Ways of asking on the hard set, with the calls behind one answer where their names say so, else 1."""


def medicine() -> Calls:
    """Medical multiple choice, 6,496 questions, zero-shot answers of nine models."""
    return _med("test", lambda row: row["method"] == "zero_shot", lambda row: row["model"])


def medicine_hard() -> Calls:
    """The questions that models fail, eight ways of asking three models; a call's name is MODEL:METHOD.

    Chosen by failure, so levels say nothing; here they only race against each other.
    """
    three = ("gpt-4o-mini", "DeepSeek-V3", "gpt-4o")
    return _med(
        "test_hard",
        lambda row: row["model"] in three and row["method"] in METHODS,
        lambda row: f"{row['model']}:{row['method']}",
    )


def _med(split: str, wanted: Callable[[Row], bool], name: Callable[[Row], str]) -> Calls:
    found = [
        row
        for row in rows("med_agents_bench/outputs.jsonl.gz")
        if row["split"] == split and row["qid"] and row["model"] in MED and wanted(row)
    ]
    common = _answered_by_all(found, name)
    return _tabulated(
        sorted(common),
        (row for row in found if row["qid"] in common),
        name=name,
        final=lambda row: row["answer"],
        score=lambda row: float(row["correct"]),
        cost=lambda row: _dollars(MED[row["model"]], row["tokens_in"], row["tokens_out"]),
        weight=lambda row: METHODS[row["method"]],
    )


def _answered_by_all(found: Sequence[Row], name: Callable[[Row], str]) -> set[str]:
    answered: dict[str, set[str]] = {}
    for row in found:
        answered.setdefault(name(row), set()).add(row["qid"])
    return set.intersection(*answered.values())


def _tabulated(
    items: Sequence[str],
    found: Iterable[Row],
    *,
    name: Callable[[Row], str],
    final: Callable[[Row], str | None],
    score: Callable[[Row], float],
    cost: Callable[[Row], float],
    weight: Callable[[Row], int] = lambda row: 1,
) -> Calls:
    """Rows as columns in the order of the items; every call must have answered every item."""
    place = {item: index for index, item in enumerate(items)}
    codes: list[dict[str, int]] = [{} for _ in items]
    calls: dict[str, Call] = {}
    for row in found:
        at = place[row["qid"]]
        call = calls.setdefault(name(row), _empty(len(items), weight(row)))
        answer = final(row)
        call.finals[at] = UNREAD if answer is None else codes[at].setdefault(answer, len(codes[at]))
        call.scores[at], call.costs[at] = score(row), cost(row)
    holes = [label for label, call in calls.items() if np.isnan(call.scores).any()]
    if holes:
        raise ValueError(f"recorded calls must answer every item; {', '.join(holes)} did not")
    return calls


def _empty(items: int, weight: int) -> Call:
    return Call(np.full(items, UNREAD), np.full(items, np.nan), np.zeros(items), weight)


def number(text: str | None) -> str | None:
    """A number as one spelling ("$1,800" is "1800", "14 boxes" is "14"); other texts as they are."""
    if text is None:
        return None
    value = parse(text)
    value = last(text) if value is None else value
    return text.strip() if value is None else canonical(value)


def _dollars(price: Price, tokens_in: float, tokens_out: float) -> float:
    return (price[0] * tokens_in + price[1] * tokens_out) / 1e6
