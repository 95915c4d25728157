"""The engine of any server that speaks OpenAI's chat completions, by endpoint alias.

It sends what it is asked and names what comes back. It does not retry, the driver does; only a parameter that
the server refuses and the question can do without is left out and asked again. Draws of one request go out as
one call with `n` where the server can, so that their prompt is billed once. How servers differ is in
`openai_quirks.py`, how each is told the form of its answer in `openai_forms.py`, how their faults are named
in `openai_failures.py`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

from underdog.answerer import Answer, Failure, Request, digest
from underdog.constraint import Unmet
from underdog.endpoint import Endpoint, Price
from underdog.engines import Delta, Facts
from underdog.engines.openai_bill import bill, bound, split
from underdog.engines.openai_check import abilities, draws, first_answer
from underdog.engines.openai_failures import (
    PERHAPS_BILLED,
    Broken,
    bad_answer,
    body_failure,
    error_said,
    status_failure,
)
from underdog.engines.openai_forms import formed, unwrapped, wraps
from underdog.engines.openai_http import Connection, Reply
from underdog.engines.openai_quirks import KINDS, Quirks, learned, shaped
from underdog.engines.openai_stream import Assembly, texts
from underdog.prices import dollars
from underdog.trial import Spend
from underdog.wire import WireError, answer_from, body_from, usage_from

MAX_BYTES = 32 << 20
"""A reply longer than this is refused: no honest completion is."""

MOST_N = 64
"""At most this many draws in one call; OpenAI allows 128."""

_MOST_LESSONS = 8


class OpenAIEngine:
    """One model at one endpoint; meets `engines.Engine`.

    The fingerprint is of alias, id and revision, not of the address: a server that moves keeps its bank. What
    the server itself reports (`model`, `system_fingerprint`) is in `versions()`, with what was left out of
    its requests and whether tokens had to be estimated.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        model_id: str,
        *,
        price: Price | None = None,
        revision: str | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self.endpoint = endpoint
        self.model_id = model_id
        self.quirks = KINDS[endpoint.kind]
        self.fingerprint = digest(["openai", endpoint.name, model_id, revision])
        self.concurrency = endpoint.concurrency
        self.batch = MOST_N if self.quirks.n else 1
        self.same_prompt = True
        self.billed = True
        self._price = price
        self._connection = Connection(endpoint, max_bytes)
        self._url = self._connection.chat_url(model_id)
        self._reported: dict[str, str] = {}

    async def generate(self, requests: Sequence[Request]) -> list[Answer | Failure]:
        """Answers in the order of the requests; draws of one request share a call where that is possible."""
        groups: dict[Any, list[int]] = {}
        for index, request in enumerate(requests):
            together = self.quirks.n and request.sampling.temperature > 0
            groups.setdefault(request.digest if together else index, []).append(index)
        parts = [
            indices[start : start + MOST_N]
            for indices in groups.values()
            for start in range(0, len(indices), MOST_N)
        ]
        answered = await asyncio.gather(
            *(self._several([requests[index] for index in part]) for part in parts)
        )
        rows = {
            index: answer
            for part, answers in zip(parts, answered, strict=True)
            for index, answer in zip(part, answers, strict=True)
        }
        return [rows[index] for index in range(len(requests))]

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The answer as it is made; its pieces add up to the text that `generate` would have brought."""
        started, assembly = time.perf_counter(), Assembly()
        try:
            async with self._opened(request) as opened:
                whole = isinstance(opened, Reply) or wraps(request, self.quirks)
                if isinstance(opened, Reply):
                    reply = opened
                else:
                    async with aclosing(texts(opened, assembly)) as pieces:
                        async for piece in pieces:
                            if not whole:
                                yield Delta(piece)
                    reply = Reply(200, {}, assembly.completion(), time.perf_counter() - started)
            [answer, *_] = self._answers(reply, request)
            if whole:
                yield Delta(answer.text)
            yield Delta(answer=answer)
        except Broken as broken:
            yield Delta(failure=self._failure(request, broken.failure))

    def bound(self, request: Request) -> Spend:
        """The most that this request can cost; see `openai_bill.bound`."""
        return bound(request, self._price)

    def price(self, spend: Spend) -> Spend:
        """The same tokens at the price declared today; what a server itself reported as billed stays."""
        if self._price is None and self.quirks.reports_cost:
            return spend
        return replace(spend, dollars=dollars(spend, self._price))

    def identity(self, request: Request) -> str:
        return request.digest

    def versions(self) -> dict[str, str]:
        """What answered so far, as the server reports it, what it was not sent, and how old its price is."""
        left_out = ", ".join(sorted(self.quirks.left_out))
        return {
            "endpoint": self.endpoint.name,
            "kind": self.endpoint.kind,
            "model": self.model_id,
            "price": "unknown" if self._price is None else f"dated {self._price.dated}",
            **self._reported,
            **({"left_out": left_out} if left_out else {}),
        }

    async def check(self) -> Facts:
        """Whether the model answers, what it supports, and which host the data go to."""
        where = self._destination()
        listed = await self._listed()
        answer = await first_answer(self)
        if isinstance(answer, Failure):
            known = f"; the server lists {', '.join(listed[:8])}" if listed else ""
            return Facts(False, where, note=answer.message + known)
        supports = await abilities(self)
        if self.quirks.n:
            await draws(self)
        supports["n"] = self.quirks.n
        supports["temperature"] = "temperature" not in self.quirks.left_out
        notes = [f"{name}: {value}" for name, value in self.versions().items()]
        if self._price is None:
            notes.append("price unknown: declare it under [prices] to bound what a study can cost")
        return Facts(True, where, supports, "; ".join(notes))

    async def close(self) -> None:
        await self._connection.close()

    async def _several(self, requests: Sequence[Request]) -> list[Answer | Failure]:
        """Requests that differ only in their draw, in one call while the server gives as many choices."""
        if len(requests) == 1:
            return [await self._one(requests[0])]
        answers: list[Answer | Failure] = []
        if self.quirks.n:
            try:
                answers += (await self._complete(requests[0], len(requests)))[: len(requests)]
            except Broken as broken:
                return [self._failure(request, broken.failure) for request in requests]
            if len(answers) < len(requests):
                self._adopt(replace(self.quirks, n=False))
        left = requests[len(answers) :]
        return answers + list(await asyncio.gather(*(self._one(request) for request in left)))

    async def _one(self, request: Request) -> Answer | Failure:
        try:
            return (await self._complete(request, 1))[0]
        except Broken as broken:
            return self._failure(request, broken.failure)

    async def _complete(self, request: Request, n: int) -> list[Answer]:
        """At least one answer; raises Broken."""
        for _ in range(_MOST_LESSONS):
            body = self._body(request, n)
            reply = await self._connection.post(self._url, body)
            if not self._learns(reply, body):
                return self._answers(reply, request)
        raise Broken(bad_answer("the server refuses one way of asking after the other"))

    @asynccontextmanager
    async def _opened(self, request: Request) -> AsyncIterator[Reply | AsyncGenerator[bytes, None]]:
        """A stream of the answer, or the reply of a server that does not stream; raises Broken."""
        options = {"stream": True, "stream_options": {"include_usage": True}}
        for _ in range(_MOST_LESSONS):
            body = shaped(self._body(request, 1) | options, self.quirks)
            async with self._connection.stream(self._url, body) as opened:
                if not (isinstance(opened, Reply) and self._learns(opened, body)):
                    yield opened
                    return
        raise Broken(bad_answer("the server refuses one way of asking after the other"))

    def _body(self, request: Request, n: int) -> dict[str, Any]:
        body = body_from(request, self.model_id)
        body.pop("seed", None)
        seed = draw_seed(request)
        if seed is not None and (n == 1 or self.quirks.seeded_n):
            body["seed"] = seed
        if n > 1:
            body["n"] = n
        try:
            body = formed(body, request, self.quirks, self.endpoint.kind)
        except Unmet as problem:
            raise Broken(Failure("bad_request", str(problem))) from None
        return shaped(body, self.quirks)

    def _learns(self, reply: Reply, body: Mapping[str, Any]) -> bool:
        """Did this refusal teach how to ask? Then ask again."""
        if reply.status not in (400, 422):
            return False
        quirks = learned(self.quirks, reply.body, body)
        if quirks is None:
            return False
        self._adopt(quirks)
        return True

    def _adopt(self, quirks: Quirks) -> None:
        self.quirks = quirks
        self.batch = MOST_N if quirks.n else 1

    def _answers(self, reply: Reply, request: Request) -> list[Answer]:
        """The answers in a reply with what each cost; raises Broken."""
        said, code = error_said(reply.body)
        if reply.status == 400 and code == "content_filter":
            # Azure refuses the prompt itself: a fact about the request, not an outage.
            spend = Spend(calls=1, seconds=reply.seconds)
            return [Answer("", finish="content_filter", refusal=said, spend=spend)]
        if not 200 <= reply.status < 300:
            raise Broken(status_failure(reply.status, reply.headers, reply.body))
        body = reply.body
        if not isinstance(body, Mapping):
            raise Broken(bad_answer("the reply is not a JSON object"))
        if failure := body_failure(body, reply.headers):
            raise Broken(failure)
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices:
            raise Broken(bad_answer("the reply holds no choices"))
        model = body.get("model")
        try:
            named = model if isinstance(model, str) else self.model_id
            answers = [answer_from(choice, named) for choice in choices]
        except WireError as problem:
            raise Broken(bad_answer(str(problem))) from None
        if any(answer.finish == "error" for answer in answers):
            raise Broken(bad_answer("the server gave up on the answer (finish_reason error)"))
        total = replace(self._bill(body, answers, request), seconds=reply.seconds)
        spends = split(total, answers, self._price)
        if wraps(request, self.quirks):
            answers = [unwrapped(answer) for answer in answers]
        return [replace(one, spend=spend) for one, spend in zip(answers, spends, strict=True)]

    def _bill(self, body: Mapping[str, Any], answers: Sequence[Answer], request: Request) -> Spend:
        for name, field in (("reported_model", "model"), ("system_fingerprint",) * 2):
            if isinstance(body.get(field), str):
                self._reported[name] = body[field]
        if usage_from(body) is None:
            self._reported["usage"] = "estimated, one token for four bytes: the server reports none"
        total = bill(body, answers, request, self._price)
        cost = (body.get("usage") or {}).get("cost") if self.quirks.reports_cost else None
        if isinstance(cost, int | float) and not isinstance(cost, bool):
            return replace(total, dollars=float(cost))
        return total

    def _failure(self, request: Request, failure: Failure) -> Failure:
        """The failure under the endpoint's name; a call that may have been billed costs its upper bound."""
        if failure.spend == PERHAPS_BILLED:
            failure = replace(failure, spend=self.bound(request))
        return self._connection.clean(failure)

    def _destination(self) -> str:
        address = self.endpoint.base_url.split("/")[2]
        if not self.endpoint.loopback:
            return address
        relays = ", unless the server there relays them" if self.endpoint.kind == "openai" else ""
        return f"this machine ({address}){relays}"

    async def _listed(self) -> list[str]:
        """The model ids that the server lists; empty when it lists none."""
        if not self.quirks.lists_models:
            return []
        try:
            reply = await self._connection.get(f"{self.endpoint.base_url}/models")
        except Broken:
            return []
        rows = reply.body.get("data") if isinstance(reply.body, Mapping) else None
        return [str(row.get("id")) for row in rows or () if isinstance(row, Mapping)]


def draw_seed(request: Request) -> int | None:
    """The seed that goes out with a request, or None.

    Each draw has its own, made of what is asked and which draw it is: under one seed all draws of a vote
    would be the same answer. A seed that the request sets goes out as it is with the first draw and enters
    the others. A sample without a seed and without a draw stays unseeded: it is somebody's single question.
    """
    seed, sample = request.sampling.seed, request.sample
    if sample in ((), (0,)) and (seed is not None or not request.draw):
        return seed
    if not sample:
        return None
    return int(digest([request.digest, sample])[:8], 16) & 0x7FFFFFFF
