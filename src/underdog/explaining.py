"""The work behind `underdog explain`: finds the run and the store; the trail is `studies/trail.py`'s."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from underdog.report.saved import FINDINGS
from underdog.store import DEFAULT_PATH, Store
from underdog.studies.folder import has_examples, read_examples, read_trials
from underdog.studies.trail import Trail, trail


def explain_item(run: Path, item: str, store: Path | None = None) -> Trail:
    """Everything about one example of a finished run.

    Without a store at `store` the trail has no requests and answers, and says so.

    Raises:
        StudyError: the run's files are missing or not what a study writes; no example is meant, or several.
        StoreError: there is a store and it cannot be read.
    """
    findings, trials = FINDINGS.read(run), read_trials(run)
    examples = read_examples(run) if has_examples(run) else ()
    place = store or DEFAULT_PATH
    if not place.is_file():
        found = trail(findings, examples, trials, item, None)
        gone = f"the store {place} is not here, so no request and no answer's text can be shown"
        return replace(found, missing=(*found.missing, f"{gone}; name it with --store"))
    with Store(place) as bank:
        began = next((one.started for one in bank.runs() if one.name == findings["name"]), None)
        found = trail(findings, examples, trials, item, bank, began)
    if began is None and found.arms:
        return replace(found, missing=(*found.missing, f"the store {place} does not know this run"))
    return found
