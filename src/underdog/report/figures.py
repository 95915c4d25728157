"""How single numbers are written: percentages with an interval, points, costs, durations. No tables here.

What is unknown is a dash, never a zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import floor, isnan, log10
from typing import Any

from underdog.studies.cost import Unit, in_words

DASH = "—"
LENIENT = "~lenient"


def percent(share: float | None) -> str:
    """A share in [0, 1] as `87.4 %`."""
    return DASH if _unknown(share) else f"{100 * share:.1f} %"  # type: ignore[operator]


def interval(values: Mapping[str, Any] | None) -> str:
    """An interval's mapping (estimate, low, high) as `87.4 % [85.5, 89.1]`."""
    if values is None or _unknown(values.get("estimate")):
        return DASH
    low, high = values.get("low"), values.get("high")
    if _unknown(low) or _unknown(high):
        return f"{percent(values['estimate'])} [{DASH}]"
    return f"{percent(values['estimate'])} [{100 * low:.1f}, {100 * high:.1f}]"  # type: ignore[operator]


def plain_interval(values: Mapping[str, Any] | None) -> str:
    """The interval of a metric that is no share (kappa, say) as `0.874 [0.855, 0.891]`."""
    if values is None or _unknown(values.get("estimate")):
        return DASH
    low, high = values.get("low"), values.get("high")
    ends = DASH if _unknown(low) or _unknown(high) else f"{low:.3f}, {high:.3f}"
    return f"{values['estimate']:.3f} [{ends}]"


def whole_percent(share: float) -> str:
    """A level such as 0.95 as `95 %`."""
    return f"{100 * share:.6g} %"


def points(difference: float | None) -> str:
    """A difference of two shares in percentage points, signed: `+1.2`, `-0.7`."""
    return DASH if _unknown(difference) else f"{100 * difference:+.1f}"  # type: ignore[operator]


def points_interval(paired: Mapping[str, Any]) -> str:
    """A paired difference as `-0.7 [-2.1, +0.6]`, in points."""
    if _unknown(paired.get("difference")):
        return DASH
    return f"{points(paired['difference'])} [{points(paired.get('low'))}, {points(paired.get('high'))}]"


def margin(share: float) -> str:
    """A margin such as 0.02 as `2 points`."""
    number = f"{100 * share:.4g}"
    return f"{number} point" if number == "1" else f"{number} points"


def count(number: float | None) -> str:
    """A whole number with separators."""
    return DASH if _unknown(number) else f"{number:,.0f}"


def dollars(amount: float | None) -> str:
    """Money in cents, with two digits where it is less: `$12.30`, `$0.0042`, `$0`. No powers of ten."""
    if _unknown(amount):
        return DASH
    assert amount is not None
    if amount == 0:
        return "$0"
    if abs(amount) >= 0.1:
        return f"${amount:,.2f}"
    cents, _, rest = f"{amount:.{1 - floor(log10(abs(amount)))}f}".partition(".")
    return f"${cents}.{rest[:2]}{rest[2:].rstrip('0')}"


def cost(amount: float | None, unit: Unit | None) -> str:
    """What answers cost on average: 1,000 of them in dollars, one of them in FLOPs or tokens."""
    if unit == "dollars":
        return dollars(None if amount is None else 1000 * amount)
    return in_words(amount, unit)


def cost_heading(unit: Unit | None) -> str:
    """The heading of a column of `cost`."""
    return "cost of 1,000" if unit == "dollars" else "cost of one"


def clock(seconds: float | None) -> str:
    """A duration as `0:07`, `12:40` or `2:03:00`."""
    if _unknown(seconds):
        return DASH
    assert seconds is not None
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def arm_title(name: str) -> str:
    """An arm's name for people: `small~lenient` is the small model, leniently read."""
    return f"{name.removesuffix(LENIENT)}, leniently read" if name.endswith(LENIENT) else name


def model_title(name: str) -> str:
    """A model's name for people: of a path only its end, of a recording only which one of its models."""
    engine, _, rest = name.partition("/")
    if "#" in rest:
        return f"{engine}/…#{rest.partition('#')[2]}"
    return f"{engine}/…/{rest.rsplit('/', 1)[1]}" if rest.count("/") > 1 else name


def _unknown(value: float | None) -> bool:
    return value is None or isnan(value)
