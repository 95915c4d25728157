"""The trail of one example as a terminal page, out of `studies/trail.py`. Computes and asks nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from underdog.report.figures import DASH, arm_title, count, dollars
from underdog.report.page import notes, title
from underdog.studies.trail import ABSENT, ArmSeen, CallSeen, Trail
from underdog.trial import Spend

if TYPE_CHECKING:
    from rich.console import Console, RenderableType


def show_explained(found: Trail, console: Console) -> None:
    """Print the page."""
    for part in _parts(found):
        console.print(part)


def _parts(found: Trail) -> Iterator[RenderableType]:
    yield notes(_example(found))
    shown: dict[str, str] = {}
    for seen in found.arms:
        yield ""
        repeat = f", repeat {seen.trial.repeat}" if seen.trial.repeat else ""
        yield title(arm_title(seen.arm).upper() + repeat, _ending(seen))
        yield notes(_trial(seen))
        for number, call in enumerate(seen.calls, start=1):
            label = f"call {number} of {len(seen.calls)}"
            if call.key in shown:
                yield notes([(label, f"the same as {shown[call.key]}")])
            else:
                yield notes(_call(label, call))
                shown[call.key] = f"{label} of {arm_title(seen.arm)}"
    if found.missing:
        yield ""
        yield notes([("missing", text) for text in found.missing])


def _example(found: Trail) -> list[tuple[str, str]]:
    lines = [
        ("example", found.item if found.number is None else f"{found.item}, number {count(found.number)}")
    ]
    example = found.example
    if example is not None:
        lines.append(
            ("split", example.split + (f", group {example.group}" if example.group != example.id else ""))
        )
        if example.where:
            lines.append(("from", example.where))
        lines += [(str(message.get("role")), _content(message)) for message in example.messages]
        if example.tools:
            lines.append(("tools", ", ".join(_tool(tool) for tool in example.tools)))
        lines.append(("target", DASH if example.target is None else _text(example.target)))
    if found.rule is not None:
        lines.append(("read by", f"the rule {found.rule.rule}"))
    return lines


def _ending(seen: ArmSeen) -> str:
    trial = seen.trial
    score = "no score" if trial.score is None else f"score {trial.score:g}"
    return f"{trial.outcome.value.replace('_', ' ')}, {score}"


def _trial(seen: ArmSeen) -> list[tuple[str, str]]:
    trial = seen.trial
    lines = [("final", "could not be read" if trial.final is None else trial.final)]
    if trial.confidence is not None:
        lines.append(("confidence", f"{trial.confidence:.3f}"))
    if trial.note:
        lines.append(("note", trial.note))
    return [*lines, ("cost", _cost(trial.spend))]


def _call(label: str, call: CallSeen) -> list[tuple[str, str]]:
    if call.origin == ABSENT:
        return [(label, f"{ABSENT} ({call.key})")]
    draw = f", draw {call.draw}" if call.draw else ""
    lines = [(label, f"{call.model}{draw}; {call.origin}, recorded {call.recorded}")]
    if call.value is not None:
        return [*lines, ("gave", _text(call.value))]
    if call.asked is not None:
        lines += [(f"> {message.get('role')}", _content(message)) for message in call.asked]
    if call.reasoning:
        lines.append(("reasoning", call.reasoning))
    lines.append(("answer", call.text if call.text else "(no text)"))
    lines += [("tool call", f"{one['name']}({one['arguments']})") for one in call.tool_calls]
    if call.finish not in (None, "stop"):
        lines.append(("ended by", str(call.finish)))
    lines.append(("read", _readings(call)))
    return [*lines, ("cost", _cost(call.spend))] if call.spend is not None else lines


def _readings(call: CallSeen) -> str:
    strict, lenient = (_quoted(one) for one in (call.strict, call.lenient))
    return strict if strict == lenient else f"strictly {strict}, leniently {lenient}"


def _quoted(final: str | None) -> str:
    return "nothing" if final is None else repr(final)


def _cost(spend: Spend) -> str:
    calls = f"{count(spend.calls)} call{'' if spend.calls == 1 else 's'}, "
    tokens = f"{count(spend.tokens_in)} tokens in, {count(spend.tokens_out)} out"
    cached = f" ({count(spend.tokens_cached)} from the provider's cache)" if spend.tokens_cached else ""
    price = "price unknown" if spend.dollars is None else dollars(spend.dollars)
    return f"{calls if spend.calls != 1 else ''}{tokens}{cached}, {price}"


def _content(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    said = content if isinstance(content, str) else _parts_text(content or ())
    calls = "".join(f"\n{_text(call)}" for call in message.get("tool_calls") or ())
    return f"{said}{calls}"


def _parts_text(parts: Sequence[Any]) -> str:
    texts = []
    for part in parts:
        if isinstance(part, Mapping) and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif isinstance(part, Mapping) and "image_url" in part:
            texts.append("[picture]")
        else:
            texts.append(_text(part))
    return "\n".join(texts)


def _tool(tool: Mapping[str, Any]) -> str:
    return str(dict(tool.get("function") or tool).get("name", "?"))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
