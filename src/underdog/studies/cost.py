"""What an answer costs, in the one unit that all arms of a study share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from underdog.studies.measure import Column
from underdog.trial import Spend

Unit = Literal["dollars", "FLOPs", "tokens"]


def shared_unit(columns: Sequence[Column]) -> Unit | None:
    """Dollars where every arm's price is known and some arm costs any; else FLOPs; else tokens; else None.

    A study of local models only has FLOPs. Where local models meet priced ones, dollars are the unit and a
    local model without a declared price counts as free: the report says so.
    """
    totals = [column.total() for column in columns if column.trials]
    if not totals:
        return None
    if all(t.dollars is not None for t in totals) and any(t.dollars for t in totals):
        return "dollars"
    if all(t.flops > 0 for t in totals):
        return "FLOPs"
    if all(t.tokens > 0 for t in totals):
        return "tokens"
    return None


def per_request(column: Column, unit: Unit | None) -> float | None:
    """Mean cost of one answer; None when it has no known cost in this unit."""
    if unit is None or not column.trials:
        return None
    total = amount(column.total(), unit)
    return None if total is None else total / len(column.trials)


def amount(spend: Spend, unit: Unit) -> float | None:
    """A spend in one unit; None where it is not known."""
    return {"dollars": spend.dollars, "FLOPs": spend.flops, "tokens": spend.tokens}[unit]


def in_words(cost: float | None, unit: Unit | None) -> str:
    """A cost with its unit, for people: $0.0012, 3.4 MFLOPs, 210 tokens, or a dash."""
    if cost is None or unit is None:
        return "—"
    if unit == "dollars":
        return f"${cost:.3g}"
    if unit == "tokens":
        return f"{cost:.0f} tokens"
    for factor, prefix in ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M")):
        if cost >= factor:
            return f"{cost / factor:.3g} {prefix}FLOPs"
    return f"{cost:.3g} FLOPs"
