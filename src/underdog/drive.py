"""The driver: the only place where asks become calls and acts are performed.

It walks a lever's steps, sends each ask to the lane of its model, performs acts off the event loop, and
adds up the trail of calls and what they cost. Study and gateway run this same code with other sinks.
Retries, batching and budgets are the lane's; what an engine is, is `engines/`'s.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field, replace
from itertools import count
from types import GeneratorType
from typing import Any, TypeAlias

import msgspec

from underdog.answerer import Act, Answer, Answerer, Ask, Failure, Model, Request, canonical, digest
from underdog.budget import Budget, Purse
from underdog.engines import Delta, Engine
from underdog.errors import AskFailed, ContractError
from underdog.lane import Lane, Settled
from underdog.terms import Retry, Sink, Tally, Terms
from underdog.trial import Call, Spend

_CORES = min(4, os.cpu_count() or 1)

Bind: TypeAlias = Callable[[Model], Engine]


@dataclass(frozen=True, slots=True)
class Trail:
    """What an answerer answered, and what each of its inner calls cost, by key in the order made."""

    result: Any
    paid: Mapping[str, Spend] = field(default_factory=dict)

    @property
    def calls(self) -> tuple[str, ...]:
        """The keys of every inner call; one that was asked for twice is one call."""
        return tuple(self.paid)

    @property
    def spend(self) -> Spend:
        """What all of them cost together."""
        return sum(self.paid.values(), Spend())


class Driver:
    """Performs asks and acts. Use as an async context manager; one event loop.

    Args:
        bind: finds the engine behind a Model; called once a model.
        sink: where calls are found and recorded.
        purse: the budget, with what earlier processes of the run have spent.
        tools: functions behind Tools by name; plain functions run in a thread. One that says `at_once` is
            performed so many times at once, others once a core.
        retry: how failed calls are asked again.
        timeout: seconds that one call or act may take (in a stream: that it may be silent).
        fresh: ask again even what the bank holds.
    """

    def __init__(
        self,
        bind: Bind,
        sink: Sink,
        *,
        purse: Purse | None = None,
        tools: Mapping[str, Callable[..., Any]] | None = None,
        retry: Retry | None = None,
        timeout: float = 600.0,
        fresh: bool = False,
    ) -> None:
        self._bind, self._tools = bind, tools or {}
        self._terms = Terms(sink, purse or Purse(Budget()), retry or Retry(), timeout, fresh)
        self._lanes: dict[Model, Lane] = {}
        self._acting: dict[str, asyncio.Task[Trail]] = {}
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._orders = count()

    @property
    def tally(self) -> Tally:
        """Calls and acts of this process so far."""
        return self._terms.tally

    async def __aenter__(self) -> Driver:
        return self

    async def __aexit__(self, *exc: object) -> None:
        lanes, self._lanes = list(self._lanes.values()), {}
        acting = list(self._acting.values())
        for task in acting:
            task.cancel()
        await asyncio.gather(*acting, return_exceptions=True)
        async with AsyncExitStack() as closing:
            for lane in lanes:
                closing.push_async_callback(lane.close)

    def lane(self, model: Model) -> Lane:
        """The lane of a model, opened at first use.

        Raises:
            ConfigError: the model's engine or alias is unknown, or its extra is not installed.
        """
        lane = self._lanes.get(model)
        if lane is None:
            lane = self._lanes[model] = Lane(model, self._bind(model), self._terms)
        return lane

    async def answer(self, answerer: Answerer, request: Request) -> Trail:
        """Put a request to an answerer; the result is an Answer or a Failure.

        Raises:
            ContractError: a lever yielded or returned what it may not, or asked for a tool that is not bound.
            ConfigError: a model's engine or alias is unknown.
        """
        return await _Walk(self).ask(Ask(answerer, request))

    async def perform(self, steps: Generator[Any, Any, Any]) -> Trail:
        """Walk a bare generator of steps (a judge's, say); the result is what it returns."""
        return await _Walk(self).steps(steps)

    async def stream(self, answerer: Answerer, request: Request) -> AsyncGenerator[Delta, None]:
        """The answer as it is made: the last ask of a lever streams, the asks before it do not.

        The last Delta carries the whole Answer, with the spend of every inner call, or the Failure.

        Raises:
            ContractError, ConfigError: as for `answer`.
        """
        walk, paid = _Walk(self), dict[str, Spend]()
        handed: list[Ask] = []
        last: Any = Ask(answerer, request)
        while isinstance(last, Ask):
            handed.append(last)
            if isinstance(last.answerer, Model):
                break
            trail = await walk.lever(last, hand_over=True)
            paid |= trail.paid
            last = trail.result
        if not isinstance(last, Ask):
            yield _whole(last, paid, handed, last.text if isinstance(last, Answer) else "")
            return
        async with aclosing(walk.stream(last)) as pieces:
            async for key, piece in pieces:
                result = piece.answer or piece.failure
                if result is None:
                    yield piece
                else:
                    paid.setdefault(key, result.spend)
                    yield _whole(result, paid, handed, piece.text)

    def recorded(self, key: str) -> Answer | None:
        """The answer of a recorded call; None for an act, a failure or a key that is not known."""
        call = self._terms.sink.find(key)
        if call is None or call.failed or call.fingerprint.startswith("tool:"):
            return None
        return msgspec.json.decode(call.result, type=Answer)

    async def act(self, act: Act) -> Trail:
        """Perform an act, once for all who ask for it at the same time, or find it in the bank.

        A function that says of itself that it `has_effects` is performed for each who asks.

        Raises:
            ContractError: its tool is not bound.
        """
        function = self._tools.get(act.tool.name)
        if function is None:
            known = ", ".join(sorted(self._tools)) or "none"
            raise ContractError(
                f"a lever asked for the tool {act.tool.name!r}, which is not bound (bound: {known}); "
                "pass it to the Driver's `tools`"
            )
        fingerprint = f"tool:{act.tool.name}:{act.tool.version}"
        key = digest([fingerprint, act.content])
        if (found := self._terms.find(key)) is not None:
            self.tally.banked += 1
            return Trail(msgspec.json.decode(found.result), {key: found.spend})
        shared = key if not getattr(function, "has_effects", False) else f"{key} {next(self._orders)}"
        task = self._acting.get(shared)
        if task is None:
            task = asyncio.ensure_future(self._act(key, fingerprint, function, act))
            self._acting[shared] = task
            task.add_done_callback(lambda _: self._acting.pop(shared, None))
        return await asyncio.shield(task)

    async def _act(self, key: str, fingerprint: str, function: Callable[..., Any], act: Act) -> Trail:
        async with self._gate(act.tool.name, function):  # waiting for its turn is no part of what it took
            began, clock = time.time(), time.perf_counter()
            value, result = await self._effect(function, act)
            spend = Spend(seconds=time.perf_counter() - clock)
        asked, failed = canonical(act.content).decode(), isinstance(value, Failure)
        call = Call(key, act.tool.name, fingerprint, asked, "", result, failed, spend, began)
        await self._terms.sink.record([call])
        self.tally.add(spend)
        return Trail(value, {key: spend})

    def _gate(self, name: str, function: Callable[..., Any]) -> asyncio.Semaphore:
        """Lets as many acts of a tool go on at once as its function says (`at_once`), else one a core."""
        gate = self._gates.get(name)
        if gate is None:
            gate = self._gates[name] = asyncio.Semaphore(getattr(function, "at_once", _CORES))
        return gate

    async def _effect(self, function: Callable[..., Any], act: Act) -> tuple[Any, str]:
        """The value as it will be found again, through JSON, and its JSON text."""
        name = act.tool.name
        given = {**act.arguments, **({} if act.file is None else {"file": act.file})}
        try:
            async with asyncio.timeout(self._terms.timeout) as limit:
                if inspect.iscoroutinefunction(function):
                    value = await function(**given)
                else:
                    value = await asyncio.to_thread(function, **given)
            if not isinstance(value, Failure):
                text = msgspec.json.encode(value)
                return msgspec.json.decode(text), text.decode()
        except Exception as error:  # a tool is foreign code: whatever it raises is its failure, as data
            if limit.expired():
                value = Failure("timeout", f"{name} took longer than {self._terms.timeout:g} s")
            else:
                value = Failure("act_failed", f"{name}: {type(error).__name__}: {error}")
        return value, msgspec.json.encode(value).decode()


class _Walk:
    """One request on its way through levers. What it was answered once it does not ask again."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._answered: dict[str, Settled] = {}

    async def ask(self, wanted: Ask) -> Trail:
        """One ask to the end, handed-over asks included."""
        if isinstance(wanted.answerer, Model):
            settled = self.submit(wanted.answerer, wanted.request)
            if isinstance(settled, asyncio.Future):
                settled = await settled
            return self.trail(settled)
        return await self.lever(wanted)

    async def lever(self, wanted: Ask, hand_over: bool = False) -> Trail:
        """The steps of a lever, whose result must be an Answer or a Failure, or with `hand_over` an Ask."""
        trail = await self.steps(_begin(wanted.answerer, wanted.request), hand_over)
        if not isinstance(trail.result, Answer | Failure | Ask):
            raise ContractError(
                f"{type(wanted.answerer).__name__}.steps must return an Answer or an Ask; it returned "
                f"{type(trail.result).__name__} (is a `return` or a `yield from` missing?)"
            )
        return trail

    async def steps(self, steps: Generator[Any, Any, Any], hand_over: bool = False) -> Trail:
        """Run steps to their end; with `hand_over`, a last Ask is returned unperformed."""
        paid: dict[str, Spend] = {}
        got: Any = None
        while True:
            try:
                wanted = steps.send(got)
            except StopIteration as done:
                final = done.value
                break
            except AskFailed as failed:
                final = failed.failure
                break
            except AttributeError as error:
                if isinstance(error.obj, GeneratorType):
                    raise _forgotten(error) from error
                raise
            many = isinstance(wanted, tuple)
            trails = await self.effects(wanted if many else (wanted,))
            for trail in trails:
                paid |= trail.paid
            got = [trail.result for trail in trails] if many else trails[0].result
        if isinstance(final, Ask) and not hand_over:
            last = await self.ask(final)
            paid |= last.paid
            final = _noted(final, last.result)
        trail = Trail(final, paid)
        if isinstance(final, Answer | Failure):
            return Trail(replace(final, spend=trail.spend), paid)
        return trail

    async def effects(self, wanted: tuple[Any, ...]) -> list[Trail]:
        """Several effects at once, results in order; leaf asks are queued before anything is awaited."""
        pending: list[Settled | asyncio.Future[Any]] = []
        try:
            for effect in wanted:
                pending.append(self.start(effect))
            return [self.trail(await one if isinstance(one, asyncio.Future) else one) for one in pending]
        finally:
            for one in pending:
                if isinstance(one, asyncio.Future) and not one.cancel() and not one.cancelled():
                    one.exception()  # seen: the first one is raised already

    def start(self, effect: Any) -> Settled | asyncio.Future[Any]:
        """Queue or begin one effect."""
        if isinstance(effect, Ask):
            if isinstance(effect.answerer, Model):
                return self.submit(effect.answerer, effect.request)
            return asyncio.ensure_future(self.ask(effect))
        if isinstance(effect, Act):
            return asyncio.ensure_future(self._driver.act(effect))
        raise ContractError(
            f"steps() must yield an Ask, an Act or a tuple of them; got {type(effect).__name__} "
            "(is a `yield from` missing?)"
        )

    def submit(self, model: Model, request: Request) -> Settled | asyncio.Future[Any]:
        lane = self._driver.lane(model)
        key = lane.key(request)
        return self._answered.get(key) or lane.submit(key, request)

    def trail(self, done: Settled | Trail) -> Trail:
        """What came of an effect; an Answer is remembered for the rest of this request."""
        if isinstance(done, Trail):
            return done
        if isinstance(done.result, Answer):
            self._answered[done.key] = done
        return Trail(done.result, {done.key: done.result.spend})

    async def stream(self, wanted: Ask) -> AsyncGenerator[tuple[str, Delta], None]:
        """A leaf ask's pieces, each with the call's key."""
        assert isinstance(wanted.answerer, Model)
        lane = self._driver.lane(wanted.answerer)
        key = lane.key(wanted.request)
        if (known := self._answered.get(key)) is not None and isinstance(known.result, Answer):
            yield key, Delta(known.result.text, answer=known.result)
            return
        async with aclosing(lane.stream(key, wanted.request)) as pieces:
            async for piece in pieces:
                yield key, piece


def _begin(lever: Any, request: Request) -> Generator[Any, Any, Any]:
    name = type(lever).__name__
    if not hasattr(lever, "steps"):
        raise ContractError(f"an answerer must be a Model or have steps(request); got {name}")
    try:
        steps = lever.steps(request)
    except AttributeError as error:
        if isinstance(error.obj, GeneratorType):
            raise _forgotten(error) from error
        raise
    if not isinstance(steps, GeneratorType):
        raise ContractError(
            f"{name}.steps must be a generator (yield what it wants done); it returned "
            f"{type(steps).__name__} (is a `yield from` missing?)"
        )
    return steps


def _forgotten(error: AttributeError) -> ContractError:
    called = getattr(error.obj, "__qualname__", "ask")
    return ContractError(f"{called}(...) gives its result only to `yield from {called}(...)`; {error}")


def _noted(handed: Ask, result: Any) -> Any:
    """A handed-over answer with its lever's annotation; the text has gone to the client and must stay."""
    if handed.then is None or not isinstance(result, Answer):
        return result
    noted = handed.then(result)
    if not isinstance(noted, Answer) or (noted.text, noted.tool_calls) != (result.text, result.tool_calls):
        raise ContractError("an Ask's `then` must return the same Answer, annotated: its text may not change")
    return noted


def _whole(result: Any, paid: Mapping[str, Spend], handed: list[Ask], text: str) -> Delta:
    for ask in reversed(handed):
        result = _noted(ask, result)
    result = replace(result, spend=Trail(result, paid).spend)
    return Delta(text, failure=result) if isinstance(result, Failure) else Delta(text, answer=result)
