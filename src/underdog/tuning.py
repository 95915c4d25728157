"""The work behind `underdog tune`: names the maker, asks for consent, shows the training, prints the record.

What is made is in `makers/`, what is compared in `studies/tune.py`, what it looks like in `report/tuned.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from underdog.errors import StudyError
from underdog.makers import maker_from
from underdog.makers.made import FILE
from underdog.report.page import page
from underdog.report.training import training_watch
from underdog.report.tuned import read_made, show, summary
from underdog.store import DEFAULT_PATH
from underdog.studies.session import Settings
from underdog.studies.tune import Tuning, tune
from underdog.studying import Asked, Consent, carried_out, folder_of, spec_of


def conduct(asked: Asked, method: str, options: Sequence[str], seed: int) -> int:
    """Make a model and print what came of it; returns the exit code, 1 when the user declined.

    Raises:
        UserError: the study file, its data, a model, a setting or the store; or nobody agrees to a cost.
        BudgetSpent: the budget ended first; what was asked and trained is kept.
        KeyboardInterrupt: the user stopped it and has been told how to go on.
    """
    spec = spec_of(asked)
    maker = maker_from({"maker": method, **settings_from(options)}, "tune")
    folder = asked.out or folder_of(asked, spec) / method
    talk = page(stderr=asked.json, quiet=asked.quiet)
    watch = training_watch(talk, asked.quiet)
    settings = Settings(
        store=asked.store or DEFAULT_PATH,
        folder=folder,
        fresh=asked.fresh,
        consent=Consent(asked, spec.budget, talk),
        progress=watch,
    )
    if carried_out(tune(Tuning(spec, maker, method, seed, watch), settings), watch, asked.fresh) is None:
        return 0 if asked.dry_run else 1
    made = read_made(folder)
    if asked.json:
        print((folder / FILE).read_text(encoding="utf-8"), end="")
    elif asked.quiet:
        print(summary(made))
    else:
        show(made, folder, page())
    return 0


def settings_from(options: Sequence[str]) -> dict[str, Any]:
    """`rank=16` and the like; values are read as YAML.

    Raises:
        StudyError: no name or no value.
    """
    found = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not (name.strip() and equals and value.strip()):
            raise StudyError(f"--set: must be NAME=VALUE, such as rank=16; got {option!r}")
        found[name.strip()] = yaml.safe_load(value)
    return found
