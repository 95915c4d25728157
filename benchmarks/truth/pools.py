"""The studies that are replayed on recorded calls: small models, the large one, and the levers between them.

One recipe makes the arms of every pool, so that nothing was picked for how it races: each model alone; votes
over draws, where there are draws; the panel of all small models and of the first three; pairs and the first
three asked in turn, handing over on dissent; and the panels as cascades at every threshold that is a
majority. Models are listed from the one that its makers rank highest to the lowest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from benchmarks.truth import recordings
from benchmarks.truth.grids import Grid, Lever, Table
from benchmarks.truth.recordings import Calls

MARGIN = 0.03


@dataclass(frozen=True)
class Pool:
    """Small models against a large one; `draws` is how many recorded answers each model has an item."""

    name: str
    small: tuple[str, ...]
    large: str
    draws: int = 1


UP_TO_9B = (
    "gemma-2-9b-it", "Meta-Llama-3.1-8B-Instruct", "Qwen2-7B-Instruct", "Meta-Llama-3-8B-Instruct",
    "Phi-3.5-mini-instruct", "Yi-1.5-9B-Chat", "gemma-2-2b-it",
)  # fmt: skip
CHEAP = ("gpt-4o-mini-2024-07-18", "gemini-1.5-flash", "deepseek-chat", "claude-3-haiku-20240307")
OPEN = ("mistral-small-3.1-24b-instruct", "gemma-3-27b-it", "llama-3.1-8b-instruct")
CALLERS = (
    "Salesforce_xLAM-7b-fc-r", "meetkai_functionary-small-v3.1-FC", "gorilla-openfunctions-v2",
    "Salesforce_xLAM-1b-fc-r", "NousResearch_Hermes-2-Pro-Llama-3-8B", "meta-llama_Meta-Llama-3-8B-Instruct",
    "google_gemma-7b-it",
)  # fmt: skip
DOCTORS = ("DeepSeek-V3", "Llama-3.3-70B-Instruct-Turbo", "gpt-4o-mini", "claude-3-5-haiku")

ZEROEVAL = (
    Pool("zeroeval: 7 of at most 9B, gpt-4o", UP_TO_9B, "gpt-4o-2024-08-06"),
    Pool("zeroeval: 7 of at most 9B, llama-3.1-70b", UP_TO_9B, "Meta-Llama-3.1-70B-Instruct"),
    Pool("zeroeval: 4 cheap ones, claude-3.5-sonnet", CHEAP, "claude-3-5-sonnet-20240620"),
)
RG_EASY = (
    Pool("rg_easy: 3 open ones, llama-3.3-70b", OPEN, "llama-3.3-70b-instruct", 3),
    Pool("rg_easy: maverick and 3, claude-3.5", ("llama-4-maverick", *OPEN), "claude-3.5-sonnet", 3),
    Pool("rg_easy: qwq, maverick and 3, o3-mini", ("qwq-32b", "llama-4-maverick", *OPEN), "o3-mini", 3),
)
BFCL = (
    Pool("bfcl: 7 of at most 8B, gpt-4", CALLERS, "gpt-4-0613"),
    Pool("bfcl: 7 of at most 8B, claude-3.5-sonnet", CALLERS, "claude-3-5-sonnet-20240620"),
)
MEDICINE = (
    Pool("med: 4 cheap ones, deepseek-r1", DOCTORS, "DeepSeek-R1"),
    Pool("med: 4 cheap ones, gpt-4o", DOCTORS, "gpt-4o"),
)
HARD = "med, hard: ways of asking, gpt-4o"


def grids() -> Iterator[Grid]:
    """Every pool's grid, one data set after another; only one is held in memory at a time."""
    for load, pools in (
        (recordings.zeroeval, ZEROEVAL),
        (recordings.rg_easy, RG_EASY),
        (recordings.bfcl, BFCL),
        (recordings.medicine, MEDICINE),
    ):
        table = Table(load())
        yield from (grid_of(table, pool) for pool in pools)
    yield ways_of_asking(recordings.medicine_hard())


def grid_of(table: Table, pool: Pool) -> Grid:
    """The pool's arms by the one recipe."""
    first = {name: name if pool.draws == 1 else f"{name}#0" for name in (*pool.small, pool.large)}
    large = table.alone(first[pool.large])
    arms = {name: table.alone(first[name]) for name in pool.small} | {pool.large: large}
    if pool.draws > 1:
        arms |= _votes(table, pool, large)
    small = [first[name] for name in pool.small]
    arms |= {
        f"agree {a} {b}": table.agree((first[a], first[b]), large) for a, b in combinations(pool.small, 2)
    }
    arms["agree of 3"] = table.agree(small[:3], large)
    for count in sorted({3, len(small)}):
        members = small[:count]
        arms[f"panel of {count}"] = table.panel(members)
        arms |= _cascades(table, f"panel of {count}", members, large)
    return table.grid(pool.name, pool.large, MARGIN, arms)


def _votes(table: Table, pool: Pool, large: Lever) -> dict[str, Lever]:
    """Votes over each model's draws, alone and as the first rung of a cascade."""
    arms: dict[str, Lever] = {}
    for name in pool.small:
        draws = [f"{name}#{draw}" for draw in range(pool.draws)]
        arms[f"vote {name}"] = table.panel(draws)
        arms |= _cascades(table, f"vote {name}", draws, large)
    return arms


def _cascades(table: Table, name: str, members: Sequence[str], large: Lever) -> dict[str, Lever]:
    majority = len(members) // 2 + 1
    return {
        f"{name}, {need} or hand over": table.cascade(members, need, large)
        for need in range(majority, len(members) + 1)
    }


def ways_of_asking(calls: Calls) -> Grid:
    """Every recorded way of asking three models questions that models fail, against gpt-4o asked plainly."""
    table = Table(calls)
    arms: Mapping[str, Lever] = {name: table.alone(name) for name in calls}
    return table.grid(HARD, "gpt-4o:zero_shot", MARGIN, arms)
