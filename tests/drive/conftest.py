"""A small real engine for the driver's tests: it answers by a function and notes what reached it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from underdog.answerer import Answer, Failure, Model, Request
from underdog.drive import Driver
from underdog.engines import Delta, Facts
from underdog.store.sinks import MemoryBank
from underdog.trial import Spend


def echo(request: Request) -> Answer:
    """Says the last message and the sample, so that answers tell which ask they belong to."""
    text = f"{request.messages[-1]['content']}{list(request.sample)}"
    return Answer(text, final=text, spend=Spend(calls=1, tokens_in=2, tokens_out=3, dollars=0.25))


@dataclass
class Scripted:
    """`reply` gives an Answer or Failure, or raises; `gate`, when given, holds every call until it is set."""

    reply: Callable[[Request], Any] = echo
    fingerprint: str = "scripted"
    concurrency: int = 64
    batch: int = 64
    same_prompt: bool = False
    billed: bool = True
    most: Spend = Spend(tokens_in=2, tokens_out=8, dollars=0.5)
    gate: asyncio.Event | None = None
    pieces: int = 3
    batches: list[list[Request]] = field(default_factory=list)
    under_way: int = 0
    high_water: int = 0
    given_up: int = 0
    closed: bool = False

    @property
    def asked(self) -> list[Request]:
        return [request for batch in self.batches for request in batch]

    async def _made(self, count: int) -> None:
        self.under_way += count
        self.high_water = max(self.high_water, self.under_way)
        try:
            await asyncio.sleep(0)
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.given_up += count
            raise
        finally:
            self.under_way -= count

    async def generate(self, requests: Sequence[Request]) -> list[Answer | Failure]:
        self.batches.append(list(requests))
        await self._made(len(requests))
        return [self.reply(request) for request in requests]

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        self.batches.append([request])
        await self._made(1)
        whole = self.reply(request)
        if isinstance(whole, Failure):
            yield Delta(failure=whole)
            return
        step = max(1, len(whole.text) // self.pieces)
        *early, last = [whole.text[i : i + step] for i in range(0, len(whole.text), step)] or [""]
        for text in early:
            await asyncio.sleep(0)
            yield Delta(text)
        yield Delta(last, answer=whole)

    def bound(self, request: Request) -> Spend:
        return self.most

    def price(self, spend: Spend) -> Spend:
        return spend

    def identity(self, request: Request) -> str:
        return request.digest

    def versions(self) -> dict[str, str]:
        return {"scripted": "1"}

    async def check(self) -> Facts:
        return Facts(True, "this process")

    async def close(self) -> None:
        self.closed = True


@pytest.fixture
def scripted() -> type[Scripted]:
    return Scripted


@pytest.fixture
def bank() -> MemoryBank:
    return MemoryBank()


@pytest.fixture
def drive(bank: MemoryBank) -> Callable[..., Any]:
    """Run `body(driver)` on a driver whose models are the given engines, all of them or by name."""

    def run(engines: Any, body: Callable[[Driver], Any], **settings: Any) -> Any:
        def bind(model: Model) -> Any:
            return engines[model.name] if isinstance(engines, dict) else engines

        async def session() -> Any:
            async with Driver(bind, settings.pop("sink", bank), **settings) as driver:
                return await body(driver)

        return asyncio.run(session())

    return run


@pytest.fixture
def question() -> Request:
    return Request(({"role": "user", "content": "q"},))
