"""The process around the label page: the run's files, one port of this machine, a token for the session."""

from __future__ import annotations

import getpass
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from underdog.errors import StudyError
from underdog.labelling.app import create_app
from underdog.labelling.book import Book, Labels, read_labels
from underdog.labelling.pairs import Contest, contest
from underdog.labelling.showing import headline, plan, sentence
from underdog.labelling.standing import Standing, standing
from underdog.report.saved import FINDINGS
from underdog.studies.folder import read_examples, read_trials

HOST = "127.0.0.1"


def open_contest(run: Path, arm: str | None = None) -> Contest:
    """The disagreements of a finished run between an arm (by default the winner) and the large model.

    Raises:
        StudyError: the run's files are missing or not what a study writes, or there is no such arm.
    """
    return contest(FINDINGS.read(run), read_examples(run), read_trials(run), arm)


def where_it_stands(run: Path, arm: str | None = None) -> tuple[Contest, Standing, Labels]:
    """The contest, what its labels show, and the labels, without serving anything.

    Raises:
        StudyError: as `open_contest`, or a line of labels.jsonl is no label.
    """
    found = open_contest(run, arm)
    labels = read_labels(run / "labels.jsonl", found)
    return found, standing(found, labels.by_item), labels


def serve(
    run: Path,
    arm: str | None = None,
    *,
    port: int = 8322,
    labeller: str | None = None,
    say: Callable[[str], None] | None = None,
) -> None:
    """Serve the label page of a run until interrupted; `say` is told the address, and the standing at the
    end.

    Raises:
        StudyError: as `open_contest`; there is nothing to label; labels.jsonl cannot be written; or the port
        is
            taken.
    """
    say = say or partial(print, flush=True)
    found, now, labels = where_it_stands(run, arm)
    if not found.shown:
        raise StudyError(
            f"{found.run}: {found.arm} and {found.against} agree on all {now.n:,} test examples that both "
            "answered, so there is nothing to label"
        )
    book = Book(run, found, labeller or _user())
    token, listening = secrets.token_urlsafe(24), _socket(port)
    if labels.stale:
        say(f"{labels.stale:,} labels are about answers that the run no longer holds; they do not count")
    config = uvicorn.Config(
        create_app(book, token),
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
    )
    with listening:
        Server(config, token, say).run([listening])
    found, now, _ = where_it_stands(run, arm)
    say("\n".join(told(found, now)))


def told(found: Contest, now: Standing) -> list[str]:
    """The standing as lines for a terminal."""
    given = f"{now.labelled:,} of {now.disagreements:,} disagreements labelled"
    said = ", ".join(f"{count:,} {label}" for label, count in now.counts.items() if count)
    waiting = f"; {now.waiting:,} wait for one that was taken back" if now.waiting else ""
    return [
        f"{headline(now, found)}. {sentence(now)}",
        f"{given}{f' ({said})' if said else ''}{waiting}. {plan(now)}",
    ]


class Server(uvicorn.Server):
    """Uvicorn that says at which address its page is, once, and ends quietly at a signal."""

    def __init__(self, config: uvicorn.Config, token: str, say: Callable[[str], None]) -> None:
        super().__init__(config)
        self.token, self.say = token, say

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            port = server.sockets[0].getsockname()[1]
            # The token stands behind #, which no browser sends to any server.
            self.say(f"label at http://{HOST}:{port}/#{self.token} (Ctrl-C ends it; every label is kept)")

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """A signal ends the page and no more, so that the standing is said last."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _socket(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise StudyError(
            f"the label page cannot take port {port} of {HOST} ({error.strerror}): name another with "
            "--port, or 0 for a free one"
        ) from None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "someone"
