"""Training on a few steps, and the table on made-up trials."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import torch

from underdog.studies.measure import Column
from underdog.tiny import path, table, worlds
from underdog.tiny.measure import Reader
from underdog.tiny.muon import orthogonal
from underdog.tiny.train import RECIPES, load, rate, rebuild, train
from underdog.trial import Outcome, Spend, Trial


def work(folder: Path) -> Path:
    shutil.copy(path("small") / "tokenizer.json", folder / "tokenizer.json")
    return folder


def test_a_stopped_run_goes_on_and_ends_where_one_in_one_go_ends(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    recipe = replace(RECIPES["small"], tokens=15_000, minutes=60)
    whole = train(recipe, work(tmp_path / "a"))
    part = train(replace(recipe, tokens=1), work(tmp_path / "b"))
    assert 0 < part.tokens < whole.tokens
    resumed = train(recipe, tmp_path / "b")
    assert resumed.tokens == whole.tokens >= 15_000
    assert resumed.optimizer.steps == whole.optimizer.steps
    assert all(torch.allclose(whole.weights[k], resumed.weights[k], atol=1e-3) for k in whole.weights)
    assert load(tmp_path / "b" / "small.pt").tokens == whole.tokens


def test_a_rebuilt_model_goes_on_from_its_parent_and_is_a_folder_that_transformers_loads(
    tmp_path: Path,
) -> None:
    small = train(replace(RECIPES["small"], tokens=5_000), work(tmp_path))
    rebuild(replace(RECIPES["specialist-spell"], tokens=5_000), tmp_path, tmp_path / "models")
    told = json.loads((tmp_path / "models" / "specialist-spell" / "recipe.json").read_text())
    assert told["parent_tokens"] == small.tokens
    assert (told["copy_steps"], told["only"]) == (0, ["errands/spell"])
    reader = Reader(tmp_path / "models" / "specialist-spell")
    assert isinstance(reader.texts(["<|user|>1<|end|><|assistant|>"], most=2)[0], str)


def test_the_rate_warms_up_and_ends_at_zero() -> None:
    recipe = RECIPES["small"]
    assert rate(recipe, 0, 0.0) < 0.02
    assert rate(recipe, 1000, 0.4) == 1.0
    assert rate(recipe, 1000, 1.0) == 0.0


def test_muon_drives_singular_values_towards_one() -> None:
    matrix = torch.randn(1, 32, 64, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonal(matrix)[0])
    assert values.min() > 0.5 and values.max() < 1.5


def test_the_table_shows_differences_and_says_when_there_is_no_gap() -> None:
    examples = worlds.world("recall").examples("test", 40)

    def column(name: str, right: int) -> Column:
        trials = [
            Trial(
                answerer=name,
                example=example.id,
                repeat=0,
                outcome=Outcome.RIGHT if place < right else Outcome.WRONG,
                score=float(place < right),
                final="x",
                confidence=None,
                spend=Spend(),
            )
            for place, example in enumerate(examples)
        ]
        return Column(name, tuple(example.id for example in examples), trials)

    told = table.table("recall", {"small": column("small", 10), "large": column("large", 30)}, examples)
    assert "| small | 25.0 [" in told
    assert "| large | 75.0 [" in told
    assert "No part of the gap" not in told
    level = table.table("recall", {"small": column("small", 10), "large": column("large", 10)}, examples)
    assert "No part of the gap is told" in level
