"""What goes into a race and what comes out of it: its rules, its legs and how every arm stands at the end.

Values only; `racing.py` is the race.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from underdog.statistics.intervals import Interval


@dataclass(frozen=True, slots=True)
class Rules:
    """What a race may do.

    `margin` is what "good enough" may lose to the large model; `confidence` holds over all claims of the race
    together (two-sided). `share` of what measuring every arm on every unit would take is the most it spends,
    but every arm may have `floor` units: with few, a poor choice costs more than the calls. Before `first`
    units nothing is decided. `risk` is how much of the odds of the choice is given up at one look. `pairs` is
    how many fresh pairs the chosen arm will be certified on, where that is known.
    """

    margin: float
    confidence: float = 0.95
    share: float = 1 / 3
    floor: int = 150
    first: int = 50
    risk: float = 0.005
    pairs: int | None = None


class Fate(StrEnum):
    """How an arm left the race. The first two are shown; the others claim nothing of the arm."""

    WORSE = "shown worse"
    SHORT = "shown to fall short"
    DEAR = "costs more than the large model"
    OVERTAKEN = "would not be chosen"
    WITHDRAWN = "withdrawn"
    CHOSEN = "chosen"
    UNDECIDED = "not chosen"


class Claim(StrEnum):
    """What a race has shown of the arm that it chose."""

    GOOD_ENOUGH = "within the margin of the large model, at less cost"
    HELPS = "better than the incumbent"
    NOTHING = "nothing shown"


@dataclass(frozen=True, slots=True)
class Standing:
    """One arm at the end of a race: means over the `n` units it was measured on, and why it went no further.

    The intervals hold at any n and over all arms of the race together. `rival` is the arm it lost to.
    """

    arm: str
    n: int
    score: float | None
    cost: float | None
    fate: Fate
    against_large: Interval
    against_incumbent: Interval
    rival: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a race: the arm chosen, what was shown of it, and every arm's standing.

    `spent` and `grid` are calls, those that arms share counted once: what the race took, and what every arm
    and the large model on every unit would have taken.
    """

    chosen: str
    claim: Claim
    standings: Mapping[str, Standing]
    units: int
    spent: float
    grid: float


@dataclass(frozen=True, slots=True)
class Leg:
    """Measure `arms` (the large model among them) on units start to stop, the latter not included."""

    arms: tuple[str, ...]
    start: int
    stop: int
