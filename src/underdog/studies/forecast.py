"""What a study will cost before its first call: calls, tokens, dollars and time, from a dry play.

Levers are played twice with no engine: once against replies that are right at once, once against replies
that nobody can read. The truth lies between. Calls that several arms share, or that the bank holds, count
once or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, TypeGuard

from underdog.acts.rehearsal import rehearsed
from underdog.answerer import Act, Answer, Answerer, Ask, Model, Request, TokenLogprob, ToolCall, play
from underdog.drive import Driver
from underdog.example import Example
from underdog.levers.cascade import Cascade
from underdog.levers.constrain import Constrain
from underdog.levers.few_shot import FewShot, demonstration
from underdog.levers.learner import changed
from underdog.levers.panel import Panel
from underdog.levers.route import Route
from underdog.routing.policy import policy_of
from underdog.task import Task
from underdog.trial import Spend

# So many examples of a split are played; the rest is scaled up from them.
_PLAYED = 40


@dataclass(frozen=True)
class Forecast:
    """Calls to be sent at least and at most; the rest are upper bounds at the most calls.

    `dollars` is None where a model has no price. `seconds` comes from recorded calls of the same models
    and is None where one of them has none yet.
    """

    least_calls: int
    most_calls: int
    banked: int
    tokens: int
    dollars: float | None
    seconds: float | None

    def __add__(self, other: Forecast) -> Forecast:
        """Both, where either may make all of the other's least calls."""
        prices = (self.dollars, other.dollars)
        times = (self.seconds, other.seconds)
        return Forecast(
            max(self.least_calls, other.least_calls),
            self.most_calls + other.most_calls,
            max(self.banked, other.banked),
            self.tokens + other.tokens,
            None if None in prices else sum(price for price in prices if price is not None),
            None if None in times else sum(time for time in times if time is not None),
        )

    def sentence(self) -> str:
        """The forecast for people."""
        calls = (
            f"{self.least_calls:,}"
            if self.least_calls == self.most_calls
            else f"{self.least_calls:,} to {self.most_calls:,}"
        )
        dollars = (
            "an unknown amount (a price is missing)" if self.dollars is None else f"${self.dollars:,.2f}"
        )
        time = "not known before the first calls" if self.seconds is None else f"about {_clock(self.seconds)}"
        banked = f" ({self.banked:,} more are in the bank already)" if self.banked else ""
        return f"{calls} calls{banked}, at most {self.tokens:,} tokens and {dollars}; time: {time}"


@dataclass(frozen=True)
class Work:
    """What will be measured: these arms and the dearest of `one_of` on these examples.

    `most` is the part of those calls that are made at most, `least` that are made at least.
    """

    arms: Mapping[str, Answerer]
    examples: Sequence[Example]
    one_of: Mapping[str, Answerer] = field(default_factory=dict)
    most: float = 1.0
    least: float = 1.0


@dataclass(frozen=True)
class _Played:
    least: set[tuple[Model, str]]
    most: set[tuple[Model, str]]
    requests: dict[tuple[Model, str], Request]


Pace = Callable[[str], float | None]
"""Seconds that a call of a fingerprint took so far, per unit of concurrency; None where none is recorded."""


def forecast(task: Task, work: Sequence[Work], driver: Driver, pace: Pace, repeats: int = 1) -> Forecast:
    """Forecast what a study will make of its work."""
    least = most = banked = 0.0
    spend, seconds = Spend(), 0.0
    timed = True
    for one in _showing(task, work):
        shown = one.examples[:_PLAYED]
        if not shown:
            continue
        scale = len(one.examples) / len(shown)
        played = _dearest(task, one, shown, repeats)
        for model, key in played.most:
            lane = driver.lane(model)
            if lane.banked(played.requests[model, key]):
                banked += scale * one.most
                continue
            most += scale * one.most
            least += scale * one.least * ((model, key) in played.least)
            spend = spend + _scaled(lane.engine.bound(played.requests[model, key]), scale * one.most)
            each = pace(lane.engine.fingerprint)
            timed = timed and each is not None
            seconds += scale * one.most * (each or 0.0)
    return Forecast(
        least_calls=round(least),
        most_calls=ceil(most),
        banked=round(banked),
        tokens=spend.tokens,
        dollars=spend.dollars,
        seconds=seconds if timed else None,
    )


