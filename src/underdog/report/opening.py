"""What a study says before its first call: what its task proved, and what it will cost. Asks nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from underdog.report.figures import count, percent
from underdog.report.page import notes

if TYPE_CHECKING:
    from rich.table import Table


def opening(proof: Mapping[str, Any], forecast: str = "") -> Table:
    """A task's proof (as plain data): its sizes, its controls and every warning; then the forecast."""
    lines = [*_proof(proof)]
    if forecast:
        lines.append(("forecast", f"{forecast[:1].upper()}{forecast[1:]}."))
    return notes(lines)


def _proof(proof: Mapping[str, Any]) -> list[tuple[str, str]]:
    splits = ", ".join(f"{name} {count(size)}" for name, size in proof["splits"].items() if size)
    lines = [("task", f"{count(proof['examples'])} examples: {splits}")]
    controls = {
        "gold answers score": proof["gold"],
        "empty ones": proof["empty"],
        "another example's": proof["shuffled"],
    }
    known = [f"{who} {percent(score)}" for who, score in controls.items() if score is not None]
    if known:
        lines.append(("controls", ", ".join(known)))
    if proof["constant"] is not None:
        always = f"always answering {proof['constant_answer']!r}: {percent(proof['constant'])}"
        lines.append(("", f"{always}, the bar to clear"))
    return lines + [(finding["level"], finding["message"]) for finding in proof["findings"]]
