"""What a lever may have done besides asking models: the functions behind Tools, each opened at its first use.

Study and gateway pass one `Acts` to their Driver, which performs and records. An act is a file of this room
or, where it needs a model, an engine's; what it is named is its Tool's name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any

from underdog.acts.search import search
from underdog.answerer import Model

Function = Callable[..., Any]
Closer = Callable[[], Awaitable[None]]


class Acts(Mapping[str, Function]):
    """Functions by their Tools' names. Use as an async context manager: what was opened is closed.

    Args:
        bind: finds the engine behind a Model, for acts that need one.
    """

    def __init__(self, bind: Callable[[Model], Any]) -> None:
        self._bind = bind
        self._openers: dict[str, Callable[[], tuple[Function, Closer | None]]] = {
            "embed": self._embed,
            "search": lambda: (search, None),
        }
        self._opened: dict[str, Function] = {}
        self._closing = AsyncExitStack()

    def __getitem__(self, name: str) -> Function:
        if name not in self._opened:
            function, close = self._openers[name]()
            self._opened[name] = function
            if close is not None:
                self._closing.push_async_callback(close)
        return self._opened[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._openers)

    def __len__(self) -> int:
        return len(self._openers)

    async def __aenter__(self) -> Acts:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._closing.aclose()

    def _embed(self) -> tuple[Function, Closer]:
        from underdog.engines.embedding import Embedder

        embedder = Embedder(self._bind)
        return embedder.embed, embedder.close
