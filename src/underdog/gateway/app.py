"""The ASGI application: routes, who may ask, and how a completion becomes a response.

It opens no port and owns no driver: `serving.py` does, and tests and other servers may.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, suppress
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from underdog.answerer import Answer, Failure
from underdog.drive import Driver
from underdog.gateway.completion import Asked, asked_from, events, pieces, while_connected, whole
from underdog.gateway.faults import ClientGone, Refused, broken, failure_response, refused
from underdog.gateway.standing import Standing
from underdog.gateway.watching import Watching, overheard
from underdog.plan import Plan
from underdog.trial import Spend
from underdog.wire import WireError, completion_from

MOST_BYTES = 32 * 1024 * 1024
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def create_app(
    plan: Plan,
    driver: Driver,
    *,
    api_key: str | None = None,
    most_bytes: int = MOST_BYTES,
    watching: Watching | None = None,
) -> Starlette:
    """The gateway of one plan, answering through an open driver.

    With `api_key` clients must send it as a bearer token; without it only this machine's own programs are
    answered, and no web page that a browser on it happens to show. Bodies over `most_bytes` are refused. With
    `watching` a share of the requests is watched, and what was seen is at /underdog/watch.
    """
    gateway = Gateway(plan, driver, most_bytes, watching)
    watched = [
        Route("/underdog/watch", gateway.watch),
        Route("/underdog/labels", gateway.label, methods=["POST"]),
    ]
    return Starlette(
        routes=[
            Route("/v1/chat/completions", gateway.complete, methods=["POST"]),
            Route("/v1/models", gateway.models),
            Route("/v1/models/{name:path}", gateway.model),
            Route("/healthz", gateway.health),
            *(watched if watching is not None else []),
        ],
        middleware=[Middleware(Doorkeeper, api_key=api_key)],
        exception_handlers={
            WireError: refused,
            Refused: refused,
            HTTPException: refused,
            ClientGone: refused,
            Exception: broken,
        },
    )


class Gateway:
    """The endpoints of one plan."""

    def __init__(self, plan: Plan, driver: Driver, most_bytes: int, watching: Watching | None = None) -> None:
        self.plan, self.driver, self.most_bytes, self.watching = plan, driver, most_bytes, watching
        self.standing = Standing(plan, driver)

    async def complete(self, http: Request) -> Any:
        """POST /v1/chat/completions."""
        asked = asked_from(await self._body(http), self.standing.sampling)
        self._insist(asked.delivery.model)
        headers = {
            "x-underdog-plan": self.plan.digest,
            "x-underdog-certified": self.standing.header(asked.request),
        }
        hear = self._hearing(asked) if headers["x-underdog-certified"] == "true" else None
        if asked.delivery.stream:
            return await self._stream(http, asked, headers, hear)
        work = whole(self.driver, self.plan.answerer, asked)
        answers = await while_connected(http.receive, work)
        if isinstance(answers, Failure):
            return failure_response(answers, headers)
        if hear is not None:
            hear(answers[0])
        spend = sum((answer.spend for answer in answers), Spend())
        return JSONResponse(completion_from(answers, asked.stamp), headers=headers | _spent(spend))

    async def _stream(
        self, http: Request, asked: Asked, headers: dict[str, str], hear: Callable[[Answer], None] | None
    ) -> Any:
        """The status waits for the first piece, so that a failure before it is a proper error."""
        async with AsyncExitStack() as stack:
            coming = pieces(self.driver, self.plan.answerer, asked.choices)
            coming = coming if hear is None else overheard(coming, hear)
            await stack.enter_async_context(aclosing(coming))
            first = await while_connected(http.receive, anext(coming))
            if first[1].failure is not None:
                return failure_response(first[1].failure, headers)
            return EventStream(events(asked, first, coming), headers, stack.pop_all())

    def _hearing(self, asked: Asked) -> Callable[[Answer], None] | None:
        """Who is to be told the first choice's answer; drawn now, before anybody has answered."""
        watching, began = self.watching, time.time()
        if watching is None or not watching.draws():
            return None
        return lambda answer: watching.compare(asked.stamp.id, asked.choices[0], answer, began)

    async def watch(self, http: Request) -> Response:
        """GET /underdog/watch: what was seen of the promise."""
        assert self.watching is not None
        return JSONResponse(self.watching.page())

    async def label(self, http: Request) -> Response:
        """POST /underdog/labels: who was right on a watched request."""
        assert self.watching is not None
        return JSONResponse(await self.watching.label(await self._body(http)))

    async def models(self, http: Request) -> Response:
        """GET /v1/models."""
        return JSONResponse({"object": "list", "data": [self._card()]})

    async def model(self, http: Request) -> Response:
        """GET /v1/models/NAME."""
        self._insist(http.path_params["name"])
        return JSONResponse(self._card())

    async def health(self, http: Request) -> Response:
        """GET /healthz, open to all."""
        return JSONResponse({"status": "ok", "plan": self.plan.digest})

    def _insist(self, name: str) -> None:
        if name != self.plan.name:
            message = f"the model {name!r} is not served here; ask for {self.plan.name!r}"
            raise Refused(404, message, code="model_not_found", param="model")

    def _card(self) -> dict[str, Any]:
        stamp = self.plan.evidence.get("created")
        created = int(datetime.fromisoformat(stamp).timestamp()) if stamp else 0
        return {"id": self.plan.name, "object": "model", "created": created, "owned_by": "underdog"}

    async def _body(self, http: Request) -> Any:
        """The JSON of a body that is not too big.

        Raises:
            Refused: it is too big.
            WireError: it is not JSON.
        """
        too_big = Refused(413, f"the body must be at most {self.most_bytes} bytes", code="request_too_large")
        length = http.headers.get("content-length", "0")
        if length.isdigit() and int(length) > self.most_bytes:
            raise too_big
        body = bytearray()
        async for part in http.stream():
            body += part
            if len(body) > self.most_bytes:
                raise too_big
        try:
            return msgspec.json.decode(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise WireError(f"the body must be JSON; {error}") from None


def _spent(spend: Spend) -> dict[str, str]:
    """What an answer took, as headers; an unknown price is left out."""
    calls = {"x-underdog-calls": str(spend.calls)}
    return calls if spend.dollars is None else calls | {"x-underdog-cost-usd": f"{spend.dollars:.8f}"}


class EventStream:
    """A response of server-sent events that gives up its work as soon as the client hangs up."""

    def __init__(
        self, parts: AsyncGenerator[bytes, None], headers: Mapping[str, str], source: AsyncExitStack
    ) -> None:
        self.parts, self.source = parts, source
        named = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", **headers}
        self.headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in named.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def pour() -> None:
            async with self.source, aclosing(self.parts) as parts:
                await send({"type": "http.response.start", "status": 200, "headers": self.headers})
                async for part in parts:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

        with suppress(ClientGone):
            await while_connected(receive, pour())


class Doorkeeper:
    """Lets in who has the key; without a key, only programs of this machine.

    A page in a browser can post to a loopback port, under any name that its author points there, and would
    spend the user's money: so without a key both the Host and the Origin must be this machine's own names.
    """

    def __init__(self, app: ASGIApp, api_key: str | None = None) -> None:
        self.app, self.api_key = app, api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] != "/healthz":
            refusal = self._refusal(Headers(scope=scope))
            if refusal is not None:
                await refused(Request(scope), refusal)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _refusal(self, headers: Headers) -> Refused | None:
        if self.api_key is not None:
            sent = headers.get("authorization", "").removeprefix("Bearer ").encode()
            if secrets.compare_digest(sent, self.api_key.encode()):
                return None
            return Refused(401, "send the gateway's API key as a bearer token", code="invalid_api_key")
        origin = headers.get("origin")
        names = [urlsplit(f"//{headers.get('host', '')}").hostname]
        names += [] if origin is None else [urlsplit(origin).hostname]
        if all(name in LOOPBACK for name in names):
            return None
        return Refused(403, "without an API key this gateway answers only programs of its own machine")
