"""What making a model took, as a part of what each answer costs: spread over a stated number of requests.

`underdog tune` leaves `made.json` beside what it made; a model of a study that has one bears its part. Where
several models of an arm were made, the arm bears all of them, whichever of them answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from underdog.answerer import Answerer, Model
from underdog.makers.made import FILE, Made, load_made
from underdog.plan import models_of
from underdog.trial import Spend

REQUESTS = 100_000
"""How many requests a made model is taken to serve, where a study does not say."""
_LOCAL = "hf/"


@dataclass(frozen=True)
class Upfront:
    """What one request bears of the making of each model."""

    parts: Mapping[Model, Spend] = field(default_factory=dict)
    requests: int = REQUESTS

    def of(self, answerer: Answerer) -> Spend:
        """What one request to this answerer bears."""
        if not self.parts:
            return Spend()
        return sum((self.parts.get(model, Spend()) for model in models_of(answerer)), Spend())

    def told(self, models: Mapping[str, Model]) -> dict[str, str]:
        """What making each of these took, by the study's names; nothing of those that were not made."""
        return {
            name: self._sentence(self.parts[model]) for name, model in models.items() if model in self.parts
        }

    def _sentence(self, each: Spend) -> str:
        took = f"{each.flops * self.requests:.3g} FLOPs"
        if each.dollars:
            took += f" and ${each.dollars * self.requests:,.2f}"
        return f"{took} to make it, spread over {self.requests:,} requests, are in its cost"


def upfront(models: Mapping[str, Model], base: Path, requests: int) -> Upfront:
    """The parts of a study's models; their relative paths start at `base`.

    Raises:
        StudyError: a record of what was made cannot be read.
    """
    found = {model: made_of(model, base) for model in models.values()}
    return Upfront(
        {model: part(made.spend, requests) for model, made in found.items() if made is not None}, requests
    )


def made_of(model: Model, base: Path) -> Made | None:
    """The record of how a model was made, beside its adapter or in its checkpoint; None without one."""
    near = model.adapter or (model.name.removeprefix(_LOCAL) if model.name.startswith(_LOCAL) else None)
    if near is None:
        return None
    folder = base / near
    return next(
        (load_made(place, base) for place in (folder, folder.parent) if (place / FILE).is_file()), None
    )


def part(spend: Spend, requests: int) -> Spend:
    """A spend spread over so many requests; calls are not spread, since a request makes none of them."""
    dollars = None if spend.dollars is None else spend.dollars / requests
    return Spend(
        tokens_in=round(spend.tokens_in / requests),
        tokens_out=round(spend.tokens_out / requests),
        dollars=dollars,
        seconds=0.0,
        flops=spend.flops / requests,
    )
