"""A model or lever that is added to a finished study is measured; nothing that was asked is asked again."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from tests.studies.conftest import Shop, small, sums_spec

from underdog.answerer import Answer, Request
from underdog.engines.fake import FakeEngine
from underdog.studies.run import run
from underdog.studies.session import Settings
from underdog.studies.spec import Spec

VOTE = {"lever": "vote", "inner": "small", "n": 3}
SHOTS = {"lever": "fewshot", "inner": "small", "k": 2}


def asked_of(shop: Shop) -> list[tuple[str, str, tuple[int, ...]]]:
    """Every call that was sent: to whom, what, which draw."""
    return [
        (name, request.digest, request.sample)
        for name, engine in shop.engines.items()
        for request in engine.asked
    ]


def carried_out(spec: Spec, settings: Settings) -> int:
    """The calls that the study says it sent."""
    result = asyncio.run(run(spec, settings))
    assert result is not None
    return result.findings.calls_sent


def test_a_lever_that_is_added_costs_only_the_calls_that_are_new(
    tmp_path: Path, settings: Settings, shop: Shop
) -> None:
    carried_out(sums_spec(tmp_path, levers={"vote": VOTE}), settings)
    before = len(asked_of(shop))
    asked_before = [call for call in asked_of(shop) if call[0] == "fake/large"]
    sent = carried_out(sums_spec(tmp_path, levers={"vote": VOTE, "shots": SHOTS}), settings)
    calls = asked_of(shop)
    assert sent == len(calls) - before > 0
    assert len(calls) == len(set(calls)), "a call was paid for twice"
    assert [call for call in asked_of(shop) if call[0] == "fake/large"] == asked_before
    alone = Shop()
    elsewhere = replace(settings, store=tmp_path / "other.sqlite", bind=alone)
    assert sent < carried_out(sums_spec(tmp_path, levers={"vote": VOTE, "shots": SHOTS}), elsewhere)


def test_a_model_that_is_added_is_asked_and_the_others_only_what_they_were_not(
    tmp_path: Path, settings: Settings, shop: Shop
) -> None:
    def middle(request: Request) -> Answer:
        return small(request.drawn(1))

    carried_out(sums_spec(tmp_path, levers={"vote": VOTE}), settings)
    before = set(asked_of(shop))
    shop.engines["fake/middle"] = FakeEngine(middle, name="middle")
    models = {"small": "fake/small", "large": "fake/large", "middle": "fake/middle"}
    sent = carried_out(sums_spec(tmp_path, models=models, levers={"vote": VOTE}), settings)
    calls = asked_of(shop)
    new = [call for call in calls if call not in before]
    assert len(calls) == len(set(calls)) and len(new) == sent
    assert sum(name == "fake/middle" for name, _, _ in new) > 0.5 * sent
