"""Makers by name, and one from the mapping of a study file or the options of a command line."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

import msgspec

from underdog.errors import StudyError
from underdog.makers.dpo import Dpo
from underdog.makers.ground import Ground
from underdog.makers.grpo import Grpo
from underdog.makers.lora import Distil, Lora
from underdog.makers.made import Made
from underdog.makers.prune import Prune
from underdog.makers.quantize import Quantize


class Maker(Protocol):
    """A frozen dataclass that makes a new model out of what it stands on."""

    async def make(self, ground: Ground) -> Made:
        """The new model, with the record of how it came to be.

        Raises:
            UserError: too few data, or a model that it cannot work on; says what to do.
            BudgetSpent: the budget ended first; run again, it goes on.
        """
        ...

    def asks(self) -> tuple[str, int] | None:
        """Of which model it asks for answers to the examples it learns from, small or large, and how many."""
        ...


MAKERS: Mapping[str, type[Any]] = MappingProxyType(
    {"lora": Lora, "distil": Distil, "dpo": Dpo, "grpo": Grpo, "quantize": Quantize, "prune": Prune}
)


def maker_from(body: Mapping[str, Any], where: str) -> Maker:
    """A maker from `maker`, its name, and its settings.

    Raises:
        StudyError: an unknown maker or setting, or a value that cannot be; says where.
    """
    settings = dict(body)
    name = settings.pop("maker", None)
    if name not in MAKERS:
        raise StudyError(f"{where}: `maker` must be one of {', '.join(MAKERS)}; got {name!r}")
    kind = MAKERS[name]
    known = list(kind.__dataclass_fields__)
    for key in settings:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise StudyError(f"{where}: {name} has no setting {key!r} (known: {', '.join(known)}){hint}")
    try:
        # YAML reads 1e-3 as a text.
        made: Maker = msgspec.convert(settings, kind, strict=False)
    except msgspec.ValidationError as error:
        raise StudyError(f"{where}: {name}: {error}") from None
    return made
