"""Two runs side by side as a terminal page, out of `studies/compare.py`. Computes no statistic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from underdog.report.figures import DASH, cost, count, dollars, points_interval
from underdog.report.page import entries, notes, table, title
from underdog.studies.compare import Compared, Held
from underdog.studies.findings import plain

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def show_compared(found: Compared, console: Console) -> None:
    """Print the page."""
    for part in _parts(found):
        console.print(part)


def _parts(found: Compared) -> Iterator[RenderableType]:
    yield notes([("first", found.first), ("second", found.second), *_about(found)])
    yield ""
    yield title("ARMS", "second minus first, on the same examples; → the plans")
    yield _arms(found)
    changes = [(change.what, f"{change.first} → {change.second}") for change in found.changes]
    changes += [(name, "only in the first run") for name in found.only_first]
    changes += [(name, "only in the second run") for name in found.only_second]
    yield ""
    yield title("CHANGED", "between the runs" if changes else "nothing: same models, levers and settings")
    yield entries(changes)
    yield ""
    first, second = found.verdicts
    yield notes(
        [
            ("verdicts", f"first: {first}; second: {second}"),
            ("spent", f"first: {dollars(found.spent[0])}; second: {dollars(found.spent[1])}"),
        ]
    )


def _about(found: Compared) -> list[tuple[str, str]]:
    """How the examples overlap."""
    of = found.examples
    task = {
        True: "the task is the same",
        False: "the tasks differ",
        None: "a run of an older version does not hold what it asked",
    }[found.same_task]
    lines = [("examples", f"{count(of.shared)} examples in common, by {of.by}: {task}")]
    if of.first or of.second:
        lines.append(("", f"{count(of.first)} only in the first run, {count(of.second)} only in the second"))
    if of.reworded:
        lines.append(("", f"{count(of.reworded)} have the same id and are asked differently: not compared"))
    if of.retargeted:
        lines.append(("", f"{count(of.retargeted)} have another right answer: not compared"))
    if of.moved:
        lines.append(("", f"{count(of.moved)} stand in another split"))
    return lines


def _arms(found: Compared) -> RenderableType:
    from rich.text import Text

    rows = table(("difference in points", "better", "worse", "n", "cost first", "second"))
    for place, held in enumerate(found.arms):
        paired = held.paired
        before, after = cost(held.cost_first, found.units[0]), cost(held.cost_second, found.units[1])  # type: ignore[arg-type]
        rows.add_row(
            "→" if place == 0 else "",
            Text.assemble(_name(held), "  ", (_remark(held), "dim")),
            Text(points_interval(plain(paired))),
            count(paired.helps),
            count(paired.harms),
            count(paired.n),
            before,
            after if held.cost_second is not None else DASH,
        )
    return rows


def _name(held: Held) -> str:
    return held.first if held.first == held.second else f"{held.first} → {held.second}"


def _remark(held: Held) -> str:
    where = held.split or "all shared"
    return f"{where}, another answerer" if held.changed and held.first == held.second else where
