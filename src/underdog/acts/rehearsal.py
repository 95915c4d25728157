"""What acts would bring, as far as a forecast needs it: nothing is run, loaded or paid for.

A search is made, being free; the other values stand in for those that are not known before. `well` says
whether things go well (a checker passes, a solver solves) or as badly as they may.
"""

from __future__ import annotations

from typing import Any

from underdog.acts.search import search
from underdog.answerer import Act

_TEXT = "so many words as a tool may bring"


def rehearsed(act: Act, well: bool) -> Any:
    """The value of an act in a dry play."""
    given = act.arguments
    match act.tool.name:
        case "search":
            assert act.file is not None
            return search(given["query"], given["k"], act.file)
        case "check":
            return {"score": float(well), "message": _TEXT}
        case "solve":
            return {
                "status": "solved" if well else "unreadable",
                "answer": _TEXT,
                "values": {},
                "message": _TEXT,
            }
        case "embed":
            return [[1.0] for _ in given["texts"]]
        case "reward":
            return [float(well)]
        case "describe":
            return {"type": "function", "function": {"name": str(given["program"]).rpartition(":")[2]}}
        case "offer":
            return [{"type": "function", "function": {"name": "a_tool_of_the_server"}}]
    return _TEXT
