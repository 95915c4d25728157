"""Integer weights: a checkpoint's linear layers in 8 or 4 bits, as a folder that the `hf` engine loads.

How weights become integers is in `engines/hf_quantized.py`. Embeddings, norms and the head stay as they are.
No calibration data are read: what rounding costs, `compress.py` measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from underdog.engines.hf_checkpoint import Checkpoint
from underdog.errors import StudyError
from underdog.makers.checkpoint import opened
from underdog.makers.compress import compressed
from underdog.makers.ground import Ground
from underdog.makers.made import Made
from underdog.task import Task


@dataclass(frozen=True)
class Quantize:
    """Weight-only, symmetric integers.

    Attributes:
        bits: 8 (127 steps on each side of zero) or 4 (7 steps).
        group: how many weights of a row share a scale; 0 is the whole row. None: the row at 8 bits, 32 at 4.
    """

    bits: int = 8
    group: int | None = None

    def __post_init__(self) -> None:
        if self.bits not in (4, 8):
            raise StudyError(f"quantize: bits must be 4 or 8; got {self.bits!r}")
        if self.group is not None and self.group < 0:
            raise StudyError(f"quantize: group must be 0 (the whole row) or more; got {self.group}")

    @property
    def name(self) -> str:
        """What the method is called in records."""
        return f"int{self.bits}" + (f" in groups of {self.shared}" if self.shared else "")

    @property
    def learns(self) -> bool:
        """Nothing is learned from examples."""
        return False

    @property
    def shared(self) -> int:
        """Weights that share a scale; 0 is the whole row."""
        return (32 if self.bits == 4 else 0) if self.group is None else self.group

    def asks(self) -> None:
        """It asks no model for anything to learn from."""

    async def make(self, ground: Ground) -> Made:
        """The quantised model, scored on tune and on the algorithmic probe.

        Raises:
            ConfigError: the model has no weights at hand, or the folder is taken.
        """
        return await compressed(self, ground)

    def write(self, source: Checkpoint, folder: Path, task: Task) -> None:
        """Write the quantised checkpoint; nothing of the task is read.

        Raises:
            ConfigError: the source cannot be read, or the folder is taken.
        """
        from underdog.engines.hf_quantized import Scheme, packed

        whole = opened(source)
        packed(whole.model, Scheme(self.bits, self.shared))
        whole.write(folder)
