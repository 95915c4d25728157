"""The recorded pools: which model got which question right, out of ../shared/data/routing."""

from __future__ import annotations

from pathlib import Path

from underdog.routing import OutcomeTable, read_outcomes

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "routing"
POOLS = ("llmrouter", "routellm", "zeroeval")
# Of zeroeval's 60 models only those that answered nearly everything: comparisons want one set of questions.
_COVERAGE = 0.97


def pool(name: str) -> OutcomeTable:
    """A pool's outcome table without gaps."""
    table = read_outcomes(DATA / f"{name}_outcomes.parquet", DATA / f"{name}_queries.parquet")
    return table.complete(_COVERAGE)
