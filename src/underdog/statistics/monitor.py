"""Watching a promise after deployment: alarms that may be looked at after every observation, for ever.

Two things can be watched. Without labels: how often the plan's answer and the large model's differ on traffic
that is answered by both (shadowed); the plan's harm cannot exceed that rate, so a rate above the certified
one says that the certificate's world has changed. With labels, however late: the loss itself, large minus
plan.

A watch bets against "the mean is at most the level" with many fixed stakes at once. Each stake's capital is
multiplied by a factor whose mean is at most 1 while the promise holds, so the sum is a nonnegative
supermartingale that starts at 1, and by Ville's inequality ever reaches 1/alpha with probability at most
alpha (Waudby-Smith and Ramdas, arXiv 2010.09686). Half of the capital plays from the first observation on;
the other half comes in bit by bit, so that a change after a long quiet time is found too, without ever
starting anew (the weighted sum over start times of Shin, Ramdas and Rinaldo's e-detectors, arXiv 2203.03532,
with weights that sum to 1 and so keep the guarantee for ever).

Which requests are shadowed, or labelled, must be drawn without regard to their answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite, log
from typing import Any, Literal, TypeAlias

from underdog.statistics.intervals import clopper_pearson

Kind: TypeAlias = Literal["disagreement", "loss"]

_STAKES = tuple(0.98 * 2.0 ** (-j / 2) for j in range(18))
_PACE = 100.0
_CEILING = 1e250
_LOWEST: dict[Kind, float] = {"disagreement": 0.0, "loss": -1.0}


@dataclass(frozen=True, slots=True)
class Alarm:
    """The promise is refuted: what was seen, against which level, and how strong the evidence is.

    `evidence` is the capital won against the promise; `alpha`, the chance of any false alarm ever, was chosen
    before and the alarm needs 1/alpha.
    """

    kind: Kind
    n: int
    mean: float
    level: float
    alpha: float
    evidence: float

    @property
    def sentence(self) -> str:
        """For a log, a header or a page."""
        what = {
            "disagreement": "plan and large model disagreed on {mean:.1%} of {n} shadowed requests",
            "loss": "the plan scored {mean:.3f} below the large model on {n} labelled requests",
        }[self.kind]
        seen = what.format(mean=self.mean, n=self.n)
        return (
            f"{seen}, against a certified {self.level:g} at most (evidence {self.evidence:.0f} to 1, alarm "
            f"from {1 / self.alpha:.0f}): certify the plan again, and let the large model answer until then"
        )


@dataclass(slots=True)
class Watch:
    """One running test; feed it one observation at a time. Its `state` is plain JSON.

    `kind` disagreement: observations are 0 or 1 (the answers differ). `kind` loss: large minus plan, in
    [-1, 1], against the certificate's margin. Once raised, the alarm stays: only a new certificate ends it.
    """

    kind: Kind
    level: float
    alpha: float
    n: int
    total: float
    capital: tuple[float, ...]
    reserve: float
    alarm: Alarm | None

    def add(self, observations: float | Iterable[float]) -> Alarm | None:
        """Take in one observation or several, in the order in which they came; the alarm, if there is one.

        Raises:
            ValueError: an observation lies outside its range.
        """
        many = [observations] if isinstance(observations, int | float) else observations
        for value in many:
            self._add(float(value))
        return self.alarm

    @property
    def mean(self) -> float | None:
        """The mean of all observations; None before the first."""
        return self.total / self.n if self.n else None

    @property
    def evidence(self) -> float:
        """The capital now: 1 at the start, and at least 1/alpha raises the alarm."""
        return self.reserve + sum(self.capital) / len(_STAKES)

    @property
    def state(self) -> dict[str, Any]:
        """Everything, as JSON: `restored` goes on from it to the last bit."""
        return asdict(self)

    def _add(self, value: float) -> None:
        lowest = _LOWEST[self.kind]
        if not lowest - 1e-9 <= value <= 1.0 + 1e-9:
            raise ValueError(f"a {self.kind} must lie in [{lowest:g}, 1]; got {value:g}")
        gain = (value - lowest) / (self.level - lowest) - 1.0
        self.n, self.total = self.n + 1, self.total + value
        kept = 0.5 / (1.0 + log(1.0 + self.n / _PACE))
        comes, self.reserve = self.reserve - kept, kept
        self.capital = tuple(
            min((own + comes) * (1.0 + stake * gain), _CEILING)
            for own, stake in zip(self.capital, _STAKES, strict=True)
        )
        if self.alarm is None and self.evidence >= 1.0 / self.alpha:
            mean = self.total / self.n
            self.alarm = Alarm(self.kind, self.n, mean, self.level, self.alpha, self.evidence)


def watch(kind: Kind, level: float, alpha: float = 0.01) -> Watch:
    """A new watch. `level` is the certified rate of disagreement, or the certificate's margin.

    Raises:
        ValueError: the level does not lie in (0, 1), or alpha does not.
    """
    for name, value in (("level", level), ("alpha", alpha)):
        if not 0.0 < value < 1.0:
            raise ValueError(f"the {name} of a watch must lie strictly between 0 and 1; got {value}")
    return Watch(kind, level, alpha, 0, 0.0, (0.5,) * len(_STAKES), 0.5, None)


def restored(state: Mapping[str, Any]) -> Watch:
    """The watch whose `state` this is.

    Raises:
        ValueError: it is no state of a watch.
    """
    try:
        body = dict(state)
        alarm = body.pop("alarm")
        made = Watch(**{**body, "capital": tuple(body["capital"])}, alarm=alarm and Alarm(**alarm))
        sound = made.kind in _LOWEST and len(made.capital) == len(_STAKES)
        sound = sound and all(isfinite(value) and value >= 0 for value in (*made.capital, made.reserve))
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"not the state of a watch: {error}") from None
    if not sound:
        raise ValueError("not the state of a watch: its kind or its capital is not one's")
    return made


def certified_disagreement(differing: int, n: int, confidence: float = 0.99) -> float:
    """The level to watch for: the exact upper bound (one-sided) of the rate seen on the certify split.

    A false alarm then takes a bound that was too low or a false alarm of the watch: at most
    (1 - confidence) + alpha together.

    Raises:
        ValueError: there are no examples, or more differ than there are.
    """
    if n == 0:
        raise ValueError(
            "a certified rate of disagreement takes examples that both models answered; got none"
        )
    return min(clopper_pearson(differing, n, confidence, "upper").high or 0.0, 1.0 - 1e-9)
