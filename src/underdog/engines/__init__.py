"""The live things behind Models. Only engines touch torch, sockets or files of weights.

`Engine` is the protocol every engine meets; `bind` in `engines/binding.py` finds the one behind a Model.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from underdog.answerer import Answer, Failure, Request
from underdog.trial import Spend


@dataclass(frozen=True)
class Delta:
    """A piece of a streamed answer; the last one carries the whole Answer."""

    text: str = ""
    answer: Answer | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class Facts:
    """What `underdog check` tells of a model: does it answer, what can it do, where do the data go."""

    answers: bool
    destination: str
    supports: dict[str, bool] = field(default_factory=dict)
    note: str = ""


class Engine(Protocol):
    """A model ready to answer.

    `fingerprint` identifies what would answer (weights' hash, hub revision, or endpoint alias + id +
    version): calls with another fingerprint are other calls. `concurrency` is how many requests the
    driver may have under way at once; `batch` how many it may hand over in one `generate`. With
    `same_prompt` a batch holds only draws of one prompt (a server that takes `n`); without it, anything.
    `billed` says whether a call costs what its Spend says: a replayed one was paid for long ago, so it
    counts in comparisons and not against a budget.
    """

    concurrency: int
    batch: int
    same_prompt: bool
    billed: bool

    @property
    def fingerprint(self) -> str:
        """What would answer, as a short text; cheap after the first time."""
        ...

    async def generate(self, requests: Sequence[Request]) -> list[Answer | Failure]:
        """Answers in the order of the requests; a failed row is a Failure in its place, never raised."""
        ...

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The answer as it is made; ends with a Delta that carries the Answer or the Failure."""
        ...

    def bound(self, request: Request) -> Spend:
        """The most that this request can cost: input counted, max_tokens generated."""
        ...

    def price(self, spend: Spend) -> Spend:
        """The same spend at the prices declared today; local engines give it back as it is."""
        ...

    def identity(self, request: Request) -> str:
        """What the request adds to the call's key: its digest, and the example's id where replayed."""
        ...

    def versions(self) -> dict[str, str]:
        """What produced the answers: package, server and model versions."""
        ...

    async def check(self) -> Facts:
        """Ask for as little as possible and tell what the model supports."""
        ...

    async def close(self) -> None: ...
