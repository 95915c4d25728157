"""The order in which disagreements are shown: random, seeded, and sooner for what can move the verdict more.

Weighted sampling without replacement as an exponential race (Efraimidis and Spirakis 2006, Inf Process Lett
97:181): at every step each item that is left comes next with probability proportional to its weight. Nothing
but the seed and the item decides its place in the race, so labelling goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from math import log
from typing import Protocol, TypeVar


class Weighed(Protocol):
    """What can be drawn: its name, and a weight above 0."""

    @property
    def item(self) -> str: ...

    @property
    def weight(self) -> float: ...


_T = TypeVar("_T", bound=Weighed)


def drawn_order(items: Iterable[_T], seed: str) -> tuple[_T, ...]:
    """The items as the race ends."""
    return tuple(sorted(items, key=lambda one: -log(uniform(seed, "order", one.item)) / one.weight))


def uniform(*words: str) -> float:
    """A number in (0, 1) from the hash of words: the same on every machine."""
    hashed = hashlib.sha256("\0".join(words).encode(errors="surrogatepass")).digest()
    return (int.from_bytes(hashed[:6], "big") + 0.5) / 2**48
