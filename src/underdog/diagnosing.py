"""The work behind `underdog diagnose`: shows the forecast, asks for consent, prints what was found.

What is asked and concluded is in `studies/diagnosis/`; what it looks like is in `report/diagnosis.py`.
"""

from __future__ import annotations

from dataclasses import replace

from underdog.budget import Budget
from underdog.report.diagnosis import show, summary
from underdog.report.page import page
from underdog.report.saved import DIAGNOSIS
from underdog.store import DEFAULT_PATH
from underdog.studies.diagnosis.alone import diagnosed_alone
from underdog.studies.diagnosis.stages import Effort
from underdog.studies.session import Settings
from underdog.studying import Asked, Consent, carried_out, folder_of, spec_of, watch_of


def conduct(asked: Asked, examples: int | None) -> int:
    """Diagnose on at most so many examples and print what was found; returns the exit code, 1 when declined.

    Raises:
        UserError: the study file, its data, a model or the store; or nobody is there to agree to a cost.
        BudgetSpent: the budget ended before every model had answered; what was asked is kept.
        KeyboardInterrupt: the user stopped it and has been told how to go on.
    """
    spec, effort = spec_of(asked), effort_of(examples)
    folder = folder_of(asked, spec)
    talk = page(stderr=asked.json, quiet=asked.quiet)
    watch = watch_of(asked, talk)
    settings = Settings(
        store=asked.store or DEFAULT_PATH,
        folder=folder,
        fresh=asked.fresh,
        consent=Consent(asked, part(spec.budget, effort.share), talk),
        progress=watch,
        allow_code=asked.allow_code,
    )
    if carried_out(diagnosed_alone(spec, settings, effort), watch, asked.fresh) is None:
        return 0 if asked.dry_run else 1
    found = DIAGNOSIS.read(folder)
    if asked.json:
        print(DIAGNOSIS.text(folder), end="")
    elif asked.quiet:
        print(summary(found))
    else:
        show(found, folder, page())
    return 0


def effort_of(examples: int | None) -> Effort:
    """The usual effort, or that on so many examples, half of them sampled and probed."""
    usual = Effort()
    return usual if examples is None else replace(usual, examples=examples, probed=-(-examples // 2))


def part(budget: Budget, share: float) -> Budget:
    """The share of a budget's dollars, for what is said before anything is sent."""
    return budget if budget.dollars is None else replace(budget, dollars=share * budget.dollars)
