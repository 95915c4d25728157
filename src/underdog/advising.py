"""The work behind `underdog route`: read a table, take the advice, print it. Judges nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from underdog.embedding import embedded
from underdog.errors import DataError
from underdog.report.figures import DASH, percent, points, whole_percent
from underdog.report.page import notes, table, title
from underdog.routing import Advice, Options, OutcomeTable, read_outcomes, route
from underdog.routing.curve import Point, frontier
from underdog.routing.judged import Judged
from underdog.routing.policy import Policy
from underdog.routing.ruling import Contender, Kind
from underdog.statistics.certificate import Certificate
from underdog.store import DEFAULT_PATH
from underdog.studies.outcomes import run_outcomes

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_RUN = "route"
_COLOURS = {Kind.ROUTE: "green", Kind.DO_NOT: "yellow", Kind.CANNOT_TELL: "yellow"}


@dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line."""

    file: Path
    questions: Path | None = None
    default: str | None = None
    margin: float = 0.02
    seed: int = 0
    embedder: str | None = None
    store: Path = DEFAULT_PATH
    save: Path | None = None
    json: bool = False


def advise(wanted: Wanted, console: Console) -> Advice:
    """Read the table, take the advice, print it, and save the policy where there is one and it is asked for.

    Raises:
        DataError: the table cannot be read or used, or a policy is to be saved where none is advised.
        StudyError: the folder is no finished run's.
    """
    outcomes = outcomes_at(wanted.file, wanted.questions)
    options = Options(margin=wanted.margin, seed=wanted.seed, embedder=wanted.embedder)
    vectors = None
    if wanted.embedder is not None:
        vectors = asyncio.run(embedded(outcomes.questions, wanted.embedder, wanted.store, _RUN))
    advice = route(outcomes, default=wanted.default, vectors=vectors, options=options)
    if wanted.json:
        print(as_json(advice))
    else:
        show(advice, console)
    if wanted.save is not None:
        if advice.policy is None:
            raise DataError(
                f"--save {wanted.save}: nothing was saved, because the advice is to {advice.kind}"
            )
        advice.policy.save(wanted.save)
        if not wanted.json:
            console.print(notes([("saved", f"{wanted.save}: use it in a study file as a lever's `router`")]))
    return advice


def outcomes_at(path: Path, questions: Path | None = None) -> OutcomeTable:
    """The outcome table in a file or in the folder of a finished run.

    Raises:
        DataError: there is no such file, or it is no table; a store of calls is none.
        StudyError: the folder is no finished run's.
    """
    if path.suffix in (".sqlite", ".db"):
        raise DataError(
            f"{path}: a store holds calls and not how right they were; give the folder of a finished run, "
            "whose study scored them, or a table with scores"
        )
    if not path.is_dir():
        return read_outcomes(path, questions)
    if questions is not None:
        raise DataError(f"{path}: a run's folder holds its own questions; leave out --questions")
    return run_outcomes(path)


def as_json(advice: Advice) -> str:
    """The advice as JSON; of a policy only its digest."""
    return msgspec.json.format(msgspec.json.encode(_plain(advice)), indent=2).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Policy):
        return value.stored.digest
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def show(advice: Advice, console: Console) -> None:
    """Print what the advice rests on, and the advice itself last."""
    ground = advice.ground
    console.print(
        notes(
            [
                ("table", f"learned from {ground.learned:,} questions, judged on {ground.judged:,} others"),
                *(("note", note) for note in ground.notes),
            ]
        )
    )
    console.print()
    console.print(title("CONTROLS", "what needs no router, and the oracle that none can pass"))
    console.print(_rows(ground.controls, advice))
    if advice.routers:
        console.print()
        about = "each at its best cross-validated settings: for comparison, no claim is made from it"
        console.print(title("ROUTERS", about))
        console.print(_rows(advice.routers, advice))
    for one in advice.contenders:
        console.print()
        _contender(one, advice, console)
    console.print()
    console.print(_verdict(advice))


def _rows(rows: Iterable[Judged], advice: Advice) -> Table:
    level = whole_percent(advice.ground.confidence)
    made = table(("score", f"over default [{level}]", "cost", "over the mix"))
    for row in rows:
        picked = advice.use in (row.name, row.about)
        made.add_row(
            "→" if picked else "",
            _named(row),
            percent(row.score.estimate),
            _against(row),
            DASH if row.relative is None else f"×{row.relative:.2f}",
            DASH if row.over_mix is None else points(row.over_mix.difference),
        )
    return made


def _named(row: Judged) -> str:
    return f"{row.name}  {row.about}"


def _against(row: Judged) -> str:
    paired = row.against
    if paired is None or paired.difference is None or (paired.helps == paired.harms == 0):
        return DASH
    return f"{points(paired.difference)} [{points(paired.low)}, {points(paired.high)}]"


def _contender(one: Contender, advice: Advice, console: Console) -> None:
    """One policy that was judged: what it was picked for, what it gains, and what it does not beat."""
    row, level = one.row, whole_percent(1 - (1 - advice.ground.confidence) / max(len(advice.contenders), 1))
    console.print(title("JUDGED", f"{row.name}, picked for being {one.goal}: {row.about}"))
    shares = sorted(row.shares.items(), key=lambda item: -item[1])
    held = isinstance(one.certificate, Certificate)
    closed = one.figures.closed
    saved = one.figures.saved
    lines = [
        ("gain", f"{_against(row)} points over {advice.ground.default.about}, intervals at {level}"),
        ("mix", DASH if row.over_mix is None else f"{_over(row)} points over {_mixed(row)}"),
        ("certificate", f"within {100 * advice.ground.margin:g} points: {'yes' if held else 'refused'}"),
        ("oracle", f"{100 * one.figures.gap:.1f} points above; {percent(closed)} of the way is closed"),
        ("cost", _cost(saved, one.figures.best)),
        ("asks", ", ".join(f"{name} {share:.0%}" for name, share in shares[:4])),
        *(("not beaten", fault) for fault in one.faults),
        ("curve", f"{'   '.join(_turn(point) for point in frontier(one.curve))} (gain in points, cost)"),
    ]
    console.print(notes(lines))


def _over(row: Judged) -> str:
    paired = row.over_mix
    assert paired is not None
    return f"{points(paired.difference)} [{points(paired.low)}, {points(paired.high)}]"


def _mixed(row: Judged) -> str:
    return " + ".join(f"{share:.0%} {name}" for name, share in row.mix.items()) + ", which costs as much"


def _turn(point: Point) -> str:
    return f"{points(point.gain)} at ×{point.cost:.2f}"


def _cost(saved: float | None, best: str) -> str:
    if saved is None:
        return DASH
    return f"{percent(abs(saved))} {'less' if saved >= 0 else 'more'} than {best} alone"


def _verdict(advice: Advice) -> object:
    from rich.panel import Panel
    from rich.text import Text

    heading = Text(f" {str(advice.kind).upper()} ", f"bold {_COLOURS[advice.kind]}")
    return Panel(Text(advice.sentence), title=heading, title_align="left")
