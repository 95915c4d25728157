"""A study that takes a second: little sums, a small model that errs on a third, a large one on few."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from underdog.answerer import Answer, Model, Request
from underdog.engines.fake import FakeEngine
from underdog.example import Example
from underdog.reading import Reading
from underdog.scorers import Number
from underdog.studies.session import Settings
from underdog.studies.spec import Spec, spec_from
from underdog.task import Task


def gold(request: Request) -> int:
    asked = str(request.messages[-1]["content"]).split("\n")[0]  # a diagnosis asks for steps below it
    left, right = map(int, asked.split("+"))
    return left + right


def small(request: Request) -> Answer:
    """Right on two sums of three when greedy; a draw is right a little less often; sometimes in words."""
    total = gold(request)
    place = (total * 7919 + sum(request.sample) * 104729 + len(request.sample)) % 9
    if place == 0:
        return Answer("I would rather not say")
    return Answer(str(total if place < 6 else total + 1))


def large(request: Request) -> Answer:
    total = gold(request)
    return Answer(str(total) if total % 23 else "no idea")


def sums(count: int = 300, **changes: Any) -> Task:
    examples = tuple(
        Example(f"e{i}", f"e{i}", ({"role": "user", "content": f"{i}+{i % 17}"},), str(i + i % 17))
        for i in range(count)
    )
    return Task("sums", examples, Number(), Reading("number"), **changes)


class Shop:
    """Binds the two models and counts what they were asked."""

    def __init__(self) -> None:
        self.engines = {"fake/small": self._make(small, "small"), "fake/large": self._make(large, "large")}

    def __call__(self, model: Model) -> FakeEngine:
        return self.engines[model.name]

    @property
    def asked(self) -> int:
        return sum(len(engine.asked) for engine in self.engines.values())

    def _make(self, reply: Callable[[Request], Answer], name: str) -> FakeEngine:
        return FakeEngine(reply, name=name)


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def settings(tmp_path: Path, shop: Shop) -> Settings:
    """Without the diagnosis that a study opens with: `test_opening.py` is about that."""
    return Settings(store=tmp_path / "store.sqlite", folder=tmp_path / "run", bind=shop, advice=())


def sums_spec(tmp_path: Path, **changes: Any) -> Spec:
    body: dict[str, Any] = {
        "name": "sums",
        "task": changes.pop("task", None) or sums(),
        "models": {"small": "fake/small", "large": "fake/large"},
        **changes,
    }
    return spec_from(body, tmp_path)
