"""What a lever may have done besides asking models: the functions behind Tools, each opened at its first use.

Study and gateway pass one `Acts` to their Driver, which performs and records. An act is a file of this room
or, where it needs a model, an engine's; what it is named is its Tool's name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underdog.acts.search import search
from underdog.answerer import Answerer, Model
from underdog.config import Config, load_config
from underdog.levers.tools import Tools
from underdog.plan import parts_of, programs_of

if TYPE_CHECKING:
    from underdog.acts.code import Code
    from underdog.acts.functions import Functions
    from underdog.acts.mcp import Servers

Function = Callable[..., Any]
Closer = Callable[[], Awaitable[None]]


class Acts(Mapping[str, Function]):
    """Functions by their Tools' names. Use as an async context manager: what was opened is closed.

    Args:
        bind: finds the engine behind a Model, for acts that need one.
        base: where relative names of the user's programs start (None: the working directory).
        allow_code: whether the user agreed to have programs run that are not underdog's own.
        config: where tool servers are declared (None: the user's configuration, read when one is needed).
    """

    def __init__(
        self,
        bind: Callable[[Model], Any],
        *,
        base: Path | None = None,
        allow_code: bool = False,
        config: Config | None = None,
    ) -> None:
        self._bind, self._base, self._allow_code = bind, base or Path.cwd(), allow_code
        self._config = config
        self._openers: dict[str, Callable[[], tuple[Function, Closer | None]]] = {
            "call": lambda: (self._functions.call, None),
            "check": self._check,
            "compute": self._compute,
            "describe": lambda: (self._functions.describe, None),
            "embed": self._embed,
            "offer": lambda: (self._servers.offer, None),
            "reward": self._reward,
            "search": lambda: (search, None),
            "solve": self._solve,
            "use": lambda: (self._servers.use, None),
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

    def admit(self, *answerers: Answerer) -> None:
        """Say no before a run begins: to programs that nobody agreed to, or that have changed.

        Raises:
            StudyError: the sentence says what would run, or what changed.
            ConfigError: a tool server is not declared.
        """
        from underdog.acts.code import admit

        for answerer in answerers:
            admit(programs_of(answerer), self._base, self._allow_code)
            for one in parts_of(answerer, Tools):
                if one.server:
                    (self._config or load_config()).tool_server(one.server)

    @cached_property
    def _code(self) -> Code:
        """The processes for users' programs, the same for all acts that run some."""
        from underdog.acts.code import Code

        code = Code(self._base, self._allow_code)
        self._closing.push_async_callback(code.close)
        return code

    @cached_property
    def _functions(self) -> Functions:
        """The user's functions, described and called in those processes."""
        from underdog.acts.functions import Functions

        return Functions(self._code)

    @cached_property
    def _servers(self) -> Servers:
        """The sessions with the tool servers of the user's configuration."""
        from underdog.acts.mcp import Servers

        servers = Servers(self._config or load_config())
        self._closing.push_async_callback(servers.close)
        return servers

    def _check(self) -> tuple[Function, Closer | None]:
        from underdog.acts.check import Checker

        return Checker(self._code).check, None

    def _compute(self) -> tuple[Function, Closer | None]:
        from underdog.acts.compute import Computer

        return Computer(self._code).compute, None

    def _solve(self) -> tuple[Function, Closer | None]:
        from underdog.acts.solve import solve

        return solve, None

    def _embed(self) -> tuple[Function, Closer]:
        from underdog.engines.embedding import Embedder

        embedder = Embedder(self._bind)
        return embedder.embed, embedder.close

    def _reward(self) -> tuple[Function, Closer | None]:
        from underdog.engines.reward import Rewarder

        return Rewarder(self._bind).score, None
