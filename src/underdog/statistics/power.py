"""How many examples an answer takes, before the study and after it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, sqrt

from underdog.statistics.certificate import Candidate, certificate_pairs
from underdog.statistics.paired import Paired, score_variance
from underdog.statistics.quantiles import normal_quantile, two_sided_z

_MOST = 10_000_000


@dataclass(frozen=True, slots=True)
class More:
    """The examples that would tell: `total` pairs, `more` than now, and which way it would then be told.

    Both are None when no number up to ten million would: the difference sits on the margin.
    `towards` is "rivals" or "falls short".
    """

    total: int | None
    more: int | None
    towards: str


def noninferiority_pairs(
    margin: float,
    discordance: float,
    difference: float = 0.0,
    confidence: float = 0.95,
    power: float = 0.8,
) -> int:
    """Pairs of 0/1 scores for the interval's low end to clear -margin with this power.

    `discordance` is the share of pairs on which the two differ, `difference` the true plan minus large.
    The sample size of Tango's score test (Nam 1997, Biometrics 53:1422), two-sided `confidence`: at 10 %
    discordance and 80 % power a 2-point margin takes about 2,000 pairs and 5 points 350. The cruder
    (z / margin)^2 * discordance says 1,962 and 314, where simulated power is 79.7 % and 76 %.
    """
    if not 0.0 < margin < 1.0:
        raise ValueError(f"the margin must lie strictly between 0 and 1; got {margin}")
    if difference <= -margin:
        raise ValueError(f"a true difference of {difference:g} is not within the margin of {margin:g}")
    return ceil(_score_pairs(-margin, discordance, difference, confidence, power))


def superiority_pairs(
    difference: float, discordance: float, confidence: float = 0.95, power: float = 0.8
) -> int:
    """Pairs of 0/1 scores for McNemar's test to find this difference. Connor 1987, Biometrics 43:207."""
    if difference == 0.0:
        raise ValueError("no number of pairs shows a difference of 0 to be a difference")
    _check_discordance(discordance, difference)
    z, z_power = two_sided_z(confidence), normal_quantile(power)
    root = z * sqrt(discordance) + z_power * sqrt(discordance - difference**2)
    return ceil((root / difference) ** 2)


def pairs_to_tell(paired: Paired, margin: float, power: float = 0.8) -> More:
    """How many pairs would tell whether A is worse than B by more than the margin, by the sure bounds.

    Assumes that the difference, the discordance and the grouping stay as observed: a plan for the next
    study, not a promise. For 0/1 scores from the exact bounds; otherwise the bound's distance is taken to
    shrink with the root of n.
    """
    difference, low, high = paired.difference, paired.sure_low, paired.sure_high
    if difference is None or low is None or high is None or paired.second_moment is None:
        raise ValueError("no pair was scored, so there is nothing to plan from")
    rivals = difference > -margin
    if low > -margin or high < -margin:
        total: int | None = paired.n
    elif paired.p_mid is not None:
        pairs = Candidate("a", paired.n, paired.helps, paired.harms)
        total = certificate_pairs(
            pairs if rivals else pairs.mirrored, margin if rivals else -margin, paired.confidence, power
        )
    else:
        reach = (difference - low if rivals else high - difference) * sqrt(paired.n)
        variance = max(paired.second_moment - difference**2, 0.0) * paired.design_effect
        root = reach + normal_quantile(power) * sqrt(variance)
        distance = abs(difference + margin)
        total = None if distance * sqrt(_MOST) < root else ceil((root / distance) ** 2)
    towards = "rivals" if rivals else "falls short"
    return More(total, None if total is None else max(total - paired.n, 0), towards)


def _score_pairs(
    level: float, discordance: float, difference: float, confidence: float, power: float
) -> float:
    """Pairs for the score interval around `difference` to exclude `level`; infinite when they coincide."""
    _check_discordance(discordance, difference)
    distance = abs(difference - level)
    helped, harmed = (discordance + difference) / 2, (discordance - difference) / 2
    # The score test is not symmetric in the level's sign: measure from the side it is approached.
    null = (
        score_variance(helped, harmed, level)
        if difference > level
        else score_variance(harmed, helped, -level)
    )
    root = two_sided_z(confidence) * sqrt(null) + normal_quantile(power) * sqrt(discordance - difference**2)
    return (root / distance) ** 2 if distance > 0 else inf


def _check_discordance(discordance: float, difference: float) -> None:
    if not abs(difference) <= discordance <= 1.0 + 1e-9:
        raise ValueError(
            f"discordance must lie between |difference| and 1; got {discordance:g} for {difference:g}"
        )