def _dearest(task: Task, work: Work, shown: Sequence[Example], repeats: int) -> _Played:
    """The play of the arms with the one of `one_of` that makes the most calls, and the least of the least."""
    plays = [_play(task, {**work.arms, name: arm}, shown, repeats) for name, arm in work.one_of.items()] or [
        _play(task, work.arms, shown, repeats)
    ]
    dearest = max(plays, key=lambda played: len(played.most))
    return replace(dearest, least=min((played.least for played in plays), key=len))


def _play(task: Task, arms: Mapping[str, Answerer], examples: Sequence[Example], repeats: int) -> _Played:
    played = _Played(set(), set(), {})
    for example in examples:
        root = example.request(task.sampling)
        requests = [root.drawn(r) if r else root for r in range(repeats)]
        for answerer in arms.values():
            for request in requests:
                good = _asks(changed(_open(answerer, 0.0), _somebody), request, task.written(example) or "")
                bad = _asks(changed(_open(answerer, 2.0), _anybody), request, None)
                for chosen, asks in ((played.least, good), (played.most, (*good, *bad))):
                    for model, asked in asks:
                        key = f"{asked.digest}{asked.sample}"
                        chosen.add((model, key))
                        played.requests[model, key] = asked
    return played


def _asks(answerer: Answerer, request: Request, text: str | None) -> list[tuple[Model, Request]]:
    """The calls where every answer has this text; None: where none can be read and all tools are called."""
    asks: list[tuple[Model, Request]] = []

    def reply(effect: Ask | Act) -> Any:
        if isinstance(effect, Act):
            return rehearsed(effect, well=text is not None)
        assert isinstance(effect.answerer, Model)
        asks.append((effect.answerer, effect.request))
        sure = (TokenLogprob("", 0.0),)
        if text is not None:
            return Answer(text, logprobs=sure)
        # No two blanks are alike: who says the same again is not asked again. A step has another after it.
        blank = " " * len(asks) + "".join(effect.request.sampling.stop[:1])
        return Answer(blank, _called(effect.request, request), logprobs=sure)

    play(answerer, request, reply)
    return asks


def _called(asked: Request, root: Request) -> tuple[ToolCall, ...]:
    """A call of a tool that a lever offers beside the request's own, if there is one."""
    own = [tool for tool in asked.tools if tool not in root.tools]
    return tuple(ToolCall(str(tool["function"]["name"]), "{}") for tool in own[:1])


def _open(answerer: Answerer, threshold: float) -> Answerer:
    if isinstance(answerer, Cascade):
        return replace(answerer, threshold=threshold)
    return answerer


def _anybody(answerer: Answerer) -> Answerer:
    """Whom a router asks is not known before it is fitted, or before its vectors are: all may be asked."""
    return Panel(answerer.members) if _unforeseen(answerer) else answerer


def _somebody(answerer: Answerer) -> Answerer:
    """At least one of them is asked."""
    return answerer.members[-1] if _unforeseen(answerer) else answerer


def _unforeseen(answerer: Answerer) -> TypeGuard[Route]:
    if not isinstance(answerer, Route):
        return False
    return answerer.router is None or policy_of(answerer.router).embedder is not None


def _showing(task: Task, work: Sequence[Work]) -> list[Work]:
    """The work with what is not drawn or filled in yet: the longest demonstrations may be, and all labels."""
    taught = [demonstration(one, task.written) for name in ("fit", "tune") for one in task.split(name)]
    pairs = sorted(filter(None, taught), key=lambda pair: len(pair[0]) + len(pair[1]), reverse=True)

    def shown(part: Answerer) -> Answerer:
        if isinstance(part, Constrain):
            return part.fit(task.examples, task.written)
        if not isinstance(part, FewShot) or part.ready:
            return part
        return replace(part, demonstrations=tuple(pairs[: part.k]), teacher=None)

    def drawn(arms: Mapping[str, Answerer]) -> dict[str, Answerer]:
        return {name: changed(arm, shown) for name, arm in arms.items()}

    return [replace(one, arms=drawn(one.arms), one_of=drawn(one.one_of)) for one in work]


def _scaled(spend: Spend, factor: float) -> Spend:
    return Spend(
        tokens_in=round(spend.tokens_in * factor),
        tokens_out=round(spend.tokens_out * factor),
        dollars=None if spend.dollars is None else spend.dollars * factor,
    )


def _clock(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
