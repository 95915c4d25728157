"""What a diagnosis concludes, as plain data: findings, advice and the diagnosis that holds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from underdog.levers import known
from underdog.studies.diagnosis.signals.signal import Signal

__all__ = ["LEVERS", "Advice", "Diagnosis", "Finding", "Kind", "Ruling"]


class Kind(StrEnum):
    """What can stand between a model and a better score."""

    FORMAT = "format-bound"
    PROTOCOL = "protocol-bound"
    KNOWLEDGE = "knowledge-bound"
    SEARCH = "search-bound"
    DEFERRAL = "deferral"
    MIXTURE = "mixture-bound"
    CEILING = "ceiling"
    LABELS = "label-bound"
    NO_GAP = "no gap"


class Ruling(StrEnum):
    """What the intervals say about a kind."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    CANNOT_TELL = "cannot tell"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Finding:
    """One kind, ruled on for one model (None: for all of them together).

    `strength` is the effect that is sure, in score: the end of the interval nearer to nothing; 0 unless the
    finding holds. `needed` is the number of examples that would tell, for CANNOT_TELL alone, and None where
    none that is practical would.
    """

    kind: Kind
    model: str | None
    ruling: Ruling
    strength: float
    sentence: str
    signals: tuple[Signal, ...] = ()
    needed: int | None = None

    @property
    def holds(self) -> bool:
        return self.ruling is Ruling.HOLDS


LEVERS: Mapping[str, tuple[str, ...]] = {
    "read": ("read",),
    "constrain": ("constrain",),
    "prompt": ("prompt", "fewshot"),
    "vote": ("vote", "shortest"),
    "best-of with a verifier": ("bestof", "repair", "beam", "dvts", "lookahead"),
    "retrieve": ("retrieve",),
    "LoRA": ("lora",),
    "DPO": ("dpo",),
    "panel": ("panel",),
    "cascade": ("cascade", "agree", "ladder", "scored", "cascaderoute"),
    "route": ("route",),
    "solver": ("solve", "compute"),
    "larger model": (),
    "better labels": (),
}
"""Everything that may be advised, cheapest first, and its names in study files where it is a lever."""


@dataclass(frozen=True)
class Advice:
    """Whether a lever is worth trying on this task, and why.

    `certain` says that the evidence told; without it `worth_trying` means that nothing speaks against it.
    """

    lever: str
    worth_trying: bool
    why: str
    certain: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """What it is called in study files; empty where it is no lever."""
        return LEVERS[self.lever]

    @property
    def runnable(self) -> bool:
        """Whether a study can run it: some lever of this installation goes by its name."""
        return any(name in known() for name in self.names)


@dataclass(frozen=True)
class Diagnosis:
    """Findings on every kind and model, and every lever from the first to try to those not worth trying."""

    findings: Sequence[Finding]
    order: Sequence[Advice]
    signals: Sequence[Signal] = ()
    missing: Mapping[str, str] = field(default_factory=dict)

    @property
    def bounds(self) -> tuple[Finding, ...]:
        """The findings that hold, strongest first."""
        held = [finding for finding in self.findings if finding.holds]
        return tuple(sorted(held, key=lambda finding: -finding.strength))

    def held(self) -> dict[str, str]:
        """The sentences of what holds, by kind and model."""
        return {
            f"{one.kind} ({one.model})" if one.model else str(one.kind): one.sentence for one in self.bounds
        }

    def of(self, kind: Kind, model: str | None = None) -> Finding:
        """The finding of a kind about a model (None: about all of them together).

        Raises:
            KeyError: that kind was not looked at for that model.
        """
        for finding in self.findings:
            if finding.kind is kind and finding.model == model:
                return finding
        raise KeyError(f"no finding of {kind} about {model or 'all models'}")

    def signal(self, name: str, model: str | None = None) -> Signal | None:
        """A signal by name and model, None where it was not measured."""
        return next((one for one in self.signals if one.name == name and one.model == model), None)

    def advice(self, lever: str) -> Advice:
        """The advice on one lever."""
        return next(one for one in self.order if one.lever == lever)
