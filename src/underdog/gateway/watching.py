"""Watching the promise on live traffic: a share of the requests is also asked of the large model.

It happens after the answer, beside it and within a budget: a client's response is neither delayed nor
changed. How often the two differ is held against the rate that the study certified; labels that come in late
are held against the margin. Both tests may be looked at for ever (`statistics/monitor.py`). What was seen is
kept in the ledger, so that a restart goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from underdog.answerer import Answer, Answerer, Failure, Request, digest, play
from underdog.drive import Driver
from underdog.engines import Delta
from underdog.errors import ConfigError
from underdog.gateway.faults import Refused
from underdog.plan import Plan, load, models_of
from underdog.statistics.monitor import Watch, certified_disagreement, restored, watch
from underdog.trial import Call

_LOG = logging.getLogger("underdog.gateway")
_ALPHA = 0.01
_AT_ONCE = 4
_MOST_UNLABELLED = 500


@dataclass(frozen=True)
class Shadow:
    """How much is watched: the share of certified requests, and the dollars that it may cost in all.

    Raises:
        ConfigError: the share does not lie in (0, 1], or the budget is negative.
    """

    share: float
    dollars: float

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0:
            raise ConfigError(f"the share of requests to shadow must lie in (0, 1]; got {self.share:g}")
        if not self.dollars >= 0.0:
            raise ConfigError(f"the budget of shadowing must be dollars, not negative; got {self.dollars:g}")


class Notes(Protocol):
    """Where a watch is kept: see `store/notebook.py`."""

    def read(self) -> dict[str, Any]: ...
    async def write(self, notes: Mapping[str, Any]) -> None: ...
    def find(self, key: str) -> Call | None: ...


class Watching:
    """The watches of one plan.

    Raises:
        ConfigError: the plan has no certificate to watch, or does not say how often it and the large model
            differed; or the large model's price is unknown, so that no budget could be kept.
    """

    def __init__(self, plan: Plan, driver: Driver, notes: Notes, shadow: Shadow) -> None:
        self.driver, self.notes, self.shadow = driver, notes, shadow
        self.large: Answerer = _large(plan)
        self._insist_on_a_price()
        kept = notes.read()
        self.disagreement, self.loss = _watches(plan, kept)
        self.dollars = float(kept.get("dollars", 0.0))
        self.missed = int(kept.get("missed", 0))
        self.unlabelled: dict[str, list[str | None]] = dict(kept.get("unlabelled", {}))
        self._reserved = 0.0
        self._spent_said = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._writing = asyncio.Lock()

    def draws(self) -> bool:
        """Whether this request is among those that are watched; drawn before anybody has answered."""
        return random.random() < self.shadow.share

    def compare(self, name: str, request: Request, answer: Answer, began: float) -> None:
        """Ask the large model the same in the background; returns at once.

        Args:
            name: the completion's id, by which a label may come in later.
            began: when the request came in, in seconds since 1970.
        """
        if len(self._tasks) >= _AT_ONCE:
            self.missed += 1
            return
        task = asyncio.ensure_future(self._compare(name, request, answer, began))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def label(self, body: Any) -> dict[str, Any]:
        """Take in the label of one watched request: its id, and the scores of plan and large model.

        `large` may be left out where both answered alike.

        Raises:
            Refused: no such label.
        """
        name, plan, large = self._read(body)
        del self.unlabelled[name]
        self._add(self.loss, large - plan)
        await self._keep()
        return self.page()

    def page(self) -> dict[str, Any]:
        """Both watches, what shadowing took, and the watched requests that wait for a label."""
        shadow = {"share": self.shadow.share, "dollars": self.dollars, "of": self.shadow.dollars}
        return {
            "disagreement": _told(self.disagreement),
            "loss": _told(self.loss),
            "shadow": shadow | {"missed": self.missed},
            "unlabelled": {
                name: {"plan": plan, "large": large} for name, (plan, large) in self.unlabelled.items()
            },
        }

    async def close(self) -> None:
        """Give up what is under way."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _compare(self, name: str, request: Request, answer: Answer, began: float) -> None:
        other = await self._asked(request, began)
        if other is None:
            self.missed += 1
        else:
            self._add(self.disagreement, float(answer.final != other.final))
            self.unlabelled[name] = [answer.final, other.final]
        while len(self.unlabelled) > _MOST_UNLABELLED:
            del self.unlabelled[next(iter(self.unlabelled))]
        await self._keep()

    async def _asked(self, request: Request, began: float) -> Answer | None:
        """The large model's answer; None when it failed or the budget has no room.

        Where the plan asked the large model the same for this very request, that is its answer: as in the
        study, where such a call is one call. The budget is looked at first all the same, or an empty one
        would leave only requests on which the two cannot differ.
        """
        bound = 0.0

        def recorded(effect: Any) -> Answer | Failure:
            nonlocal bound
            lane = self.driver.lane(effect.answerer)
            bound += lane.engine.bound(effect.request).dollars or 0.0
            call = self.notes.find(lane.key(effect.request))
            if call is None or call.started < began:
                return Failure("cancelled", "not asked yet")
            return msgspec.json.decode(call.result, type=Answer)

        known = play(self.large, request, recorded)
        if self.dollars + self._reserved + bound > self.shadow.dollars:
            self._say_spent()
            return None
        if isinstance(known, Answer):
            return known
        self._reserved += bound
        try:
            await self._keep()  # a crash from here on counts the call at its bound
            trail = await self.driver.answer(self.large, request)
            self.dollars += trail.spend.dollars or 0.0
        finally:
            self._reserved -= bound
        return trail.result if isinstance(trail.result, Answer) else None

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOG.error("a request was not watched", exc_info=error)

    def _add(self, one: Watch, value: float) -> None:
        """One observation; a promise that breaks is said once, now."""
        quiet = one.alarm is None
        alarm = one.add(value)
        if quiet and alarm is not None:
            _LOG.warning(alarm.sentence)

    async def _keep(self) -> None:
        async with self._writing:
            await self.notes.write(
                {
                    "disagreement": self.disagreement.state,
                    "loss": self.loss.state,
                    "dollars": self.dollars + self._reserved,
                    "missed": self.missed,
                    "unlabelled": dict(self.unlabelled),  # it is written beside the event loop
                }
            )

    def _read(self, body: Any) -> tuple[str, float, float]:
        if not isinstance(body, Mapping) or set(body) - {"id", "plan", "large"}:
            raise Refused(400, "a label is an object with id, plan and large: two scores from 0 to 1")
        name = str(body.get("id"))
        if name not in self.unlabelled:
            raise Refused(404, f"no watched request {name!r} waits for a label", param="id")
        plan, large = self.unlabelled[name]
        scores = {"plan": body.get("plan"), "large": body.get("large")}
        if scores["large"] is None and plan == large:
            scores["large"] = scores["plan"]
        for key, score in scores.items():
            if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
                raise Refused(400, f"{key} must be a score from 0 to 1; got {score!r}", param=key)
        return name, float(scores["plan"] or 0.0), float(scores["large"] or 0.0)

    def _insist_on_a_price(self) -> None:
        probe = Request(({"role": "user", "content": "?"},))
        for model in models_of(self.large):
            if self.driver.lane(model).engine.bound(probe).dollars is None:
                raise ConfigError(
                    f"shadowing asks {model.name}, whose price is unknown, so its budget could not be kept: "
                    "declare the price in your configuration, or serve without shadowing"
                )

    def _say_spent(self) -> None:
        if not self._spent_said:
            self._spent_said = True
            _LOG.warning("the budget of shadowing, $%g, has no room: nothing is watched", self.shadow.dollars)


