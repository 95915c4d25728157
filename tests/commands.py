"""Runs what the documentation tells a reader to type, in the current folder."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import typer.main
from typer.testing import CliRunner

from tests.documents import ROOT
from underdog.cli import app

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def run(command: str, environ: dict[str, str]) -> str:
    """What a documented command prints; it must succeed. `environ` takes in what it exports.

    Servers are not started, models not trained and modules not run: their names and options are checked.
    """
    program, *rest = shlex.split(command)
    match program:
        case "export":
            name, _, value = rest[0].partition("=")
            environ[name] = value
            return ""
        case "make":
            _made(rest)
            return ""
        case "python":
            _module(rest)
            return ""
        case "underdog" if rest[0] in ("serve", "tune"):
            _parsed(rest)
            return ""
        case "underdog":
            done = CliRunner().invoke(app, rest, env=environ, catch_exceptions=False)
            assert done.exit_code == 0, f"{command}\n{done.output}"
            return done.output
    raise AssertionError(f"the documentation says {command!r}, which no test knows how to run")


def _made(words: list[str]) -> None:
    """Targets and variables are in the Makefile; a variable's value that looks like a file is one."""
    for word in words:
        name, is_variable, value = word.partition("=")
        assert re.search(rf"^{name}\s*\?=" if is_variable else rf"^{name}:", MAKEFILE, re.MULTILINE), word
        assert "/" not in value or (ROOT / value).is_file(), word


def _module(words: list[str]) -> None:
    """`python -m MODULE` with options that its source knows."""
    assert words[0] == "-m"
    spec = importlib.util.find_spec(words[1])
    assert spec is not None and spec.origin is not None, words[1]
    source = Path(spec.origin).read_text(encoding="utf-8")
    assert all(f'"{word}"' in source for word in words[2:] if word.startswith("--"))


def _parsed(words: list[str]) -> None:
    """The verb takes these arguments."""
    verbs = typer.main.get_command(app)
    verb = verbs.commands[words[0]]  # type: ignore[attr-defined]
    verb.make_context(words[0], words[1:])
