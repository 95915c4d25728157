"""The work behind `underdog study`: shows the forecast, asks for consent, shows progress, prints the report.

What is measured and decided is in `studies/`; what it looks like is in `report/`.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import typer

from underdog.budget import Budget
from underdog.errors import StudyError
from underdog.proof import Proof
from underdog.report.figures import dollars
from underdog.report.live import Lines, LiveTable, Watch
from underdog.report.opening import opening
from underdog.report.page import page
from underdog.report.saved import FINDINGS
from underdog.report.text import show, verdict_of
from underdog.store import DEFAULT_PATH
from underdog.studies.diagnosis.record import advice_in
from underdog.studies.findings import plain
from underdog.studies.forecast import Forecast
from underdog.studies.run import run
from underdog.studies.session import Settings
from underdog.studies.spec import Spec, load_study

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")


@dataclass(frozen=True)
class Asked:
    """What the command line says beside the study file; each limit given here replaces the file's."""

    file: Path
    dry_run: bool = False
    fresh: bool = False
    yes: bool = False
    quiet: bool = False
    json: bool = False
    budget: Budget = Budget()
    out: Path | None = None
    store: Path | None = None
    allow_code: bool = False
    undiagnosed: bool = False


def conduct(asked: Asked) -> int:
    """Carry a study out and print what it found; returns the exit code, 1 when the user declined.

    Raises:
        UserError: the study file, its data, a model or the store; or nobody is there to agree to a cost.
        BudgetSpent: the budget ended first; what was measured is kept.
        KeyboardInterrupt: the user stopped it and has been told how to go on.
    """
    spec = spec_of(asked)
    folder = folder_of(asked, spec)
    talk = page(stderr=asked.json, quiet=asked.quiet)
    consent = Consent(asked, spec.budget, talk)
    watch = watch_of(asked, talk)
    settings = Settings(
        store=asked.store or DEFAULT_PATH,
        folder=folder,
        fresh=asked.fresh,
        consent=consent,
        progress=watch,
        advice=() if asked.undiagnosed else advice_in(folder, spec.digest),
        allow_code=asked.allow_code,
    )
    result = carried_out(run(spec, settings), watch, asked.fresh)
    if result is None:
        return 0 if asked.dry_run else 1
    _print_report(asked, folder)
    return 0


class Consent:
    """Shown the forecast and the proof, says whether to go on: at once where nothing can be billed."""

    def __init__(self, asked: Asked, budget: Budget, talk: Console) -> None:
        self._asked, self._budget, self._talk = asked, budget, talk

    def __call__(self, forecast: Forecast, proof: Proof) -> bool:
        """Raises StudyError where it may cost something and nobody is there to agree."""
        self._talk.print(opening(plain(proof), forecast.sentence()))
        if self._asked.dry_run:
            if self._asked.json:
                _print_json({"proof": plain(proof), "forecast": plain(forecast)})
            return False
        if forecast.dollars == 0 or self._asked.yes:
            return True
        most = self._most(forecast)
        if not sys.stdin.isatty():
            raise StudyError(
                f"{self._asked.file}: the calls may cost {most} and nobody is there to agree to it; "
                "add --yes to agree beforehand, or look at it first with --dry-run"
            )
        agreed = _confirmed(f"The calls may cost {most}. Go on?")
        if not agreed:
            print("nothing was sent", file=sys.stderr)
        return agreed

    def _most(self, forecast: Forecast) -> str:
        """The most that can be spent: the forecast's bound or the budget, whichever ends it first."""
        known = [amount for amount in (forecast.dollars, self._budget.dollars) if amount is not None]
        return f"up to {dollars(min(known))}" if known else "an unknown amount (a price is missing)"


def carried_out(work: Coroutine[Any, Any, T], watch: Watch, fresh: bool) -> T:
    """Run `work` to its end while `watch` shows it; Ctrl-C stops it, with a word on how to go on.

    Raises:
        KeyboardInterrupt: the user stopped it and has been told how to go on.
    """
    try:
        with watch:
            return asyncio.run(_interruptible(work, watch))
    except asyncio.CancelledError:
        print(_stopped(watch, fresh), file=sys.stderr)
        raise KeyboardInterrupt from None


async def _interruptible(work: Coroutine[Any, Any, T], watch: Watch) -> T:
    """Run; Ctrl-C cancels it and what is under way is recorded, a second one leaves at once.

    Leaving at once loses nothing: the store survives a kill.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    presses: list[bool] = []

    def pressed(*_: object) -> None:
        if presses:
            os._exit(128 + signal.SIGINT)
        presses.append(True)
        assert task is not None
        task.cancel()
        # Also wakes the loop, which may be waiting for a socket.
        loop.call_soon_threadsafe(watch.note, "stopping; Ctrl-C again leaves at once")

    with _on_ctrl_c(pressed):
        return await work


def spec_of(asked: Asked) -> Spec:
    """The study in the file, with the limits of the command line in place of its own."""
    spec = load_study(asked.file)
    limits = {f.name: value for f in fields(Budget) if (value := getattr(asked.budget, f.name)) is not None}
    return replace(spec, budget=replace(spec.budget, **limits))


def folder_of(asked: Asked, spec: Spec) -> Path:
    """Where the run is written; a study's name may hold what a folder's may not."""
    folder = asked.out or Path("runs") / (re.sub(r"[^\w.-]+", "-", spec.name).strip(".-") or "study")
    if folder.exists() and not folder.is_dir():
        raise StudyError(f"{folder}: a run is a folder and this is a file; name another with --out")
    return folder


def watch_of(asked: Asked, talk: Console) -> Watch:
    """What shows the progress: a live table on a terminal, lines elsewhere, nothing when quiet."""
    if asked.quiet:
        return Watch()
    if talk.is_terminal:
        return LiveTable(talk)
    return Lines(lambda text: talk.print(text, soft_wrap=True))


def _stopped(watch: Watch, fresh: bool) -> str:
    if not watch.calls_sent:
        return "stopped before any call was sent; run the same command to start"
    same = "the same command without --fresh" if fresh else "the same command"
    return f"stopped; {watch.calls_sent:,} calls are recorded; run {same} to resume"


def _confirmed(question: str) -> bool:
    """The user's yes or no. Ctrl-C is a no: under asyncio it would only take effect after the answer."""
    with _on_ctrl_c(signal.default_int_handler):
        try:
            return typer.confirm(question, err=True)
        except typer.Abort:
            return False


@contextmanager
def _on_ctrl_c(handler: Callable[..., object]) -> Iterator[None]:
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _print_report(asked: Asked, folder: Path) -> None:
    """What the run's folder says, the same as `underdog report` prints later."""
    findings = FINDINGS.read(folder)
    if asked.json:
        print(FINDINGS.text(folder), end="")
    elif asked.quiet:
        print(verdict_of(findings).sentence)
    else:
        show(findings, folder, page())


def _print_json(value: object) -> None:
    print(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
