"""A run's trials as JSONL, one a line, for whoever wants to look or compute for themselves."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from underdog.store import Store


def write_trials(store: Store, run: str, folder: Path) -> Path:
    """Write `trials.jsonl` into a folder, whole or not at all; returns its path."""
    path = folder / "trials.jsonl"
    draft = path.with_suffix(".tmp")
    with draft.open("wb") as out:
        for trial in store.trials(run):
            out.write(msgspec.json.encode(trial) + b"\n")
    os.replace(draft, path)
    return path
