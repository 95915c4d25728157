"""What SFT and DPO share: a checkpoint, and tokens laid out in the order of the steps. Imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from underdog.engines.hf_checkpoint import Checkpoint
from underdog.makers.order import laid_out
from underdog.makers.settings import Settings
from underdog.makers.student import pen_of


@dataclass(frozen=True)
class Ready:
    """A checkpoint to train, how, from which seed, and what it is shown."""

    checkpoint: Checkpoint
    settings: Settings
    seed: int
    shown: Sequence[Any]

    @cached_property
    def _pen(self) -> Any:
        return pen_of(self.checkpoint)

    @cached_property
    def _order(self) -> list[int]:
        return laid_out(len(self.shown), self.settings.steps * self.settings.batch, self.seed)
