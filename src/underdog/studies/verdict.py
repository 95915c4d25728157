"""From numbers to words: does the plan beat the large model, rival it, fall short, or can nobody tell?

Every verdict needs two things to agree: the interval that describes the difference, and a test that holds
at any number of examples. That test is McNemar's exact p (or the sign-flip p) for "beats", and the exact or
betting bounds of `statistics/certificate.py` for "rivals" and "falls short", so that a verdict never says
more than a certificate on the same examples would. Costs change the headline, never the kind. Computes no
statistic of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from underdog.statistics import More, Paired, pairs_to_tell

TOLERATED_FAILURES = 0.02
"""The share of pairs that may have failed before nothing can be told from those that did not."""


class Kind(StrEnum):
    """The four verdicts."""

    BEATS = "beats"
    RIVALS = "rivals"
    FALLS_SHORT = "falls short"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A ruling on one plan against the large model, and all that it rests on.

    `paired` is plan minus large at the corrected confidence, `confidence` what holds over all `looks` arms
    together. Costs are per request in any one unit, None when unknown. `needed` says how many examples would
    tell; it is set for CANNOT_TELL alone, and only when more examples would help. `reason` says why it cannot
    be told.
    """

    kind: Kind
    paired: Paired
    margin: float
    plan: str = "the plan"
    cost_plan: float | None = None
    cost_large: float | None = None
    looks: int = 1
    confidence: float = 0.95
    needed: More | None = None
    reason: str = ""

    @property
    def dearer(self) -> bool | None:
        """Whether the plan costs more than the large model; None when either cost is unknown."""
        if self.cost_plan is None or self.cost_large is None:
            return None
        return self.cost_plan > self.cost_large

    @property
    def headline(self) -> str:
        """The verdict in two to six words, with what must not be left out: a higher or an unknown cost."""
        if self.kind in (Kind.FALLS_SHORT, Kind.CANNOT_TELL) or self.dearer is False:
            return self.kind.value
        return f"{self.kind.value}, at {'higher' if self.dearer else 'unknown'} cost"

    @property
    def sentence(self) -> str:
        """The verdict in plain words: what, by how much, how sure, on how many examples, at what cost."""
        return " ".join(filter(None, (self._claim(), self._evidence(), self._caveats(), self._cost())))

    def _claim(self) -> str:
        points = _points(self.margin)
        if self.kind is Kind.BEATS:
            return f"{_capital(self.plan)} beats the large model."
        if self.kind is Kind.RIVALS:
            return (
                f"{_capital(self.plan)} rivals the large model: it is not worse by more than the"
                f" stated margin of {points}."
            )
        if self.kind is Kind.FALLS_SHORT:
            return f"{_capital(self.plan)} falls short of the large model by more than {points}, the margin."
        claim = f"It cannot be told whether {self.plan} is within {points} of the large model: {self.reason}."
        if self.needed is not None and self.needed.more is not None:
            claim += (
                f" About {self.needed.more:,} more examples ({self.needed.total:,} in all) would tell,"
                f" most likely that it {self.needed.towards}, if the rates stay as they are."
            )
        elif self.needed is not None:
            claim += " The difference lies so close to the margin that no practical number of examples would."
        return claim

    def _evidence(self) -> str:
        p = self.paired
        if p.difference is None or p.low is None or p.high is None or p.p is None:
            return ""
        grouped = f" in {p.groups:,} groups" if p.groups else ""
        looked = f", corrected for the {self.looks} arms looked at" if self.looks > 1 else ""
        return (
            f"It scored {_share(p.a_mean)} against {_share(p.b_mean)}"
            f" on {p.n:,} {_plural('example', p.n)}{grouped}:"
            f" {_signed(p.difference)} points ({_percent(self.confidence)} interval {_signed(p.low)} to"
            f" {_signed(p.high)}, {_p_value(min(1.0, p.p * self.looks))}{looked};"
            f" {p.helps:,} better, {p.harms:,} worse)."
        )

    def _caveats(self) -> str:
        p, said = self.paired, []
        if p.dropped:
            said.append(f"{p.dropped:,} {_plural('pair', p.dropped)} failed and {_were(p.dropped)} left out.")
        if self.kind is Kind.RIVALS and p.high is not None and p.high < 0:
            said.append("It is worse, but by less than the margin.")
        if self.kind is Kind.BEATS and p.low is not None and p.difference and p.difference < self.margin:
            said.append("The lead itself is smaller than the margin.")
        return " ".join(said)

    def _cost(self) -> str:
        if self.cost_plan is None and self.cost_large is None:
            return "Neither cost is known."
        if self.cost_plan is None:
            return "What the plan costs is not known."
        if self.cost_large is None:
            return "What the large model costs is not known."
        if self.cost_plan == self.cost_large:
            return "Both cost the same."
        if self.cost_large == 0:
            return "It costs something where the large model costs nothing."
        if self.cost_plan == 0:
            return "It costs nothing, by the prices given."
        return f"It costs {_times(self.cost_plan / self.cost_large)} what the large model costs."


