"""Route: ask the one member that a fitted router chooses for the request's text, before anybody has answered.

Routing on the question alone is a weak lever on a narrow task; `underdog route` says from recorded outcomes
whether it pays, and writes the router's file (docs/routing.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from underdog.answerer import Answerer, Ask, Request, Steps, Tool, act
from underdog.errors import StudyError
from underdog.levers.asked import asked_text
from underdog.routing.experience import Experience
from underdog.routing.policy import Policy, policy_of
from underdog.stored import Stored

EMBED = Tool("embed")
"""Texts to vectors by a named model: `embed(model, texts)` gives one list of numbers a text."""


@dataclass(frozen=True)
class Route:
    """One of `members`, in the order of the router's answerers.

    The router reads the last user message; a category, where it wants one, is `metadata.category` of the
    request. A study fits the router on what the members did; without one the last member is asked: put the
    safest there.

    Raises:
        StudyError: there are not as many members as the router has answerers.
        DataError: the file is no router's.
    """

    members: tuple[Answerer, ...]
    router: Stored | None = None

    def __post_init__(self) -> None:
        if self.router is None or self.router.content is None:
            return
        names = policy_of(self.router).answerers
        if len(names) != len(self.members):
            raise StudyError(
                f"route: the router chooses among {len(names)} answerers ({', '.join(names)}), so the lever "
                f"needs as many members, in this order; got {len(self.members)}"
            )

    @property
    def unfitted(self) -> bool:
        """Whether it has no router yet."""
        return self.router is None

    @property
    def pool(self) -> tuple[Answerer, ...]:
        """Whose outcomes a router is fitted on."""
        return self.members

    def fit_on(self, experience: Experience) -> Route:
        """The lever with the router that the experience speaks for.

        Raises:
            Declined: it speaks for none.
        """
        return replace(self, router=experience.policy.stored)

    def steps(self, request: Request) -> Steps:
        if self.router is None:
            return Ask(self.members[-1], request)
        policy, text = policy_of(self.router), asked_text(request)
        vectors = None
        if policy.embedder is not None:
            vectors = yield from act(EMBED, model=policy.embedder, texts=[text])
        [place] = policy.choose([text], [category(request)], vectors)
        return Ask(self.members[int(place)], request)


def routed(policy: Policy, members: Mapping[str, Answerer]) -> Route:
    """A policy as a lever, its answerers' names looked up in `members`.

    Raises:
        StudyError: a name is missing.
    """
    missing = [name for name in policy.answerers if name not in members]
    if missing:
        raise StudyError(
            f"route: the router asks {missing[0]!r}, which is not among the members given "
            f"({', '.join(members) or 'none'})"
        )
    return Route(tuple(members[name] for name in policy.answerers), policy.stored)


def category(request: Request) -> str:
    """The category that a client says its request has, in OpenAI's `metadata`; empty when it says none."""
    metadata = request.extra.get("metadata")
    return str(metadata.get("category", "")) if isinstance(metadata, Mapping) else ""
