"""What making a model took is in the bill, spread over a stated number of requests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.studies.conftest import Shop, sums, sums_spec
from tests.studies.test_race import found

from underdog.answerer import Model
from underdog.errors import StudyError
from underdog.levers import Cascade, Vote
from underdog.makers.made import Made
from underdog.studies.session import Settings
from underdog.studies.upfront import upfront
from underdog.trial import Spend

TRAINING = Spend(tokens_in=2_000_000, dollars=3.0, seconds=90.0, flops=5e12)


def made(folder: Path, model: Model) -> Model:
    """A record of a made model beside its adapter, as `underdog tune` leaves it."""
    (folder / "runs" / "lora" / "adapter").mkdir(parents=True)
    Made(model, Model("fake/small"), {"maker": "lora"}, spend=TRAINING).save(folder / "runs" / "lora", folder)
    return model


def test_every_answer_of_a_made_model_bears_its_part(tmp_path: Path) -> None:
    tuned = made(tmp_path, Model("fake/small", adapter="runs/lora/adapter"))
    small = Model("fake/small")
    share = upfront({"small": small, "tuned": tuned}, tmp_path, 1000)
    assert share.of(small) == Spend()
    assert share.of(tuned) == Spend(tokens_in=2000, dollars=0.003, flops=5e9)
    assert share.of(Cascade(Vote(tuned, 5), small)) == share.of(tuned), "once an answer, however often asked"
    assert share.told({"small": small, "tuned": tuned}) == {
        "tuned": "5e+12 FLOPs and $3.00 to make it, spread over 1,000 requests, are in its cost"
    }


def test_a_study_counts_it_where_a_model_was_made_and_says_so(
    tmp_path: Path, settings: Settings, shop: Shop
) -> None:
    tuned = made(tmp_path, Model("fake/small", adapter="runs/lora/adapter"))
    shop.engines[tuned.name] = shop.engines["fake/small"]
    models = {
        "small": "fake/small",
        "large": "fake/large",
        "tuned": {"model": tuned.name, "adapter": tuned.adapter},
    }
    bills = {}
    for requests in (1_000, 1_000_000):
        spec = sums_spec(tmp_path, task=sums(400), models=models, levers={}, requests=requests)
        store = tmp_path / f"{requests}.sqlite"
        findings = found(spec, replace(settings, store=store))
        assert f"spread over {requests:,} requests" in findings.made["tuned"]
        bills[requests] = findings.arm("tuned").spend.flops - findings.arm("small").spend.flops
    n = len(sums(400).split("test"))
    assert bills[1_000] == pytest.approx(n * 5e9) and bills[1_000_000] == pytest.approx(n * 5e6)


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    tuned = made(tmp_path, Model("fake/small", adapter="runs/lora/adapter"))
    (tmp_path / "runs" / "lora" / "made.json").write_text("{")
    with pytest.raises(StudyError, match="must be JSON as a maker wrote it"):
        upfront({"tuned": tuned}, tmp_path, 1000)


def test_with_few_examples_a_made_model_does_not_race_on_what_it_learned_from(
    tmp_path: Path, settings: Settings, shop: Shop
) -> None:
    """Other studies of this size race on fit and tune in folds; made models have seen fit."""
    tuned = made(tmp_path, Model("fake/small", adapter="runs/lora/adapter"))
    shop.engines[tuned.name] = shop.engines["fake/small"]
    models = {"small": "fake/small", "large": "fake/large"}
    more = models | {"tuned": {"model": tuned.name, "adapter": tuned.adapter}}
    folds = {
        name: found(sums_spec(tmp_path, name=name, models=these, levers={}), settings).folds
        for name, these in (("plain", models), ("made", more))
    }
    assert folds == {"plain": 5, "made": 0}