def judge(
    paired: Paired,
    margin: float,
    plan: str = "the plan",
    cost_plan: float | None = None,
    cost_large: float | None = None,
    looks: int = 1,
) -> Verdict:
    """Rule on `paired` (plan minus large) at `margin`, a difference of mean scores such as 0.03.

    BEATS: the interval lies above 0 and the p-value agrees. RIVALS: interval and sure bound lie above
    -margin. FALLS_SHORT: both lie below it. Otherwise CANNOT_TELL, also when more than 2 % of the pairs
    failed: what broke is seldom like what did not.

    `looks` is how many arms this one was chosen from. `paired` must have been computed at
    `bonferroni(confidence, looks)`: the verdict then holds with `confidence` over all of them.

    Raises:
        ValueError: the margin is not in (0, 1), or `paired.confidence` is too low for so many looks.
    """
    if not 0.0 < margin < 1.0:
        raise ValueError(f"the margin must lie strictly between 0 and 1, for example 0.03; got {margin}")
    risk = (1.0 - paired.confidence) * looks
    if looks < 1 or risk >= 0.5:
        raise ValueError(
            f"an interval at confidence {paired.confidence:g} says nothing over {looks} looks: compute it"
            " with confidence=bonferroni(0.95, looks)"
        )
    kind, reason = _rule(paired, margin)
    told = kind is not Kind.CANNOT_TELL
    needed = None if told or _failed(paired) or paired.n == 0 else pairs_to_tell(paired, margin)
    return Verdict(
        kind, paired, margin, plan, cost_plan, cost_large, looks, round(1.0 - risk, 10), needed, reason
    )


def _rule(paired: Paired, margin: float) -> tuple[Kind, str]:
    low, high, p = paired.low, paired.high, paired.p
    sure_low, sure_high = paired.sure_low, paired.sure_high
    if low is None or high is None or p is None or sure_low is None or sure_high is None:
        return Kind.CANNOT_TELL, paired.note or "no pair was scored"
    if _failed(paired):
        total = paired.n + paired.dropped
        return Kind.CANNOT_TELL, (
            f"{paired.dropped:,} of {total:,} pairs failed ({paired.dropped / total:.1%}, where at most"
            f" {TOLERATED_FAILURES:.0%} may): mend the failures and resume"
        )
    if low > 0 and p <= 1.0 - paired.confidence:
        return Kind.BEATS, ""
    if min(low, sure_low) > -margin:
        return Kind.RIVALS, ""
    if max(high, sure_high) < -margin:
        return Kind.FALLS_SHORT, ""
    if high < 0:
        return (
            Kind.CANNOT_TELL,
            f"it is worse, but by anything from {_worse(sure_high)} to {_worse(sure_low)}",
        )
    return Kind.CANNOT_TELL, f"it may be worse by {_worse(sure_low)} (the bound that holds at any n)"


def _failed(paired: Paired) -> bool:
    return paired.dropped > TOLERATED_FAILURES * (paired.n + paired.dropped)


def _worse(difference: float) -> str:
    return _points(max(-difference, 0.0))


def _points(share: float) -> str:
    """0.03 as "3 points"."""
    number = f"{100 * share:.1f}".removesuffix(".0")
    return f"{number} point" if number == "1" else f"{number} points"


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}"


def _share(share: float | None) -> str:
    return "nothing" if share is None else f"{share:.3f}".removeprefix("0")


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"


def _p_value(p: float) -> str:
    return "p < .0001" if p < 1e-4 else f"p = {p:.2g}".replace("= 0.", "= .")


def _times(ratio: float) -> str:
    return f"{ratio:.2g} times" if ratio >= 0.995 else f"{100 * ratio:.2g} % of"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _capital(name: str) -> str:
    return f"{name[:1].upper()}{name[1:]}" if name == "the plan" else name
