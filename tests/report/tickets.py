"""A study over 240 tickets with two scripted models: small is often right, large nearly always and dearer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from underdog.answerer import Model, Request
from underdog.engines.fake import FakeEngine

LABELS = ("refund", "bug", "praise")
CAUTION = "a synthetic micro-world"


def gold(number: int) -> str:
    return LABELS[number * 7 % 3]


def large(request: Request) -> str:
    """Nearly always right."""
    number = int(str(request.messages[-1]["content"]).split()[1])
    return "nothing" if number % 25 == 3 else gold(number)


def small(request: Request) -> str:
    """Right, and sure of it, on two of three; elsewhere its draws differ. Often adds a remark."""
    number = int(str(request.messages[-1]["content"]).split()[1])
    label = gold(number) if number % 3 else LABELS[sum(request.sample) % 3]
    return label if number % 4 else f"{label}, I think"


def study_of(folder: Path, **changes: Any) -> dict[str, Any]:
    """The mapping of a study file over 240 tickets."""
    rows = ({"text": f"ticket {number} is what?", "label": gold(number)} for number in range(240))
    (folder / "tickets.jsonl").write_text("\n".join(map(json.dumps, rows)))
    task = {
        "data": "tickets.jsonl",
        "input": "{{ text }}",
        "target": "{{ label }}",
        "score": "label",
        "caution": CAUTION,
    }
    levers = {
        "vote": {"lever": "vote", "inner": "small", "n": 3},
        "cascade": {"lever": "cascade", "small": "vote", "large": "large"},
    }
    models = {"small": "scripted/small", "large": "scripted/large"}
    return {"name": "tickets", "task": task, "models": models, "levers": levers, "margin": 0.2, **changes}


def engine_of(model: Model) -> FakeEngine:
    """Large costs 20 times what small does."""
    name = model.name.partition("/")[2]
    price = 1e-6 if name == "small" else 20e-6
    return FakeEngine(small if name == "small" else large, name=name, rates=(price, price))
