"""One keep-alive connection pool to one endpoint: bodies out, bounded replies and streams back.

Sessions belong to an event loop, so there is one a loop. Redirects are not followed and no key goes anywhere
but to the endpoint's own address. Nothing here knows what a chat completion is.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from underdog.answerer import Failure
from underdog.endpoint import Endpoint
from underdog.engines.openai_failures import Broken, bad_answer, connection_failure

if TYPE_CHECKING:
    import aiohttp

CONNECT_SECONDS = 15.0

IDLE_SECONDS = 4.0
"""How long an idle connection is kept: uvicorn, under vLLM and many others, drops it after five seconds."""


@dataclass(frozen=True)
class Reply:
    """A whole HTTP reply; header names are in lower case, `body` is its JSON or None when it is none."""

    status: int
    headers: Mapping[str, str]
    body: Any
    seconds: float = 0.0


@dataclass(frozen=True)
class _Line:
    """A session and the gate that keeps its requests within the endpoint's concurrency."""

    session: aiohttp.ClientSession
    gate: asyncio.Semaphore


class Connection:
    """How one engine talks to its endpoint. `max_bytes` bounds what one reply may hold."""

    def __init__(self, endpoint: Endpoint, max_bytes: int) -> None:
        self.endpoint = endpoint
        self.max_bytes = max_bytes
        self._lines: dict[asyncio.AbstractEventLoop, _Line] = {}

    def chat_url(self, model_id: str) -> str:
        """Where completions are asked for; in Azure's older API the address names the deployment."""
        endpoint = self.endpoint
        if endpoint.kind == "azure" and not endpoint.base_url.endswith("/openai/v1"):
            return (
                f"{endpoint.base_url}/openai/deployments/{quote(model_id, safe='')}"
                f"/chat/completions?api-version={quote(endpoint.api_version or '', safe='')}"
            )
        return f"{endpoint.base_url}/chat/completions"

    async def post(self, url: str, body: Mapping[str, Any]) -> Reply:
        """Send a body and read the whole reply.

        Raises:
            Broken: the connection failed, took too long or brought more than `max_bytes`.
        """
        with self._named():
            async with self._open("POST", url, body) as (response, started):
                return await self._whole(response, started)

    async def get(self, url: str) -> Reply:
        """Read a resource; raises as `post` does."""
        with self._named():
            async with self._open("GET", url, None) as (response, started):
                return await self._whole(response, started)

    @asynccontextmanager
    async def stream(
        self, url: str, body: Mapping[str, Any]
    ) -> AsyncIterator[Reply | AsyncGenerator[bytes, None]]:
        """Send a body and open its reply: the bytes as they arrive, or a Reply when it is no event stream.

        Raises:
            Broken: as `post` does, also while the bytes are read.
        """
        with self._named():
            async with self._open("POST", url, body) as (response, started):
                if response.status == 200 and "event-stream" in response.content_type:
                    yield self._pieces(response)
                else:
                    yield await self._whole(response, started)

    async def close(self) -> None:
        """Close the session of the running loop; sessions of finished loops are let go."""
        loop = asyncio.get_running_loop()
        for one, line in list(self._lines.items()):
            if one is loop or one.is_closed():
                del self._lines[one]
                await line.session.close()

    def clean(self, failure: Failure) -> Failure:
        """The failure under the endpoint's name, with nothing secret in its message."""
        endpoint = self.endpoint
        message = failure.message
        for secret in (endpoint.key, *endpoint.headers.values()):
            if secret is not None and secret.reveal():
                message = message.replace(secret.reveal(), "[secret]")
        return replace(failure, message=f"endpoint {endpoint.name!r}: {message}")

    @asynccontextmanager
    async def _open(
        self, method: str, url: str, body: Mapping[str, Any] | None
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, float]]:
        import yarl

        line = self._line()
        data = None if body is None else msgspec.json.encode(body)
        headers = self._headers() | ({"Content-Type": "application/json"} if data else {})
        address = yarl.URL(url, encoded=True)
        async with line.gate:
            started = time.perf_counter()
            async with line.session.request(
                method, address, data=data, headers=headers, allow_redirects=False
            ) as response:
                yield response, started

    def _line(self) -> _Line:
        import aiohttp

        loop = asyncio.get_running_loop()
        line = self._lines.get(loop)
        if line is None:
            endpoint = self.endpoint
            # The gate queues outside the session: waiting for a place is not the server's slowness.
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
                timeout=aiohttp.ClientTimeout(
                    total=endpoint.timeout, sock_connect=min(CONNECT_SECONDS, endpoint.timeout)
                ),
                trust_env=not endpoint.loopback,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
            line = self._lines[loop] = _Line(session, asyncio.Semaphore(endpoint.concurrency))
        return line

    def _headers(self) -> dict[str, str]:
        endpoint = self.endpoint
        headers = {"Accept": "application/json, text/event-stream", "User-Agent": "underdog"}
        if endpoint.key is not None:
            key = endpoint.key.reveal()
            if endpoint.kind == "azure":
                headers["api-key"] = key
            else:
                headers["Authorization"] = f"Bearer {key}"
        return headers | {name: value.reveal() for name, value in endpoint.headers.items()}

    async def _whole(self, response: aiohttp.ClientResponse, started: float) -> Reply:
        content = b"".join([piece async for piece in self._pieces(response)])
        try:
            body = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = content.decode("utf-8", "replace") if response.content_type == "text/plain" else None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status, headers, body, time.perf_counter() - started)

    async def _pieces(self, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes, None]:
        size = 0
        with self._named():
            async for piece in response.content.iter_any():
                size += len(piece)
                if size > self.max_bytes:
                    failure = bad_answer(f"the reply is longer than {self.max_bytes:,} bytes")
                    raise Broken(replace(failure, retryable=False))
                yield piece

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Name what goes wrong in a connection as a Failure."""
        import aiohttp

        try:
            yield
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise Broken(connection_failure(problem)) from None
