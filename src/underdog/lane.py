"""The queue in front of one engine: gathers asks into batches, keeps to its pace, retries, pays once.

A lane is where an ask becomes a call: bank look-up, one call for identical asks under way, a reservation,
the engine, retries with jitter and Retry-After, the record. Not a rate planner: pace is the engine's
`concurrency` and what the server says in Retry-After.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import msgspec

from underdog.answerer import Answer, Failure, Model, Request, canonical, digest
from underdog.engines import Delta, Engine
from underdog.errors import BudgetSpent, ContractError
from underdog.terms import Terms
from underdog.trial import Call, Spend

# A server may have done (and billed) the work although no answer reached us.
_MAYBE_BILLED = frozenset({"timeout", "bad_answer", "cancelled"})
# Turns of the event loop that an ask waits for others: levers nested in a step start a turn or two later.
_TURNS = 3
_CLOSED = Failure("cancelled", "the driver was closed before this call came back")
_BROKEN_OFF = Failure("cancelled", "the stream was broken off before the answer was whole")


@dataclass(frozen=True, slots=True)
class Settled:
    """How an ask ended: its call's key and the result."""

    key: str
    result: Answer | Failure


@dataclass(eq=False, slots=True)
class _Ticket:
    """An ask in the queue. Each waiter has its own future, so that cancelling one leaves the others be.

    A `streamed` ticket only queues for a slot, handed over as None: its asker makes the call itself.
    """

    key: str
    request: Request
    bound: Spend
    streamed: bool = False
    waiters: list[asyncio.Future[Settled | None]] = field(default_factory=list)
    attempt: int = 0
    wasted: Spend | None = None

    def wait(self) -> asyncio.Future[Settled | None]:
        future: asyncio.Future[Settled | None] = asyncio.get_running_loop().create_future()
        self.waiters.append(future)
        return future

    @property
    def abandoned(self) -> bool:
        return all(waiter.done() for waiter in self.waiters)


