"""Variants: a lever with several values of one setting, `k: [1, 2, 4]`, is as many arms of the race.

So a setting is chosen as levers are: on tune, beside everything else, and every value counts as one more arm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from underdog.answerer import Answerer
from underdog.errors import StudyError
from underdog.levers import known

_PLAIN = (int, float, str, bool, type(None))


def variants(
    name: str, raw: Any, load: Callable[[Any], Answerer], where: str
) -> Iterator[tuple[str, Answerer]]:
    """The arms that a lever of a study file is: one under its own name, or one a value, "name, k 2".

    The lever is loaded once: what it reads (an index) is shared by its arms.

    Raises:
        StudyError: two settings with several values, none or one value twice, or a value that cannot be.
    """
    several = _several(raw)
    if not several:
        yield name, load(raw)
        return
    if len(several) > 1:
        raise StudyError(
            f"{where}: only one setting may have several values; got {' and '.join(several)}: name a lever "
            "for each value of the other"
        )
    [(key, hint)] = several.items()
    values = raw[key]
    if not values or len(values) != len({str(value) for value in values}):
        raise StudyError(f"{where}.{key}: needs values that differ; got {values!r}")
    first: Any = load({**raw, key: values[0]})
    for value in values:
        try:
            made = replace(first, **{key: msgspec.convert(value, hint)})
        except msgspec.ValidationError as error:
            raise StudyError(f"{where}.{key}: {error}; got {value!r}") from None
        yield f"{name}, {key} {value}", made


def _several(raw: Any) -> dict[str, Any]:
    """The settings of a lever that stand in the file as lists although each takes one plain value."""
    kind = str(raw.get("lever", "")).lower() if isinstance(raw, Mapping) else ""
    if kind not in known():
        return {}
    hints = get_type_hints(known()[kind])
    return {
        key: hints[key] for key, value in raw.items() if isinstance(value, list) and _plain(hints.get(key))
    }


def _plain(hint: Any) -> bool:
    """Whether a field of this type holds one text, number or word."""
    if get_origin(hint) in (Union, UnionType):
        return all(_plain(inner) for inner in get_args(hint))
    return hint in _PLAIN or get_origin(hint) is Literal
