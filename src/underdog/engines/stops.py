"""Where a stop string ends a text, for engines that cut by themselves."""

from __future__ import annotations

from collections.abc import Sequence

from underdog.answerer import Request


def keeps_stop(request: Request) -> bool:
    """Whether the stop string stays at the end of the text, which is asked for in vLLM's words."""
    return bool(request.extra.get("include_stop_str_in_output"))


def cut_at_stop(text: str, stops: Sequence[str], keep: bool = False) -> tuple[str, bool]:
    """The text before the first stop string, with `keep` to its end, and whether there was one."""
    found = [(at, at + len(stop)) for stop in stops if stop and (at := text.find(stop)) >= 0]
    return (text[: min(found)[keep]], True) if found else (text, False)
