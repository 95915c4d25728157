"""Learners: levers that are fitted on what their members did, and how such parts of an answerer are found.

`fit(examples, written)` draws on examples (demonstrations); `fit_on(experience)` draws on outcomes: who got
which example how right, at what cost. A study measures them and fits the lever.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any, Protocol, TypeGuard

from underdog.answerer import Answerer, Model, Request, Steps
from underdog.routing.experience import Experience


class Learner(Protocol):
    """A lever that learns from its members' outcomes."""

    @property
    def unfitted(self) -> bool:
        """Whether there is something left to learn."""
        ...

    @property
    def pool(self) -> tuple[Answerer, ...]:
        """Whose outcomes it learns from, the safest last: it is asked where nothing could be learned."""
        ...

    def fit_on(self, experience: Experience) -> Learner:
        """The same lever, fitted; the experience has a column for each of the pool, in its order.

        Raises:
            Declined: the experience does not speak for it.
        """
        ...

    def steps(self, request: Request) -> Steps: ...


def learns(answerer: Answerer) -> TypeGuard[Learner]:
    """Whether it is a learner that is not fitted yet."""
    return bool(getattr(answerer, "unfitted", False))


def unfitted(answerer: Answerer) -> Iterator[Learner]:
    """Every learner inside an answerer, itself included, that is not fitted yet; the outermost first."""
    return (part for part in inside(answerer) if learns(part))


def inside(answerer: Answerer) -> Iterator[Answerer]:
    """The answerer and every part of it, the outermost first."""
    yield answerer
    for part in parts(answerer).values():
        for one in part if isinstance(part, tuple) else (part,):
            yield from inside(one)


def changed(answerer: Answerer, change: Callable[[Answerer], Answerer]) -> Answerer:
    """The answerer with `change` made to every part of it and then to itself."""
    made = {
        name: tuple(changed(one, change) for one in part)
        if isinstance(part, tuple)
        else changed(part, change)
        for name, part in parts(answerer).items()
    }
    whole: Any = replace(answerer, **made) if made else answerer  # type: ignore[type-var]
    return change(whole)


def parts(answerer: Answerer) -> dict[str, Answerer | tuple[Answerer, ...]]:
    """The answerers that a lever is built from, by field; a Model has none."""
    if isinstance(answerer, Model):
        return {}
    values = {item.name: getattr(answerer, item.name) for item in fields(answerer)}  # type: ignore[arg-type]
    return {name: value for name, value in values.items() if _answers(value)}


def _answers(value: Any) -> bool:
    if isinstance(value, tuple):
        return bool(value) and all(_answers(one) for one in value)
    return isinstance(value, Model) or hasattr(value, "steps")
