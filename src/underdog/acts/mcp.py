"""The acts `offer` and `use`: the tools of MCP servers that the user's configuration declares.

Each server has one session, kept by a task of its own (the protocol's client must be left where it was
entered), opened at first use and opened again after the server died.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from underdog.answerer import Failure, canonical
from underdog.config import Config
from underdog.errors import ConfigError
from underdog.toolserver import ToolServer

MOST_CHARS = 1 << 20
OPENING_SECONDS = 60.0
OF_THE_CALL = (-32602, -32601)
"""JSON-RPC's codes for errors of one call (its arguments, its method) after which the session goes on."""


class Servers:
    """The sessions with the servers of a configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._sessions: dict[str, Session] = {}

    async def offer(self, server: str) -> list[dict[str, Any]] | Failure:
        """The server's tools as OpenAI's are declared."""
        found = await self._asked(server, "list_tools")
        if isinstance(found, Failure):
            return found
        return [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description or "",
                    "parameters": tool.input_schema,
                },
            }
            for tool in found.tools
        ]

    async def use(
        self, server: str, tool: str, arguments: Mapping[str, Any], turn: str
    ) -> dict[str, Any] | Failure:
        """What the tool returned, `{"text", "error"}`; `turn` tells apart two uses with like arguments."""
        found = await self._asked(server, "call_tool", tool, dict(arguments))
        if isinstance(found, Failure):
            return found
        text = "\n".join(_text(block) for block in found.content)
        if len(text) > MOST_CHARS:
            return Failure("act_failed", f"{tool} returned {len(text):,} characters; most is {MOST_CHARS:,}")
        return {"text": text, "error": bool(found.is_error)}

    # The driver lets nobody share another's use: a second order is a second order.
    use.has_effects = True  # type: ignore[attr-defined]
    use.at_once = 16  # type: ignore[attr-defined]  # it waits for another process, not for a core

    async def _asked(self, server: str, method: str, *arguments: Any) -> Any:
        """What the client's method returned; a session that broke is left, so that the next use opens one."""
        declared = self._config.tool_server(server)
        MCPError = _installed(declared).MCPError
        session = self._sessions.get(server)
        if session is None or session.over:
            session = self._sessions[server] = Session(declared)
        try:
            client = await session.client()
            async with asyncio.timeout(declared.timeout):
                return await getattr(client, method)(*arguments)
        except TimeoutError:
            failure = Failure("timeout", f"the tool server {server} did not answer in time")
        except (MCPError, OSError, ExceptionGroup) as error:
            cause = _cause(error)
            if isinstance(cause, MCPError) and cause.error.code in OF_THE_CALL:
                return Failure("act_failed", f"{server}: {cause}")
            failure = Failure("act_failed", f"the tool server {server} cannot be used: {cause}")
        await session.close()
        return failure

    async def close(self) -> None:
        """End every session, and the servers that were started for them."""
        for session in self._sessions.values():
            await session.close()


class Session:
    """One client in a task of its own."""

    def __init__(self, server: ToolServer) -> None:
        self._server = server
        self._ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._leave = asyncio.Event()
        self._task = asyncio.create_task(self._live())

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._task.done()

    async def client(self) -> Any:
        """The client, once it is connected; what kept it from that is raised here."""
        await asyncio.wait([self._ready, self._task], return_when=asyncio.FIRST_COMPLETED)
        if not self._ready.done():
            await self._task
        return self._ready.result()

    async def close(self) -> None:
        """Leave; returns when the server has ended."""
        self._leave.set()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _live(self) -> None:
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(OPENING_SECONDS):
                client = await _connected(self._server, stack)
            self._ready.set_result(client)
            await self._leave.wait()


def _installed(server: ToolServer) -> Any:
    """The package that speaks the protocol.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import mcp
    except ImportError as error:
        raise ConfigError(
            f"the tool server {server.name!r} needs the extra `mcp` ({error}): pip install 'underdog[mcp]'"
        ) from None
    return mcp


async def _connected(server: ToolServer, stack: AsyncExitStack) -> Any:
    """A client that has shaken hands with the server."""
    from mcp import Client, StdioServerParameters, stdio_client
    from mcp.client.streamable_http import streamable_http_client

    if server.url is None:
        nowhere = stack.enter_context(os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
        passed = {name: os.environ[name] for name in server.pass_env if name in os.environ}
        command = StdioServerParameters(command=server.command[0], args=[*server.command[1:]], env=passed)
        return await stack.enter_async_context(Client(stdio_client(command, errlog=nowhere)))
    if (key := server.key()) is None:
        return await stack.enter_async_context(Client(server.url))
    import httpx2

    web = httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=server.timeout)
    await stack.enter_async_context(web)
    return await stack.enter_async_context(Client(streamable_http_client(server.url, http_client=web)))


def _cause(error: BaseException) -> BaseException:
    """The first error inside what task groups wrap around it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _text(block: Any) -> str:
    """A part of a result as text: what is none (an image, a link) as its JSON."""
    text = getattr(block, "text", None)
    if isinstance(text, str):
        return text
    return canonical(block.model_dump(mode="json", exclude_none=True)).decode()