async def overheard(
    pieces: AsyncGenerator[tuple[int, Delta], None], hear: Callable[[Answer], None]
) -> AsyncGenerator[tuple[int, Delta], None]:
    """The pieces as they come; the first choice's answer is told to `hear` once it is whole."""
    async with aclosing(pieces):
        async for index, piece in pieces:
            yield index, piece
            if index == 0 and piece.answer is not None:
                hear(piece.answer)


def notebook_name(plan: Plan) -> str:
    """Under which name a plan's watches are kept: a new certificate begins a new one."""
    promise = [plan.evidence.get("certificate"), plan.evidence.get("disagreement")]
    return f"watch {plan.digest} {digest(promise)[:8]}"


def _large(plan: Plan) -> Answerer:
    if not (plan.evidence.get("large") and plan.evidence.get("disagreement")):
        raise ConfigError(
            f"{plan.name}: the plan's study did not keep how often it differs from the large model, so there "
            "is nothing to watch it against: run the study again, recorded calls cost nothing"
        )
    return load(plan.evidence["large"])


def _watches(plan: Plan, kept: Mapping[str, Any]) -> tuple[Watch, Watch]:
    """The watches of disagreement and loss, as they stand or anew.

    Raises:
        ConfigError: the plan has no certificate.
    """
    certificate = plan.evidence.get("certificate") or {}
    if "bound" not in certificate:
        raise ConfigError(f"{plan.name}: the study gave no certificate, so there is no promise to watch")
    if "disagreement" in kept:
        return restored(kept["disagreement"]), restored(kept["loss"])
    seen = plan.evidence["disagreement"]
    level = certified_disagreement(int(seen["differing"]), int(seen["n"]))
    return watch("disagreement", level, _ALPHA), watch("loss", float(certificate["margin"]), _ALPHA)


def _told(one: Watch) -> dict[str, Any]:
    return {
        "n": one.n,
        "mean": one.mean,
        "level": one.level,
        "evidence": one.evidence,
        "alarm_at": 1.0 / one.alpha,
        "alarm": None if one.alarm is None else one.alarm.sentence,
    }
