"""Made: the record of a model that a maker made, and what it rests on. Plain values and their JSON.

`made.json` lies beside the files of the model. Paths in it start at its own folder, so that the folder can be
moved; in memory they start where the study's file names start, as `engines.binding` finds them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from underdog.answerer import Model, digest
from underdog.errors import StudyError
from underdog.trial import Spend

FORMAT = 1
FILE = "made.json"
_LOCAL = "hf/"

Curve: TypeAlias = tuple[tuple[int, float], ...]
"""What was measured while it was made: (step, value), steps rising."""


@dataclass(frozen=True)
class Made:
    """A new model, the one it was made from, and how.

    Attributes:
        model: what any lever may wrap and the gateway can serve.
        parent: the model that it was made from.
        recipe: `maker` and every setting as it was used, defaults and what a search chose included.
        data: what it learned from: how many examples (`n`), how many held out, the digest of their content.
        seed: of everything that was drawn.
        curves: loss, reward and held-out score by step, by name; empty where nothing was trained.
        spend: what making it took, searches and controls included: tokens, seconds, FLOPs; dollars of the
            calls to a teacher.
        evidence: what was measured of it, as JSON: scores, intervals, what a search tried.
        controls: models made beside it to tell what its gain is due to, by name.
        versions: of the packages that made it.
        cautions: printed wherever it is shown.
    """

    model: Model
    parent: Model
    recipe: Mapping[str, Any]
    data: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    curves: Mapping[str, Curve] = field(default_factory=dict)
    spend: Spend = Spend()
    evidence: Mapping[str, Any] = field(default_factory=dict)
    controls: Mapping[str, Model] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    cautions: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Content hash of what was asked for: parent, recipe, data and seed. Equal askings, equal digests."""
        return digest([self.parent, self.recipe, self.data, self.seed])

    def save(self, folder: Path, base: Path | None = None) -> Path:
        """Write `made.json` into a folder, whole or not at all; returns its path.

        `base` is where the models' relative paths start (None: the working directory).
        """
        folder.mkdir(parents=True, exist_ok=True)
        moved = self._rebased(base or Path(), folder)
        body = {"format": FORMAT, "digest": self.digest, **msgspec.to_builtins(moved)}
        path = folder / FILE
        draft = path.with_suffix(".tmp")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n")
        os.replace(draft, path)
        return path

    def _rebased(self, old: Path, new: Path) -> Made:
        controls = {name: rebased(model, old, new) for name, model in self.controls.items()}
        parent = rebased(self.parent, old, new)
        return replace(self, model=rebased(self.model, old, new), parent=parent, controls=controls)


def load_made(folder: Path, base: Path | None = None) -> Made:
    """What a maker left in a folder; the models' paths start at `base` (None: the working directory).

    Raises:
        StudyError: nothing was made there, or it cannot be read as such.
    """
    path = folder / FILE
    try:
        body = msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise StudyError(f"{path}: nothing was made here yet; `underdog tune` writes it") from None
    except msgspec.DecodeError as error:
        raise StudyError(f"{path}: must be JSON as a maker wrote it; {error}: make it again") from None
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        came = body.get("format") if isinstance(body, dict) else type(body).__name__
        raise StudyError(f"{path}: must have format {FORMAT}; got {came!r}: use a matching underdog")
    try:
        made = msgspec.convert(body, Made)
    except msgspec.ValidationError as error:
        raise StudyError(f"{path}: {error}: make it again") from None
    return made._rebased(folder, base or Path())


def rebased(model: Model, old: Path, new: Path) -> Model:
    """The same model with the paths that exist under `old` written as they are found from `new`."""

    def moved(path: str) -> str:
        return os.path.relpath(old / path, new) if (old / path).exists() else path

    name = model.name
    if name.startswith(_LOCAL):
        name = _LOCAL + moved(name.removeprefix(_LOCAL))
    return replace(model, name=name, adapter=model.adapter and moved(model.adapter))
