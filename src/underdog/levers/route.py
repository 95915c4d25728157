"""Route: ask the one member that a fitted router chooses for the request's text, before anybody has answered.

Routing on the question alone is a weak lever on a narrow task; `underdog route` says from recorded outcomes
whether it pays, and writes the router's file (docs/routing.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from underdog.answerer import Answerer, Ask, Request, Steps, Tool, act
from underdog.errors import StudyError
from underdog.routing.experience import Experience
from underdog.routing.policy import Policy
from underdog.routing.stored import Stored

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
    """

    members: tuple[Answerer, ...]
    router: Stored | None = None

    def __post_init__(self) -> None:
        if self.router is None or self.router.content is None:
            return
        names = self.router.policy.answerers
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
        return replace(self, router=Stored.of(experience.policy))

    def steps(self, request: Request) -> Steps:
        if self.router is None:
            return Ask(self.members[-1], request)
        policy, text = self.router.policy, asked_text(request)
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
    return Route(tuple(members[name] for name in policy.answerers), Stored.of(policy))


def asked_text(request: Request) -> str:
    """The text of the last user message; of a message in parts, its texts joined. Empty without one."""
    users = [m for m in request.messages if m["role"] == "user"]
    content: Any = users[-1].get("content") if users else None
    if isinstance(content, str):
        return content
    parts = content or ()
    return "\n".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")


def category(request: Request) -> str:
    """The category that a client says its request has, in OpenAI's `metadata`; empty when it says none."""
    metadata = request.extra.get("metadata")
    return str(metadata.get("category", "")) if isinstance(metadata, Mapping) else ""
