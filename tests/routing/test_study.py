"""A router's file in a study: the routed plan is measured, certified, saved, and answers as measured."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest
from tests.routing.worlds import SUBJECTS, specialists

import underdog
from underdog.answerer import Request
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.levers import Route
from underdog.plan import files_of, load_plan
from underdog.routing import Policy
from underdog.routing.embeddings import Latent
from underdog.routing.routers import Ridge
from underdog.routing.seen import Seen
from underdog.store.sinks import MemoryBank

LABELS = ("refund", "bug", "praise")


def router(path):
    """Sums go to the first member, verse to the second."""
    table = specialists(200).only(["counter", "poet"])
    embedding = Latent.fit(table.questions, 16)
    fitted = Ridge(1.0).fit(Seen.of(table, embedding.embed(table.questions)))
    return str(Policy(("small", "large"), fitted, 1.0, embedding).save(path / "router.safetensors"))


@pytest.fixture
def studied(tmp_path, monkeypatch):
    """A study of tickets on two subjects; large (an echo) is always right, small draws lots."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0)
    rows = [
        {
            "id": f"t{i}",
            "text": f"{text.format(a=i, b=draw.integers(99))} {LABELS[i % 3]}",
            "label": LABELS[i % 3],
        }
        for i, text in enumerate([*SUBJECTS.values()] * 150)
    ]
    (tmp_path / "tickets.jsonl").write_text("\n".join(map(json.dumps, rows)))
    task = {
        "data": "tickets.jsonl",
        "id": "id",
        "input": "{{ text }}",
        "target": "label",
        "score": "label",
        "read": {"rule": "regex", "pattern": "(refund|bug|praise)$"},
    }
    lever = {"lever": "route", "members": ["small", "large"], "router": router(tmp_path)}
    return underdog.study(
        task,
        small="fake/choice:refund|bug|praise",
        large="fake/echo",
        levers={"routed": lever},
        settings=underdog.Settings(store=tmp_path / "s.sqlite", folder=tmp_path / "runs"),
        name="routed",
        margin=0.1,
    )


def test_a_routed_plan_is_studied_saved_with_its_file_and_answers_as_it_was_measured(
    studied, tmp_path
) -> None:
    assert studied is not None and studied.findings.winner == "routed"
    [arm] = [arm for arm in studied.findings.test if arm.name == "routed"]
    assert 0.5 < (arm.score.estimate or 0.0) < 0.85, "half of it is asked of the one who draws lots"
    assert studied.folder is not None
    plan = load_plan(studied.folder)
    assert isinstance(plan.answerer, Route) and [one.name for one in files_of(plan.answerer)]
    assert plan.digest == studied.plan.digest and plan.evidence["certificate"] is not None

    async def asked(text: str) -> str:
        request = Request(({"role": "user", "content": text},))
        async with Driver(Binder(), MemoryBank()) as driver:
            return (await driver.answer(plan.answerer, request)).result.model

    verse = SUBJECTS["verse"].format(a=3, b=4)
    assert asyncio.run(asked(f"{verse} bug")) == "fake/echo"
    assert asyncio.run(asked(f"{SUBJECTS['sums'].format(a=3, b=4)} bug")).startswith("fake/choice")
