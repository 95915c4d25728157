"""What a diagnosis by itself leaves in the run's folder, and a study finds there: `diagnosis.json`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from underdog.errors import StudyError
from underdog.studies.diagnosis.findings import Advice, Diagnosis
from underdog.studies.findings import plain
from underdog.trial import Spend

FORMAT = 1
FILE = "diagnosis.json"


@dataclass(frozen=True)
class Diagnosed:
    """A diagnosis and what it was made from: what `diagnosis.json` holds.

    `examples` were looked at, of those in `split` ("test" where nothing is fitted and all of it is test).
    `models` maps the study's names of models to their own.
    """

    name: str
    digest: str
    split: str
    examples: int
    models: Mapping[str, str]
    cautions: Sequence[str]
    diagnosis: Diagnosis
    calls_sent: int
    calls_banked: int
    spend: Spend
    fingerprints: Mapping[str, str]
    versions: Mapping[str, str]
    created: str
    format: int = FORMAT

    def write(self, folder: Path) -> Path:
        """Write `diagnosis.json` into a folder, whole or not at all; returns its path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        draft = path.with_suffix(".tmp")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(plain(self)), indent=2) + b"\n")
        os.replace(draft, path)
        return path


def advice_in(folder: Path, digest: str) -> tuple[Advice, ...] | None:
    """The order of levers of the diagnosis in a run's folder; None when there is none of this very study."""
    if not (folder / FILE).exists():
        return None
    try:
        record = msgspec.json.decode((folder / FILE).read_bytes())
        if record["digest"] != digest:
            return None
        return msgspec.convert(record["diagnosis"]["order"], tuple[Advice, ...])
    except (msgspec.MsgspecError, KeyError, TypeError) as error:
        raise StudyError(
            f"{folder / FILE}: no record of a diagnosis ({error}); run `underdog diagnose` again or remove it"
        ) from None
