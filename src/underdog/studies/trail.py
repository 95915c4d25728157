"""The whole trail of one example in a finished run: asked, called, answered, read, scored.

Trials say how it ended and what it cost; requests and answers are the store's, and where that is gone or
another, the trail says so and keeps the rest. Measures nothing and asks no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from underdog.answerer import Answer, Request
from underdog.errors import StudyError
from underdog.levers.read import Read
from underdog.plan import load
from underdog.reading import Reading
from underdog.studies.folder import Asked
from underdog.trial import Call, Spend, Trial

SENT, BANKED, ABSENT = "sent by this run", "found in the bank", "not in the store"


class Calls(Protocol):
    """Where calls are found again; a Store is one."""

    def find_many(self, keys: Sequence[str]) -> Mapping[str, Call]: ...


@dataclass(frozen=True)
class CallSeen:
    """One call. `asked` holds its messages where they are not the example's own; all is None when it is
    absent.

    `strict` and `lenient` are the final answers that the task's rule reads out of this one answer. `value` is
    what an act that is no model call gave, as JSON.
    """

    key: str
    origin: str
    model: str | None = None
    draw: str = ""
    recorded: str | None = None
    asked: Sequence[Mapping[str, Any]] | None = None
    sampling: Mapping[str, Any] = field(default_factory=dict)
    text: str | None = None
    reasoning: str | None = None
    tool_calls: Sequence[Mapping[str, str]] = ()
    finish: str | None = None
    strict: str | None = None
    lenient: str | None = None
    spend: Spend | None = None
    value: Any = None


@dataclass(frozen=True)
class ArmSeen:
    """One trial: how an arm's answer ended, was read and scored, and the calls that it was made of."""

    arm: str
    trial: Trial
    calls: tuple[CallSeen, ...]


@dataclass(frozen=True)
class Trail:
    """Everything about one example. `example` is None for runs that did not keep theirs.

    `number` is its place in the task, from 1. `rule` is how answers were read, None when no arm tells.
    `missing` says in words what could not be found."""

    run: str
    item: str
    number: int | None
    example: Asked | None
    rule: Reading | None
    arms: tuple[ArmSeen, ...]
    missing: tuple[str, ...] = ()


def trail(
    findings: Mapping[str, Any],
    examples: Sequence[Asked],
    trials: Sequence[Trial],
    item: str,
    calls: Calls | None,
    began: float | None = None,
) -> Trail:
    """The trail of one example, named by its id, its number or how its id begins.

    Args:
        examples: those of the run's folder; empty for runs that did not keep theirs.
        calls: where calls are found again; None when there is no store.
        began: when the run began, in seconds since 1970: what was recorded before was found in the bank.

    Raises:
        StudyError: no example is called so, or several are.
    """
    ids = [example.id for example in examples] or list(dict.fromkeys(trial.example for trial in trials))
    name = named(item, ids, str(findings["name"]))
    example = next((one for one in examples if one.id == name), None)
    mine = [trial for trial in trials if trial.example == name]
    keys = list(dict.fromkeys(key for trial in mine for key in trial.calls))
    found = {} if calls is None else calls.find_many(keys)
    rule = reading_of(findings)
    look = _Look(found, rule, None if example is None else list(example.messages), began)
    arms = tuple(ArmSeen(t.answerer, t, tuple(look.call(key) for key in t.calls)) for t in mine)
    missing = []
    if not examples:
        missing.append("the run did not keep its examples (an older version wrote it)")
    if not mine:
        missing.append(
            "no arm was measured on it: levers may have learned from it, or the race stopped before"
        )
    if calls is not None and len(found) < len(keys):
        missing.append(f"{len(keys) - len(found)} of its {len(keys)} calls brought no answer to this store")
    return Trail(
        str(findings["name"]),
        name,
        ids.index(name) + 1 if examples else None,
        example,
        rule,
        arms,
        tuple(missing),
    )


def named(item: str, ids: Sequence[str], run: str) -> str:
    """The one id that is meant: the id itself, its number from 1, or what it alone begins with.

    Raises:
        StudyError: none is, or several are.
    """
    if item in ids:
        return item
    if item.isdecimal() and 1 <= int(item) <= len(ids):
        return ids[int(item) - 1]
    begin = [one for one in ids if one.startswith(item)]
    if len(begin) == 1:
        return begin[0]
    if begin:
        listed = ", ".join(begin[:3])
        raise StudyError(f"{run}: {item!r} begins {len(begin):,} ids ({listed} ...); give more of it")
    raise StudyError(
        f"{run}: no example is called {item!r}; an ITEM is an id such as {ids[0]!r}, how it begins, or a "
        f"number from 1 to {len(ids):,}"
    )


def reading_of(findings: Mapping[str, Any]) -> Reading | None:
    """How the study read answers, from a model that it measured alone."""
    for arm in (*findings["test"], *findings["ladder"]):
        plan = arm.get("plan")
        if isinstance(plan, Mapping) and plan.get("lever") == "read" and not plan.get("lenient"):
            reader = load(plan)
            assert isinstance(reader, Read)
            return reader.reading
    return None


@dataclass(frozen=True)
class _Look:
    """Calls as the trail shows them."""

    found: Mapping[str, Call]
    rule: Reading | None
    messages: list[Mapping[str, Any]] | None
    began: float | None

    def call(self, key: str) -> CallSeen:
        call = self.found.get(key)
        if call is None:
            return CallSeen(key, ABSENT)
        seen = CallSeen(
            key=key,
            origin=BANKED if self.began is not None and call.started < self.began else SENT,
            model=call.model,
            draw=call.draw,
            recorded=datetime.fromtimestamp(call.started, UTC).isoformat(timespec="seconds"),
            spend=call.spend,
        )
        if call.fingerprint.startswith("tool:"):
            return replace(
                seen, value=msgspec.json.decode(call.result), sampling=msgspec.json.decode(call.request)
            )
        return self._answered(seen, call)

    def _answered(self, seen: CallSeen, call: Call) -> CallSeen:
        asked: dict[str, Any] = msgspec.json.decode(call.request)
        answer = msgspec.json.decode(call.result, type=Answer)
        request = Request(tuple(asked["messages"]), tools=tuple(asked.get("tools") or ()))
        strict = lenient = None
        if self.rule is not None:
            strict = replace(self.rule, lenient=False).read(answer, request)
            lenient = replace(self.rule, lenient=True).read(answer, request)
        return replace(
            seen,
            asked=None if asked["messages"] == self.messages else asked["messages"],
            sampling=asked["sampling"],
            text=answer.text,
            reasoning=answer.reasoning,
            tool_calls=tuple({"name": one.name, "arguments": one.arguments} for one in answer.tool_calls),
            finish=answer.finish,
            strict=strict,
            lenient=lenient,
            spend=answer.spend,
        )
