"""Models that a study makes itself, from fit, before it races."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.studies.conftest import Shop, large, sums, sums_spec

from underdog.answerer import Model
from underdog.engines.fake import FakeEngine
from underdog.errors import StudyError
from underdog.levers import Vote
from underdog.makers import MAKERS, Ground, Made
from underdog.plan import load_plan, models_of
from underdog.studies.diagnosis.alone import diagnosed_alone
from underdog.studies.diagnosis.stages import Effort
from underdog.studies.findings import Findings
from underdog.studies.run import run
from underdog.studies.session import Settings
from underdog.studies.spec import Spec, spec_from
from underdog.trial import Spend

ADAPTER = os.path.join("run", "tuned", "adapter")
MADE: list[int] = []
"""How many examples each making learned from, in their order."""


@dataclass(frozen=True, kw_only=True)
class Copying:
    """A maker that trains nothing: what it makes answers as the large model does."""

    rank: int = 4

    async def make(self, ground: Ground) -> Made:
        learned, held_out = ground.parts("copying", 0.25)
        MADE.append(len(learned) + len(held_out))
        (ground.folder / "adapter").mkdir(parents=True, exist_ok=True)
        made = Model(ground.model.name, adapter=os.path.relpath(ground.folder / "adapter", ground.base))
        return Made(made, ground.model, {"maker": "copying", "rank": self.rank}, spend=Spend(flops=1e9))

    def asks(self) -> None:
        return None


@pytest.fixture(autouse=True)
def a_maker_that_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    MADE.clear()
    monkeypatch.setattr("underdog.makers.named.MAKERS", {**MAKERS, "copying": Copying})


@pytest.fixture
def bound(shop: Shop, settings: Settings) -> Settings:
    """Made models are bound to an engine of their own, by their adapter."""
    tuned = FakeEngine(large, name="tuned")

    def bind(model: Model) -> Any:
        return tuned if model.adapter == ADAPTER else shop.engines[model.name]

    return replace(settings, bind=bind)


def making(tmp_path: Path, **changes: Any) -> Spec:
    recipe = {"tuned": {"maker": "copying", **changes.pop("recipe", {})}}
    return sums_spec(tmp_path, task=sums(600), margin=0.1, makers=recipe, **changes)


def found(spec: Spec, settings: Settings) -> Findings:
    result = asyncio.run(run(spec, settings))
    assert result is not None
    return result.findings


def test_a_made_model_races_as_an_arm_and_inside_levers_and_its_making_is_in_the_bill(
    tmp_path: Path, bound: Settings
) -> None:
    levers = {"voted": {"lever": "vote", "inner": "tuned", "n": 3}}
    findings = found(making(tmp_path, levers=levers, requests=1000), bound)
    ladder = {arm.name: arm for arm in findings.ladder}
    assert ladder["tuned"].score.estimate > ladder["small"].score.estimate
    assert findings.winner in ("tuned", "voted")
    assert "spread over 1,000 requests" in findings.made["tuned"]
    assert ladder["tuned"].spend.flops / ladder["tuned"].score.n >= 1e6
    plan = load_plan(tmp_path / "run")
    assert [model.adapter for model in models_of(plan.answerer)] == [ADAPTER]
    assert set(MADE) == {len(sums(600).split("fit"))}, "it learned from fit and nothing else"


def test_what_was_made_is_found_again_and_made_anew_when_something_changed(
    tmp_path: Path, bound: Settings
) -> None:
    for recipe, times in (({}, 1), ({}, 1), ({"rank": 8}, 2)):
        found(making(tmp_path, levers={}, recipe=recipe), bound)
        assert len(MADE) == times


def test_the_usual_levers_are_wrapped_around_a_made_model_that_leads(tmp_path: Path, bound: Settings) -> None:
    spec = making(tmp_path)
    assert spec.levers["agree"].members[1] == spec.read("tuned"), "it is one more model of the study"
    findings = found(spec, bound)
    assert "tuned" in {arm.name for arm in findings.ladder}


def test_a_diagnosis_by_itself_says_nothing_of_a_model_that_is_not_made(
    tmp_path: Path, bound: Settings
) -> None:
    found = asyncio.run(diagnosed_alone(making(tmp_path), bound, Effort(examples=20, probed=10)))
    assert found is not None and MADE == []
    assert set(found.models) == {"small", "large"}
    assert {one.model for one in found.diagnosis.findings} <= {"small", "large", None}


def test_a_forecast_comes_before_anything_is_made(tmp_path: Path, bound: Settings) -> None:
    seen = []

    def refuse(forecast: Any, proof: Any) -> bool:
        seen.append(forecast)
        return False

    assert asyncio.run(run(making(tmp_path, levers={}), replace(bound, consent=refuse))) is None
    assert MADE == [] and seen[0].most_calls > 0


@pytest.mark.parametrize(
    ("makers", "said"),
    [
        (["lora"], "`makers` must be a mapping"),
        ({"small": {"maker": "copying"}}, "the name is taken"),
        ({"tuned": {"maker": "lara"}}, "`maker` must be one of"),
        ({"tuned": {"maker": "copying", "model": "mall"}}, "`model` must be one of small, large"),
        ({"tuned": {"maker": "copying", "rnk": 3}}, "did you mean 'rank'"),
    ],
)
def test_what_cannot_be_made_is_said_when_the_study_is_loaded(tmp_path: Path, makers: Any, said: str) -> None:
    with pytest.raises(StudyError, match=said):
        sums_spec(tmp_path, makers=makers)


def test_a_study_that_is_all_test_has_nothing_to_learn_from(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="learn from fit and `splits: test` leaves none"):
        sums_spec(tmp_path, task=sums(100, whole_test=True), makers={"tuned": {"maker": "copying"}})


def test_a_real_adapter_is_trained_inside_a_study_and_served_by_its_plan(tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="the extra `train` is not installed")
    body = {
        "name": "tools",
        "task": {"world": "tiny/tools", "n": 260},
        "models": {"small": "tiny/small", "large": "tiny/large"},
        "makers": {"tuned": {"maker": "lora", "steps": 8, "checks": 2, "tries": 1}},
        "levers": {"voted": {"lever": "vote", "inner": "tuned", "n": 3}},
        "margin": 0.2,
    }
    spec = spec_from(body, tmp_path)
    assert isinstance(spec.levers["voted"], Vote)
    settings = Settings(store=tmp_path / "store.sqlite", folder=tmp_path / "run", advice=())
    findings = found(spec, settings)
    assert (tmp_path / "run" / "tuned" / "adapter" / "adapter_model.safetensors").is_file()
    assert {"tuned", "voted"} <= {arm.name for arm in findings.ladder} and "tuned" in findings.made
