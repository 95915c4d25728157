"""From judged policies to advice: route, do not route, or cannot tell. The rules and their words.

A policy pays when, on questions that nothing was fitted on, it beats the random mix of single answerers at
its cost, and either scores above the default, or is certified to stay within the margin at a lower cost,
which no single answerer does as cheaply. Several policies are looked at, so each is tested at its share of
the risk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from underdog.routing.curve import Point
from underdog.routing.judged import Figures, Judged
from underdog.routing.policy import Policy
from underdog.statistics.certificate import Certificate, Refusal
from underdog.statistics.paired import Paired
from underdog.statistics.power import superiority_pairs

Ruling: TypeAlias = Certificate | Refusal


class Kind(StrEnum):
    """What to do about routing on this table."""

    ROUTE = "route"
    DO_NOT = "do not route"
    CANNOT_TELL = "cannot tell"


class Goal(StrEnum):
    """What a policy was picked for by cross-validation."""

    BETTER = "better"
    CHEAPER = "cheaper"


@dataclass(frozen=True)
class Contender:
    """One policy that was picked for a goal, and what it did on the held-out questions.

    `expected` is what cross-validation saw where it was picked (which flatters it). `certificate` says
    whether it stays within the margin of the default. `faults` names every control that it does not beat;
    without any it `pays`. `curve` is the whole turn of its knob on the held-out questions, to look at: only
    the picked turn was judged.
    """

    goal: Goal
    settings: str
    expected: Point
    row: Judged
    certificate: Ruling
    figures: Figures
    faults: tuple[str, ...]
    curve: tuple[Point, ...]
    policy: Policy

    @property
    def pays(self) -> bool:
        return not self.faults


@dataclass(frozen=True)
class Ground:
    """What the advice rests on besides the contenders.

    `spare` is the cheapest single answerer within the margin, None when that is the default itself, and
    `spared` the certificate for asking it instead of the default.
    """

    default: Judged
    spare: Judged | None
    spared: Ruling | None
    margin: float
    confidence: float
    seed: int
    learned: int
    judged: int
    controls: tuple[Judged, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Advice:
    """Whether to route, in one sentence, and all that it rests on.

    `use` is the router, or the answerer to ask alone; `policy` is what to serve, None unless the advice is to
    route. `routers` has every family at its best cross-validated settings on the held-out questions, for
    comparison only: no claim is made from it.
    """

    kind: Kind
    sentence: str
    use: str
    ground: Ground
    contenders: tuple[Contender, ...]
    routers: tuple[Judged, ...]
    policy: Policy | None

    def __str__(self) -> str:
        return self.sentence


def rule(ground: Ground, contenders: Sequence[Contender], routers: Sequence[Judged], why: str = "") -> Advice:
    """The advice. `why` says why no router was tried, when none was."""
    paying = [one for one in contenders if one.pays]
    chosen = max(paying, key=_worth, default=None)
    hopeful = [one for one in contenders if _undecided(one, ground.margin)]
    use = ground.default.about
    if chosen is not None:
        kind, use, sentence = Kind.ROUTE, chosen.row.name, _routed(chosen, ground)
    elif hopeful and not why:
        kind, sentence = Kind.CANNOT_TELL, _cannot_tell(max(hopeful, key=_worth), ground)
    else:
        kind, sentence = Kind.DO_NOT, _do_not(max(contenders, key=_worth, default=None), ground, why)
        if isinstance(ground.spared, Certificate) and ground.spare is not None:
            use = ground.spare.about
    policy = None if chosen is None else chosen.policy
    return Advice(kind, sentence, use, ground, tuple(contenders), tuple(routers), policy)


def faults(goal: Goal, row: Judged, certificate: Ruling, ground: Ground) -> tuple[str, ...]:
    """The controls that a policy does not beat; none when it pays."""
    found = []
    if row.over_mix is None or not _surely_above(row.over_mix):
        found.append(f"the mix of single answerers at its cost: {_points(row.over_mix)}")
    if goal is Goal.BETTER:
        if row.against is None or not _surely_above(row.against):
            found.append(f"{ground.default.about} alone: {_points(row.against)}")
        return tuple(found)
    if isinstance(certificate, Refusal):
        found.append(f"the margin: {certificate.reason}")
    if row.relative is None or row.relative >= 1.0:
        found.append(f"the cost of {ground.default.about} alone")
    spare = ground.spare
    if isinstance(ground.spared, Certificate) and spare is not None and _no_dearer(spare, row):
        found.append(f"{spare.about} alone, which stays within the margin and costs no more")
    return tuple(found)


def _worth(one: Contender) -> tuple[bool, float, float]:
    """Of several that pay the better ones first, then the higher score, then the cheaper."""
    return one.goal is Goal.BETTER, one.row.score.estimate or 0.0, -(one.row.cost or 0.0)


def _surely_above(paired: Paired) -> bool:
    risk = 1 - paired.confidence
    return paired.low is not None and paired.p is not None and paired.low > 0 and paired.p <= risk


def _undecided(one: Contender, margin: float) -> bool:
    """Whether a gain worth having (more than the margin) is still within the interval."""
    if one.goal is Goal.CHEAPER and isinstance(one.certificate, Refusal) and one.certificate.needed is None:
        return False
    against = one.row.against if one.goal is Goal.BETTER else one.row.over_mix
    return against is None or against.high is None or against.high > margin


def _no_dearer(one: Judged, other: Judged) -> bool:
    return one.cost is not None and other.cost is not None and one.cost <= other.cost


def _routed(one: Contender, ground: Ground) -> str:
    row = one.row
    mix = f"{_points(row.over_mix)} over the mix of single answerers at its cost"
    cost = "" if row.relative is None else f", at {row.relative:.0%} of its cost"
    if one.goal is Goal.BETTER:
        return (
            f"Route: {row.name} scores {_percent(row)} where {ground.default.about} alone scores "
            f"{_percent(ground.default)} on {ground.judged:,} held-out questions, {_points(row.against)}"
            f"{cost}; {mix}."
        )
    return (
        f"Route to save: nothing was shown to score above {ground.default.about} alone, but {row.name} is "
        "certified not worse than it by more than "
        f"{100 * ground.margin:g} points{cost}, on {ground.judged:,} held-out questions "
        f"({_points(row.against)}); {mix}."
    )


def _cannot_tell(one: Contender, ground: Ground) -> str:
    until = f"until then ask {ground.default.about}{_spare(ground)}."
    needed = one.certificate.needed if isinstance(one.certificate, Refusal) else None
    if one.goal is Goal.CHEAPER and needed is not None:
        cost = "" if one.row.relative is None else f" at {one.row.relative:.0%} of its cost"
        return (
            f"Cannot tell: {one.row.name}{cost} may stay within {100 * ground.margin:g} points of "
            f"{ground.default.about} ({_points(one.row.against)}), but {ground.judged:,} held-out questions "
            f"do not certify it; about {needed:,} would; {until}"
        )
    paired = one.row.against if one.goal is Goal.BETTER else one.row.over_mix
    other = f"{ground.default.about} alone" if one.goal is Goal.BETTER else "the mix at its cost"
    return (
        f"Cannot tell: on {ground.judged:,} held-out questions {one.row.name} came out at {_points(paired)} "
        f"against {other}{more(paired)}; {until}"
    )


def more(paired: Paired | None) -> str:
    """How many held-out questions would show a gain as large as the one seen."""
    if paired is None or not paired.difference or paired.difference <= 0 or not paired.second_moment:
        return "; more questions would tell"
    # Fractional differences are smaller when squared: their share of differing questions is at least this.
    discordance = max(paired.second_moment, paired.difference)
    needed = superiority_pairs(paired.difference, discordance, paired.confidence)
    return f"; about {max(needed, paired.n + 1):,} of them would show such a difference"


def _do_not(one: Contender | None, ground: Ground, why: str) -> str:
    if why or one is None:
        return f"Do not route: {why or 'there is nothing to route by'}{_spare(ground)}."
    paired = one.row.against
    return (
        f"Do not route: {ground.default.about} alone scores {_percent(ground.default)}, and the best router "
        f"({one.row.name}) came out at {_points(paired)} against it on {ground.judged:,} held-out questions, "
        f"not surely above {'; '.join(one.faults)}{_spare(ground)}."
    )


def _spare(ground: Ground) -> str:
    """The cheaper single answerer, where there is one that is certified."""
    spare = ground.spare
    if spare is None or not isinstance(ground.spared, Certificate):
        return ""
    cost = "" if spare.relative is None else f" at {spare.relative:.0%} of its cost"
    return (
        f"; {spare.about} alone is certified to stay within {100 * ground.margin:g} points of "
        f"{ground.default.about}{cost}"
    )


def _percent(row: Judged) -> str:
    return "—" if row.score.estimate is None else f"{100 * row.score.estimate:.1f} %"


def _points(paired: Paired | None) -> str:
    """A paired difference with its interval, in points."""
    if paired is None or paired.difference is None or paired.low is None or paired.high is None:
        return "no comparison"
    return f"{100 * paired.difference:+.1f} points [{100 * paired.low:+.1f}, {100 * paired.high:+.1f}]"
