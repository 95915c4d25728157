"""A pair and a standing as the page gets them: plain JSON, text as text, no arm's name beside an answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from underdog.labelling.book import Labels
from underdog.labelling.pairs import Contest, Pair
from underdog.labelling.standing import Standing
from underdog.studies.verdict import Kind
from underdog.trial import Outcome, Trial

_UNREAD = {
    Outcome.CUT_OFF: "cut off before an answer",
    Outcome.REFUSED: "refused to answer",
}


def shown_pair(pair: Pair, left_is_arm: bool) -> dict[str, Any]:
    """What is asked and both answers; `can` says which choices there are."""
    left, right = (pair.arm, pair.against) if left_is_arm else (pair.against, pair.arm)
    return {
        "item": pair.item,
        "where": pair.example.where,
        "messages": [message_parts(message) for message in pair.example.messages],
        "tools": [str(dict(tool.get("function") or tool).get("name", "?")) for tool in pair.example.tools],
        "left": _answer(left),
        "right": _answer(right),
        "can": {
            "left": left.final is not None,
            "right": right.final is not None,
            "both": left.final is not None and right.final is not None,
            "neither": True,
            "skip": True,
        },
    }


def message_parts(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message as its role and a list of texts and embedded pictures; what else there is becomes JSON."""
    content = message.get("content")
    parts = [{"text": content}] if isinstance(content, str) else [_part(part) for part in content or ()]
    calls: Iterable[Any] = message.get("tool_calls") or ()
    parts += [{"text": json.dumps(call.get("function", call), ensure_ascii=False)} for call in calls]
    return {"role": str(message.get("role", "")), "parts": parts}


def _part(part: Any) -> dict[str, str]:
    if isinstance(part, Mapping) and isinstance(part.get("text"), str):
        return {"text": part["text"]}
    if isinstance(part, Mapping) and isinstance(part.get("image_url"), Mapping):
        url = str(part["image_url"].get("url", ""))
        # Pictures elsewhere are not fetched: the page works offline, and tells no server who looks.
        return {"image": url} if url.startswith("data:image/") else {"text": f"[picture at {url}]"}
    return {"text": json.dumps(part, ensure_ascii=False)}


def _answer(trial: Trial) -> dict[str, Any]:
    if trial.final is None:
        return {"text": None, "unread": _UNREAD.get(trial.outcome, "no answer could be read")}
    return {"text": pretty(trial.final), "unread": None}


def pretty(final: str) -> str:
    """A final answer that is JSON spread over lines; every other as it is."""
    if final[:1] not in "{[":
        return final
    try:
        return json.dumps(json.loads(final), indent=2, ensure_ascii=False)
    except (json.JSONDecodeError, RecursionError):
        return final


def shown_standing(now: Standing, contest: Contest, labels: Labels) -> dict[str, Any]:
    """The figures of a standing, and its sentences."""
    return {
        "run": contest.run,
        "arm": contest.arm,
        "against": contest.against,
        "kind": now.kind.value,
        "told": now.told,
        "complete": now.complete,
        "headline": headline(now, contest),
        "sentence": sentence(now),
        "plan": plan(now),
        "difference": now.difference if now.labelled else None,
        "low": now.low,
        "high": now.high,
        "margin": now.margin,
        "labelled": now.labelled,
        "skipped": now.skipped,
        "waiting": now.waiting,
        "disagreements": now.disagreements,
        "goal": now.labelled if now.told else min(now.needed or now.disagreements, now.disagreements),
        "undo": labels.last is not None,
    }


def headline(now: Standing, contest: Contest) -> str:
    """The verdict in a few words."""
    verb = {
        Kind.BEATS: "beats",
        Kind.RIVALS: "rivals",
        Kind.FALLS_SHORT: "falls short of",
    }.get(now.kind)
    if verb is None:
        return f"Nobody can tell yet whether {contest.arm} rivals {contest.against}"
    return f"{contest.arm} {verb} {contest.against}"


def sentence(now: Standing) -> str:
    """The difference with its interval, and on what it rests."""
    if now.low is None or now.high is None:
        return f"No interval: {now.reason}."
    said = "" if now.difference is None or not now.labelled else f"{100 * now.difference:+.1f} points, "
    said += (
        f"between {100 * now.low:+.1f} and {100 * now.high:+.1f} with {100 * now.confidence:g} % confidence"
    )
    said += f", on {now.n:,} test examples of which {now.disagreements:,} can differ"
    left = f"; {now.failed:,} failed and are left out" if now.failed else ""
    return f"{said[:1].upper()}{said[1:]}{left}."


def plan(now: Standing) -> str:
    """What is left to do."""
    if now.told and now.complete:
        return "Every disagreement is labelled."
    if now.told:
        return "The verdict is told: you may stop. More labels narrow the interval."
    if now.low is None:
        return "No label can help before that is mended."
    if now.complete:
        done = "Every disagreement is labelled, and that does not tell"
        return f"{done}: it takes about {now.examples:,} test examples." if now.examples else f"{done}."
    rates = "If both are equally good" if now.guessed else "At the rates seen"
    if now.needed is not None:
        more = now.needed - now.labelled
        return f"{rates}, {'a few' if more < 6 else f'about {more:,}'} more labels will most likely tell."
    if now.examples is not None:
        return f"{rates}, labels will hardly tell: it takes about {now.examples:,} test examples."
    return "The difference lies so close to the margin that no practical number of labels would tell."
