"""JSON as text: parsing that never raises, the canonical form, and JSON found inside other text.

Not a reading rule; json_value.py and tool_call.py stand on it.
"""

from __future__ import annotations

import json
from typing import Any, Final

MISSING: Final = object()
"""What a failed parse gives: None is a JSON value."""

MAX_CHARS = 1_000_000


def refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


DECODER = json.JSONDecoder(parse_constant=refuse, strict=False)


def parse(text: str) -> Any:
    """The value that the whole text is, or MISSING. NaN and Infinity are not JSON."""
    if len(text) > MAX_CHARS:
        return MISSING
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError):
        return MISSING


def dump(value: Any, exact: bool = False) -> str | None:
    """The one JSON text of a value, or None when it has none: keys sorted, no spaces.

    Whole floats are written as integers, so that equal numbers have equal texts, unless `exact`.
    """
    try:
        plain = value if exact else whole(value)
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        text.encode()
    except UnicodeEncodeError:
        # A lone surrogate from "\\ud800": kept as its escape, so that stores and sockets can carry it.
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError, OverflowError):
        return None
    return text


def whole(value: Any) -> Any:
    """The value with 2.0 as 2, all the way down."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, list | tuple):
        return [whole(one) for one in value]
    if isinstance(value, dict):
        return {str(key): whole(one) for key, one in value.items()}
    return value


def embedded(text: str, openers: str = "{[") -> list[Any]:
    """Every outermost JSON object or list inside a text, in order.

    At most 200 places are tried, so that a text of brackets costs no more than a long text.
    """
    found: list[Any] = []
    place, tries = 0, 0
    while tries < 200 and len(text) <= MAX_CHARS:
        starts = [at for at in (text.find(opener, place) for opener in openers) if at >= 0]
        if not starts:
            break
        place, tries = min(starts), tries + 1
        try:
            value, place = DECODER.raw_decode(text, place)
        except (ValueError, RecursionError):
            place += 1
        else:
            found.append(value)
    return found


def at_path(value: Any, path: str) -> Any:
    """The value at a dotted path ("answer", "result.items.0"), or MISSING."""
    for part in path.split(".") if path else ():
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value
