"""A diagnosis as terminal pages, out of its record as plain data (`diagnosis.json`).

Findings in words with their evidence, the levers in the order to try them, and what could not be looked at.
Chooses an order and words around the sentences; computes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underdog.report.figures import count, dollars, model_title
from underdog.report.page import notes, put, title
from underdog.studies.diagnosis.findings import Ruling
from underdog.studies.diagnosis.record import FILE

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

Record = Mapping[str, Any]
Section = list["RenderableType"]

_KIND = 17
_PLACE = 4
_NOTHING = "Nothing that was looked for could be shown to hold."
_NO_LEVER = "No lever is worth trying."
_STYLES = {Ruling.HOLDS: "bold", Ruling.CANNOT_TELL: "yellow"}


def show(record: Record, folder: Path, console: Console) -> None:
    """Print the diagnosis of a run whose files lie in `folder`."""
    put(console, _sections(record, folder))


def summary(record: Record) -> str:
    """What holds and what to try first, a sentence a line."""
    held = [claim(finding) for finding in ranked(record["diagnosis"], Ruling.HOLDS)]
    first = next((one for one in record["diagnosis"]["order"] if one["worth_trying"]), None)
    return "\n".join([*(held or [_NOTHING]), f"First to try: {first['lever']}." if first else _NO_LEVER])


def ranked(diagnosis: Record, ruling: Ruling) -> list[Mapping[str, Any]]:
    """The findings with this ruling, the strongest first."""
    chosen = [finding for finding in diagnosis["findings"] if finding["ruling"] == ruling]
    return sorted(chosen, key=lambda finding: -finding["strength"])


def _sections(record: Record, folder: Path) -> Iterator[Section]:
    diagnosis = record["diagnosis"]
    held, unsure = (ranked(diagnosis, ruling) for ruling in (Ruling.HOLDS, Ruling.CANNOT_TELL))
    about = f"on {count(record['examples'])} examples of {record['split']}, the strongest first"
    yield [title("FINDINGS", about), _findings(held) if held else _NOTHING]
    yield [title("CANNOT TELL", "not shown and not ruled out"), _findings(unsure)] if unsure else []
    rest = _rest(diagnosis["findings"], list(record["models"]))
    yield [notes(rest)] if rest else []
    about = "the order to try them in; ?: it cannot be told whether they help; ✗: not worth trying"
    yield [title("LEVERS", about), _levers(diagnosis["order"])]
    yield [notes([*_missing(diagnosis["missing"]), *_facts(record, folder)])]


def _findings(findings: Sequence[Mapping[str, Any]]) -> Table:
    """The kind in the margin, what is claimed beside it, and under that what the claim rests on."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=0)
    grid.add_column(width=_KIND)
    grid.add_column()
    for finding in findings:
        evidence = [signal["sentence"] for signal in finding["signals"]]
        grid.add_row(Text(finding["kind"], _STYLES[Ruling(finding["ruling"])]), Text(claim(finding)))
        for sentence in evidence:
            grid.add_row("", Text(f"· {sentence}", "dim"))
    return grid


def claim(finding: Mapping[str, Any]) -> str:
    """A finding's sentence without those of its evidence, which stand under it."""
    said = str(finding["sentence"])
    for signal in finding["signals"]:
        said = said.replace(signal["sentence"], "")
    who = f"{finding['model']}: " if finding["model"] and finding["model"] not in said else ""
    return who + " ".join(said.split())


def _levers(order: Sequence[Mapping[str, Any]]) -> Table:
    """Each lever with its place in the order and why it has that."""
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    for width in (_PLACE, None, None):
        grid.add_column(width=width)
    place = 0
    for advice in order:
        told, worth = advice["certain"], advice["worth_trying"]
        place += told and worth
        mark = f"{place:>2}" if told and worth else " ?" if worth else " ✗"
        lever = Text(advice["lever"], "bold" if told and worth else "", no_wrap=True)
        grid.add_row(Text(mark), lever, Text(advice["why"]))
    return grid


def _rest(findings: Sequence[Mapping[str, Any]], everybody: Sequence[str]) -> list[tuple[str, str]]:
    """What was looked for in vain, and what was not looked for, each in one line."""
    lines = []
    for label, ruling in (("not so", Ruling.DOES_NOT_HOLD), ("not measured", Ruling.NOT_MEASURED)):
        models: dict[str, list[str]] = {}
        for finding in findings:
            if finding["ruling"] == ruling:
                models.setdefault(finding["kind"], []).append(finding["model"] or "all together")
        said = [_of(kind, who, everybody) for kind, who in models.items()]
        lines.extend([(label, "; ".join(said))] if said else [])
    return lines


def _of(kind: str, who: Sequence[str], everybody: Sequence[str]) -> str:
    """A kind with the models that it was ruled on for, unless that is what goes without saying."""
    if set(who) >= set(everybody) or list(who) == ["all together"]:
        return kind
    return f"{kind} ({', '.join(who)})"


def _missing(missing: Mapping[str, str]) -> list[tuple[str, str]]:
    """What could not be had, by reason."""
    by_reason: dict[str, list[str]] = {}
    for what, why in missing.items():
        by_reason.setdefault(why, []).append(what)
    lines = [f"{', '.join(what)}: {why}" for why, what in by_reason.items()]
    return [("missing" if at == 0 else "", line) for at, line in enumerate(lines)]


def _facts(record: Record, folder: Path) -> list[tuple[str, str]]:
    sent, banked = count(record["calls_sent"]), count(record["calls_banked"])
    amount = record["spend"]["dollars"]
    spent = "an unknown amount: a price is missing" if amount is None else dollars(amount)
    models = ", ".join(f"{name} {model_title(model)}" for name, model in record["models"].items())
    return [
        ("models", models),
        *(("caution", f"{text[:1].upper()}{text[1:].rstrip('.')}.") for text in record["cautions"]),
        ("calls", f"{sent} sent, {banked} found in the bank; spent {spent}"),
        ("files", f"{folder}/ holds {FILE}"),
    ]
