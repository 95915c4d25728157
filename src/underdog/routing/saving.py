"""A frozen dataclass of arrays and plain values as named arrays and a JSON object, and back.

What a router or an embedding learned is saved by its fields, whatever they are: arrays go beside each other
under dotted names, the rest into the JSON. Only the classes listed by the caller are ever made: no code is in
a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from underdog.errors import DataError


def state_of(value: Any, prefix: str = "") -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]]:
    """The arrays, by names that begin with `prefix`, and the plain rest."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    plain: dict[str, Any] = {"kind": type(value).__name__}
    for item in fields(value):
        inner, name = getattr(value, item.name), f"{prefix}{item.name}"
        if isinstance(inner, np.ndarray):
            arrays[name] = inner
        elif isinstance(inner, tuple) and inner and all(is_dataclass(one) for one in inner):
            parts = [state_of(one, f"{name}.{i}.") for i, one in enumerate(inner)]
            for found, _ in parts:
                arrays |= found
            plain[item.name] = [rest for _, rest in parts]
        else:
            plain[item.name] = inner
    return arrays, plain


def made_from(
    kinds: Mapping[str, type[Any]],
    arrays: Mapping[str, np.ndarray[Any, Any]],
    plain: Mapping[str, Any],
    prefix: str = "",
) -> Any:
    """The value that `state_of` took apart.

    Raises:
        DataError: a kind that is not among `kinds`, or a field that is missing or not known.
    """
    kind = kinds.get(str(plain.get("kind")))
    if kind is None:
        raise DataError(
            f"the router's file holds a {plain.get('kind')!r}; this underdog knows "
            f"{', '.join(sorted(kinds))}: use the one that wrote it"
        )
    body: dict[str, Any] = {}
    for item in fields(kind):
        name = f"{prefix}{item.name}"
        if name in arrays:
            body[item.name] = arrays[name]
            continue
        if item.name not in plain:
            raise DataError(f"the router's file lacks {name!r}, which a {kind.__name__} has: write it again")
        value = plain[item.name]
        if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            value = tuple(made_from(kinds, arrays, one, f"{name}.{i}.") for i, one in enumerate(value))
        body[item.name] = tuple(value) if isinstance(value, list) else value
    return kind(**body)
