"""How the numbers of a diagnosis are written, and how many examples would settle one. No signal, no rule."""

from __future__ import annotations

from math import ceil

from underdog.statistics import Interval, wilson
from underdog.statistics.quantiles import normal_quantile, two_sided_z

__all__ = ["Told", "capital", "counted", "enough", "gain", "listed", "loss", "percent", "share", "told"]

_POWER = 0.8
_MOST = 1_000_000

Told = bool | None
"""True: above the level. False: below it. None: the interval holds the level, or there is none."""


def told(interval: Interval, level: float) -> Told:
    """Which side of a level the whole interval lies on."""
    if interval.low is None or interval.high is None:
        return None
    if interval.low > level:
        return True
    return False if interval.high < level else None


def enough(interval: Interval, level: float) -> int | None:
    """About how many examples would put the whole interval on one side of the level, at 80 % power.

    The estimate is taken to stay as it is and the interval to shrink with the root of n (Wilson's: as it
    does). None where it is told already or undefined, and where no number up to a million would tell because
    the estimate sits on the level.
    """
    estimate, low, high = interval.estimate, interval.low, interval.high
    if estimate is None or low is None or high is None or interval.n == 0:
        return None
    if told(interval, level) is not None:
        return None
    if interval.method == "wilson" and estimate in (0.0, 1.0):
        return _sure(estimate, level, interval.confidence)
    z = two_sided_z(interval.confidence)
    stretch = (z + normal_quantile(_POWER)) / z
    reach = estimate - low if estimate > level else high - estimate
    distance = abs(estimate - level)
    if distance == 0.0 or interval.n * (stretch * reach / distance) ** 2 > _MOST:
        return None
    return max(interval.n + 1, ceil(interval.n * (stretch * reach / distance) ** 2))


def _sure(estimate: float, level: float, confidence: float) -> int | None:
    """The n at which none (or all) of n puts Wilson's interval on one side of the level."""
    below, above = 1, _MOST
    if told(wilson(round(estimate * above), above, confidence), level) is None:
        return None
    while below < above:
        middle = (below + above) // 2
        clear = told(wilson(round(estimate * middle), middle, confidence), level) is not None
        below, above = (below, middle) if clear else (middle + 1, above)
    return above


def share(interval: Interval) -> str:
    """A share or a score: 79.4 % (78.1 to 80.6)."""
    if interval.estimate is None or interval.low is None or interval.high is None:
        return "unknown"
    return f"{percent(interval.estimate)} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def percent(value: float, digits: int = 1) -> str:
    """A share as a number of percent: 79.4 %."""
    return f"{100 * value:.{digits}f} %"


def gain(interval: Interval) -> str:
    """A difference of scores: +8.7 points (+7.1 to +10.3)."""
    if interval.estimate is None or interval.low is None or interval.high is None:
        return "an unknown number of points"
    ends = f"({_signed(interval.low)} to {_signed(interval.high)})"
    return f"{_signed(interval.estimate)} points {ends}"


def loss(interval: Interval) -> str:
    """What is lost of a score: 8.7 points (7.1 to 10.3)."""
    if interval.estimate is None or interval.low is None or interval.high is None:
        return "an unknown number of points"
    low, estimate, high = (f"{100 * end:.1f}" for end in (interval.low, interval.estimate, interval.high))
    return f"{estimate} points ({low} to {high})"


def counted(n: int, thing: str = "example") -> str:
    """A number of things: 1 example, 1,319 examples."""
    return f"{n:,} {thing}" if n == 1 else f"{n:,} {thing}s"


def listed(names: list[str] | tuple[str, ...]) -> str:
    """Names in a sentence: a, b and c."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def capital(text: str) -> str:
    """The text with a capital first letter; names that begin it stay as they are."""
    return text[:1].upper() + text[1:]


def _signed(value: float) -> str:
    points = round(100 * value, 1)
    return f"{points:+.1f}" if points else "0.0"