class Lane:
    """One engine's queue."""

    def __init__(self, model: Model, engine: Engine, terms: Terms) -> None:
        self.model, self.engine, self.terms = model, engine, terms
        self._waiting: dict[str, deque[_Ticket]] = {}
        self._open: dict[str, _Ticket] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._resume_at = 0.0
        self._scheduled = self._closed = False
        terms.purse.on_settled(self._wake)

    def key(self, request: Request) -> str:
        """The call's identity: content hash of (fingerprint, request, draw)."""
        return digest([self.engine.fingerprint, self.engine.identity(request), request.sample])

    def banked(self, request: Request) -> bool:
        """Whether this ask would be answered from the bank."""
        return self.terms.find(self.key(request)) is not None

    def recall(self, key: str) -> Settled | None:
        """A recorded answer at today's prices: tokens are facts, a price list is not."""
        call = self.terms.find(key)
        if call is None:
            return None
        self.terms.tally.banked += 1
        answer = msgspec.json.decode(call.result, type=Answer)
        spend = self.engine.price(answer.spend)
        return Settled(key, answer if spend is answer.spend else replace(answer, spend=spend))

    def submit(self, key: str, request: Request) -> Settled | asyncio.Future[Settled | None]:
        """Queue an ask under its key, or answer it at once from the bank.

        Cancelling the future gives up this wait only; an ask that nobody waits for is not sent.
        """
        ticket = self._open.get(key)
        if ticket is not None:
            return ticket.wait()
        if (settled := self.recall(key)) is not None:
            return settled
        ticket = self._open[key] = _Ticket(key, request, self.engine.bound(request))
        future = ticket.wait()
        self._enqueue(ticket)
        return future

    async def stream(self, key: str, request: Request) -> AsyncGenerator[Delta, None]:
        """One call's answer as it is made; the last Delta is whole. Retried only while nothing was sent."""
        if (banked := self.recall(key)) is not None and isinstance(banked.result, Answer):
            yield Delta(banked.result.text, answer=banked.result)
            return
        ticket = _Ticket(key, request, self.engine.bound(request), streamed=True)
        again: float | None = 0.0
        while again is not None:
            await asyncio.sleep(again)
            if (refused := await self._slot(ticket)) is not None:
                yield Delta(failure=refused)
                return
            text, sent = "", False
            result: Answer | Failure = _BROKEN_OFF
            try:
                async with aclosing(self._pieces(ticket)) as pieces:
                    async for piece in pieces:
                        if (whole := piece.answer or piece.failure) is not None:
                            text, result = piece.text, whole
                            break
                        sent = True
                        yield piece
            finally:
                self._under_way -= 1
                result = self._settle(ticket, result)
                again = None if sent else self._pause(ticket, result)
                if again is None:
                    [result] = await self._record([(ticket, result)])
        yield Delta(text, answer=result) if isinstance(result, Answer) else Delta(failure=result)

    async def close(self) -> None:
        """Stop what is under way. What was recorded stays; what was not counts as spent at its bound."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        queued = [ticket for queue in self._waiting.values() for ticket in queue]
        self._waiting.clear()
        for ticket in [*self._open.values(), *queued]:
            self._finish(ticket, _CLOSED)
        await self.engine.close()

    def _enqueue(self, ticket: _Ticket) -> None:
        if self._closed:
            self._finish(ticket, _CLOSED)
            return
        group = ticket.request.digest if self.engine.same_prompt else ""
        self._waiting.setdefault(group, deque()).append(ticket)
        self._wake()

    def _wake(self) -> None:
        if self._waiting and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._pump, _TURNS)

    def _pump(self, turns: int = 0) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(self._pump, turns - 1)
            return
        self._scheduled = False
        pause = self._resume_at - time.monotonic()
        if pause > 0:
            asyncio.get_running_loop().call_later(pause, self._wake)
            return
        while self._waiting and self._under_way < self.engine.concurrency:
            batch = self._take()
            if not batch:
                return
            self._under_way += len(batch)
            if batch[0].streamed:
                batch[0].waiters[-1].set_result(None)
                continue
            task = asyncio.get_running_loop().create_task(self._dispatch(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _take(self) -> list[_Ticket]:
        """The next batch that the budget has room for; [] when it must wait."""
        while self._waiting:
            group, queue = next(iter(self._waiting.items()))
            batch = self._fill(queue)
            if not queue:
                del self._waiting[group]
            if batch or queue:
                return batch
        return []

    def _fill(self, queue: deque[_Ticket]) -> list[_Ticket]:
        room = min(self.engine.batch, self.engine.concurrency - self._under_way)
        batch: list[_Ticket] = []
        while queue and len(batch) < room:
            ticket = queue[0]
            if batch and (ticket.streamed or batch[0].streamed):
                break
            if ticket.abandoned:
                self._forget(ticket)
            else:
                try:
                    if not self.terms.purse.reserve(ticket.bound):
                        break
                    batch.append(ticket)
                except BudgetSpent as spent:
                    self._finish(ticket, Failure("budget", str(spent), spend=ticket.wasted or Spend()))
            queue.popleft()
        return batch

    async def _dispatch(self, batch: list[_Ticket]) -> None:
        settled = 0
        try:
            await self._reserve(batch)
            results = await self._generate([ticket.request for ticket in batch])
            done: list[tuple[_Ticket, Answer | Failure]] = []
            for ticket, raw in zip(batch, results, strict=True):
                result = self._settle(ticket, raw)
                settled += 1
                delay = self._pause(ticket, result)
                if delay is None:
                    done.append((ticket, result))
                else:
                    asyncio.get_running_loop().call_later(delay, self._enqueue, ticket)
            for (ticket, _), result in zip(done, await self._record(done), strict=True):
                self._finish(ticket, result)
        except BaseException as error:  # whatever an engine or the store raises reaches those who wait
            for ticket in batch[settled:]:
                self.terms.purse.settle(ticket.bound, ticket.bound)
            for ticket in batch:
                self._fail(ticket, error)
            if not isinstance(error, Exception):
                raise
        finally:
            self._under_way -= len(batch)
            self._wake()

    async def _slot(self, ticket: _Ticket) -> Failure | None:
        """Wait until pace and budget have room for a streamed call; a Failure when the budget has none."""
        grant = ticket.wait()
        self._enqueue(ticket)
        try:
            settled = await grant
        except asyncio.CancelledError:
            if not grant.cancelled() and grant.result() is None:  # granted, and cancelled in the same turn
                self._under_way -= 1
                self.terms.purse.settle(ticket.bound, Spend())
            raise
        return settled.result if settled is not None and isinstance(settled.result, Failure) else None

    async def _pieces(self, ticket: _Ticket) -> AsyncGenerator[Delta, None]:
        """The engine's pieces; silence and a stream without an end become Failures."""
        await self._reserve([ticket])
        async with aclosing(self.engine.stream(ticket.request)) as pieces:
            while True:
                try:
                    async with asyncio.timeout(self.terms.timeout) as limit:
                        piece = await anext(pieces)
                except StopAsyncIteration:
                    yield Delta(failure=Failure("bad_answer", "the stream ended without an answer", True))
                    return
                except TimeoutError:
                    if not limit.expired():
                        raise
                    yield Delta(failure=self._late())
                    return
                yield piece

    async def _generate(self, requests: list[Request]) -> Sequence[Answer | Failure]:
        try:
            async with asyncio.timeout(self.terms.timeout) as limit:
                results = await self.engine.generate(requests)
        except TimeoutError:
            if not limit.expired():
                raise
            return [self._late()] * len(requests)
        kinds = {type(result).__name__ for result in results if not isinstance(result, Answer | Failure)}
        if kinds or len(results) != len(requests):
            raise ContractError(
                f"the engine of {self.model.name} must return one Answer or Failure for each of "
                f"{len(requests)} requests; it returned {len(results)} results"
                + (f", some of type {', '.join(sorted(kinds))}" if kinds else "")
            )
        return results

    def _late(self) -> Failure:
        return Failure("timeout", f"no answer within {self.terms.timeout:g} s", retryable=True)

    async def _reserve(self, batch: Sequence[_Ticket]) -> None:
        if self.terms.purse.budget.limited:
            await asyncio.gather(*(self.terms.sink.reserve(one.key, one.bound) for one in batch))

    def _settle(self, ticket: _Ticket, result: Answer | Failure) -> Answer | Failure:
        """Count what an attempt cost: its bound where the server may have billed an answer that got lost."""
        if isinstance(result, Failure) and result.kind in _MAYBE_BILLED and not result.spend.calls:
            result = replace(result, spend=ticket.bound)
        self.terms.purse.settle(ticket.bound, self._due(result.spend))
        return result

    def _pause(self, ticket: _Ticket, result: Answer | Failure) -> float | None:
        """Seconds until a failed ask is asked again; None when it is not."""
        ticket.attempt += 1
        if isinstance(result, Answer) or not result.retryable or ticket.attempt >= self.terms.retry.attempts:
            return None
        ticket.wasted = result.spend if ticket.wasted is None else ticket.wasted + result.spend
        if result.retry_after is not None:
            everyone = min(self.terms.retry.longest, result.retry_after)
            self._resume_at = max(self._resume_at, time.monotonic() + everyone)
        return self.terms.retry.delay(ticket.attempt, result)

    async def _record(self, done: Sequence[tuple[_Ticket, Answer | Failure]]) -> list[Answer | Failure]:
        """Keep finished calls; their results with what failed attempts cost added."""
        whole = [
            result if ticket.wasted is None else replace(result, spend=result.spend + ticket.wasted)
            for ticket, result in done
        ]
        if whole:
            calls = [self._call(ticket, result) for (ticket, _), result in zip(done, whole, strict=True)]
            await self.terms.sink.record(calls)
        for result in whole:
            self.terms.tally.add(self._due(result.spend))
        return whole

    def _due(self, spend: Spend) -> Spend:
        """What is owed for a call now; the result's own Spend says what such an answer costs."""
        return spend if self.engine.billed else Spend()

    def _call(self, ticket: _Ticket, result: Answer | Failure) -> Call:
        """The record of one call: what was asked, what came back, what produced it."""
        return Call(
            key=ticket.key,
            model=self.model.name,
            fingerprint=self.engine.fingerprint,
            request=canonical(ticket.request.content).decode(),
            draw=".".join(map(str, ticket.request.sample)),
            result=msgspec.json.encode(result).decode(),
            failed=isinstance(result, Failure),
            spend=self._due(result.spend),
            started=time.time(),
            versions=canonical(self.engine.versions()).decode(),
        )

    def _forget(self, ticket: _Ticket) -> None:
        if self._open.get(ticket.key) is ticket:
            del self._open[ticket.key]

    def _finish(self, ticket: _Ticket, result: Answer | Failure) -> None:
        self._forget(ticket)
        for waiter in ticket.waiters:
            if not waiter.done():
                waiter.set_result(Settled(ticket.key, result))

    def _fail(self, ticket: _Ticket, error: BaseException) -> None:
        if not isinstance(error, Exception):
            self._finish(ticket, _CLOSED)
            return
        self._forget(ticket)
        for waiter in ticket.waiters:
            if not waiter.done():
                waiter.set_exception(error)
