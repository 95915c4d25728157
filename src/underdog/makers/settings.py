"""What every maker of adapters can be told: the adapter, the pace, the search, the hardware.

Defaults are those of published settings where there are some; docs/makers.md names the source of each.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from underdog.errors import StudyError

# Trying other rates matters more than other ranks: the best rate hardly depends on the rank.
_OTHERS = ((1.0, 3.0), (1.0, 1 / 3), (0.25, 1.0), (0.25, 3.0), (1.0, 9.0), (2.0, 1.0), (1.0, 1 / 9))


@dataclass(frozen=True, slots=True)
class Try:
    """One rank and learning rate that a search tries."""

    rank: int
    rate: float

    @property
    def name(self) -> str:
        return f"rank-{self.rank}-rate-{self.rate:.2g}"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How an adapter is trained.

    Attributes:
        rank, alpha, dropout, dora, rslora: of the LoRA (arXiv 2106.09685, 2402.09353, 2312.03732), which is
            put on every linear layer.
        rate: the learning rate, constant, without a warm-up. None takes one from the model's width.
        steps: optimizer steps at most. batch: examples a step.
        checks: how often on the way the held-out score is looked at; a checkpoint each.
        patience: stop after so many looks in a row that brought nothing better.
        held_out: the share of fit that is not learned from and picks the checkpoint.
        tries: how many ranks and rates are tried by successive halving; 1 tries none but those given.
        micro_batch: examples on the device at once; None is a whole step's.
        bf16, activation_checkpointing, four_bit: for CUDA devices only; refused elsewhere.
    """

    rank: int = 32
    alpha: float = 32.0
    dropout: float = 0.0
    dora: bool = False
    rslora: bool = False
    rate: float | None = None
    steps: int = 160
    batch: int = 16
    checks: int = 8
    patience: int = 3
    held_out: float = 0.25
    tries: int = 4
    micro_batch: int | None = None
    bf16: bool = False
    activation_checkpointing: bool = False
    four_bit: bool = False

    rate_share: ClassVar[float] = 1.0
    """The usual rate as a part of that of supervised training."""

    def __post_init__(self) -> None:
        whole = ("rank", "steps", "batch", "checks", "patience", "tries")
        for name in whole:
            self._least(name, 1)
        self._least("micro_batch", 1)
        self._between("held_out", 0.05, 0.5)
        self._between("dropout", 0.0, 0.9)
        if self.rate is not None and not self.rate > 0:
            raise StudyError(f"{self._name}: `rate` must be above 0; got {self.rate:g}")
        if self.steps < self.checks:
            raise StudyError(
                f"{self._name}: `steps` must be at least `checks` ({self.checks}); got {self.steps}"
            )
        most = min(len(_OTHERS) + 1, 2 ** (self.checks.bit_length() - 1))
        if self.tries > most:
            raise StudyError(
                f"{self._name}: `tries` must be at most {most} with {self.checks} checks; got {self.tries}"
            )
        if self.micro_batch is not None and self.batch % self.micro_batch:
            raise StudyError(
                f"{self._name}: `batch` must be a multiple of `micro_batch` ({self.micro_batch}); "
                f"got {self.batch}"
            )

    def asks(self) -> tuple[str, int] | None:
        """Of which model answers are asked to learn from, small or large, and how many an example."""
        return None

    def candidates(self, width: int) -> list[Try]:
        """The ranks and rates to try, the usual one first; `width` is the model's."""
        rate = self.rate or usual_rate(width) * self.rate_share
        around = [Try(max(1, round(self.rank * by)), rate * times) for by, times in _OTHERS]
        return [Try(self.rank, rate), *around][: self.tries]

    @property
    def marks(self) -> tuple[int, ...]:
        """The steps at which a checkpoint is written and scored; the last is `steps`."""
        return tuple(self.steps * (i + 1) // self.checks for i in range(self.checks))

    @property
    def rungs(self) -> tuple[int, ...]:
        """The steps after which the worse half of what is tried is dropped; the last is `steps`."""
        halvings = (self.tries - 1).bit_length()
        return tuple(self.marks[(self.checks >> (halvings - i)) - 1] for i in range(halvings + 1))

    @property
    def most_steps(self) -> int:
        """The optimizer steps that the search and the training after it take at most, together."""
        left, before, total = self.tries, 0, 0
        for rung in self.rungs:
            total += left * (rung - before)
            left, before = -(-left // 2), rung
        return total

    @property
    def _name(self) -> str:
        return type(self).__name__.lower()

    def _least(self, name: str, least: int) -> None:
        value = getattr(self, name)
        if value is not None and value < least:
            raise StudyError(f"{self._name}: `{name}` must be at least {least}; got {value}")

    def _between(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if not low <= value <= high:
            raise StudyError(f"{self._name}: `{name}` must be from {low:g} to {high:g}; got {value:g}")

    def recipe(self) -> dict[str, object]:
        """The maker's name and every setting, as the record of what was made holds them."""
        return {"maker": self._name, **{name: getattr(self, name) for name in field_names(type(self))}}


@dataclass(frozen=True, kw_only=True)
class Preferring(Settings):
    """How preferences are learned.

    Attributes:
        beta: how far the model may move from where it began; larger keeps it nearer.
        teacher: whose answers are sorted: the large model's or the small one's own.
        draws, temperature: how many answers each example gets, and how freely they are drawn.
        each: pairs an example gives at most.
    """

    beta: float = 0.1
    teacher: Literal["large", "small"] = "large"
    draws: int = 8
    temperature: float = 1.0
    each: int = 4
    steps: int = 80
    tries: int = 4

    rate_share: ClassVar[float] = 1 / 20

    def __post_init__(self) -> None:
        super().__post_init__()
        self._least("draws", 2)
        self._least("each", 1)
        self._between("temperature", 0.1, 2.0)
        if not self.beta > 0:
            raise StudyError(f"dpo: `beta` must be above 0; got {self.beta:g}")
        if self.teacher not in ("large", "small"):
            raise StudyError(f"dpo: `teacher` must be large or small; got {self.teacher!r}")


@dataclass(frozen=True, kw_only=True)
class Earning(Settings):
    """How rewards are learned from.

    Attributes:
        group: answers drawn for a request; `batch` answers make a step, so `batch` is a multiple of it.
        temperature: how freely they are drawn.
        right, form: the weights of the two rewards: the task's score, and that the answer could be read.
        beta: the weight of the KL divergence from where the model began; 0 leaves it out.
    """

    group: int = 8
    temperature: float = 1.0
    right: float = 2.0
    form: float = 1.0
    beta: float = 0.04
    batch: int = 64
    steps: int = 100
    tries: int = 1
    checks: int = 10

    rate_share: ClassVar[float] = 1 / 20

    def __post_init__(self) -> None:
        super().__post_init__()
        self._least("group", 2)
        self._between("temperature", 0.1, 2.0)
        if self.batch % self.group:
            raise StudyError(f"grpo: `batch` must be a multiple of `group` ({self.group}); got {self.batch}")
        if not (self.right > 0 and self.form >= 0 and self.beta >= 0):
            raise StudyError(
                f"grpo: `right` must be above 0, `form` and `beta` not below; got {self.right:g}, "
                f"{self.form:g} and {self.beta:g}"
            )


def field_names(kind: type[Settings]) -> list[str]:
    """The names of everything that a maker of this kind can be told."""
    return [f.name for f in fields(kind)]


def usual_rate(width: int) -> float:
    """A learning rate for LoRA by a model's width: ten times 5e-5, falling with the width.

    The factor ten over full fine-tuning is LoRA Without Regret's, the power is Tinker's fit on Llama models.
    """
    return float(10 * 5e-5 * (2000 / width) ** 0.781)
