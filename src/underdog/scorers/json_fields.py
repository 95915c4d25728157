"""json: the final answer is JSON that meets a schema and has the target's fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from underdog.example import Example
from underdog.reading import Reading
from underdog.reading.json_text import MISSING, at_path, dump, parse
from underdog.scorers.json_schema import check, same, valid
from underdog.scorers.scorer import wrong_target


@dataclass(frozen=True)
class Json:
    """The share of fields that are as in the target, out of the fields that either has.

    A field is a leaf (`customer.name`, `items.0`); inventing fields costs as much as missing them. With
    `fields` only those places count. With `whole` it is all or nothing. An answer that does not meet
    `schema` scores 0; with a schema and no target, meeting it scores 1. Texts are compared without the
    white space around them, and with `ignore_case` in any case of letters.
    """

    schema: Mapping[str, Any] | None = None
    fields: tuple[str, ...] = ()
    whole: bool = False
    ignore_case: bool = False

    name: ClassVar[str] = "json"

    def __post_init__(self) -> None:
        if self.schema is not None:
            check(self.schema)

    @property
    def reading(self) -> Reading:
        return Reading("json")

    def score(self, final: str, example: Example) -> float:
        value = parse(final)
        if value is MISSING or (self.schema is not None and not valid(value, self.schema)):
            return 0.0
        target = self.target(example)
        if target is MISSING:
            return 1.0
        if self.fields:
            answer = {place: at_path(value, place) for place in self.fields}
            wanted = {place: at_path(target, place) for place in self.fields}
        else:
            answer, wanted = dict(leaves(value)), dict(leaves(target))
        places = {*answer, *wanted}
        right = sum(self.equal(answer.get(place, MISSING), wanted.get(place, MISSING)) for place in places)
        return float(right == len(places)) if self.whole else right / len(places)

    def equal(self, one: Any, other: Any) -> bool:
        if one is MISSING or other is MISSING:
            return False
        if isinstance(one, str) and isinstance(other, str):
            return self.plain(one) == self.plain(other)
        return same(one, other)

    def plain(self, text: str) -> str:
        return text.strip().casefold() if self.ignore_case else text.strip()

    def target(self, example: Example) -> Any:
        """The target as a JSON value; a text is parsed when it holds an object or a list.

        Raises:
            DataError: no target and no schema, a field the target does not have, or a broken target.
        """
        target = example.target
        if target is None and self.schema is not None:
            return MISSING
        if isinstance(target, str) and target.lstrip()[:1] in ("{", "["):
            target = parse(target)
        if target is None or target is MISSING or dump(target) is None:
            raise wrong_target(example, self.name, "a JSON value")
        for place in self.fields:
            if at_path(target, place) is MISSING:
                raise wrong_target(example, self.name, f"an object with the field {place!r}")
        return target

    def gold(self, example: Example) -> str | None:
        target = self.target(example)
        return None if target is MISSING else dump(target)


def leaves(value: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """The leaves of a JSON value with their places; an empty object or list is a leaf, as is a scalar."""
    parts: Any = ()
    if isinstance(value, Mapping):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    if not parts:
        yield place, value
    for key, part in parts:
        yield from leaves(part, (*place, str(key)))
