"""Adapters merged and exported: the folder answers as base and adapter did, or it goes nowhere."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

torch = pytest.importorskip("torch", reason="needs the [local] extra")
peft = pytest.importorskip("peft", reason="needs the [local] extra")
transformers = pytest.importorskip("transformers", reason="needs the [local] extra")

from tests.makers.bench import SMALL, SOURCE, driven, stepped  # noqa: E402

from underdog.answerer import Model  # noqa: E402
from underdog.engines.hf_checkpoint import Checkpoint  # noqa: E402
from underdog.errors import StudyError  # noqa: E402
from underdog.makers.merge import Merge, card, judged, push  # noqa: E402

torch.set_num_threads(1)
ITEMS = stepped(50)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter that changes what small writes, without any training."""
    folder = tmp_path_factory.mktemp("adapter")
    model = transformers.AutoModelForCausalLM.from_pretrained(SOURCE.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adapted = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules="all-linear"))
    generator = torch.Generator().manual_seed(0)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            weight.data = 0.1 * torch.randn(weight.shape, generator=generator)
    adapted.save_pretrained(folder)
    return folder


def promotion(base: Path, adapted: Model, merged: Path):
    return driven(base, lambda driver, _: judged(driver, adapted, merged, ITEMS, ITEMS.examples))


def test_adapter_and_export_answer_alike_and_the_card_names_the_base(tmp_path, adapter):
    merged = tmp_path / "merged"
    Merge("float32").make(replace(SOURCE, adapter=str(adapter)), merged)
    adapted = Model("tiny/small", adapter=str(adapter))
    found = promotion(tmp_path, adapted, merged)
    assert (found.rescore.alike.estimate, found.granted) == (1.0, True)
    changed = driven(
        tmp_path, lambda driver, _: judged(driver, SMALL, merged, ITEMS, ITEMS.examples)
    ).rescore.alike.estimate
    assert changed < 1.0, "the adapter must matter for this to mean anything"
    text = card(merged, "someone/small", found, {"rank": 4})
    front = yaml.safe_load(text.split("---")[1])
    assert front["base_model"] == "someone/small" and front["library_name"] == "transformers"
    assert "| rank | 4 |" in text and found.rescore.said() in text


def test_the_exported_folder_needs_nothing_but_transformers(tmp_path, adapter):
    Merge().make(replace(SOURCE, adapter=str(adapter)), tmp_path / "merged")
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype="auto")
    assert (model.dtype, model.num_parameters()) == (torch.bfloat16, 677_216)
    assert transformers.AutoTokenizer.from_pretrained(tmp_path / "merged").chat_template


def test_an_export_that_lost_its_adapter_on_the_way_is_not_promoted_and_not_pushed(tmp_path, adapter):
    broken = tmp_path / "broken"
    Merge("float32").make(replace(SOURCE, adapter=str(adapter)), broken)
    weights = next(broken.glob("*.safetensors"))
    from safetensors.torch import load_file, save_file

    spoiled = {
        name: weight * (0 if "down_proj" in name else 1) for name, weight in load_file(weights).items()
    }
    save_file(spoiled, weights, metadata={"format": "pt"})
    found = promotion(tmp_path, SMALL, broken)
    assert (found.rescore.ruling, found.granted) == ("worse", False)
    with pytest.raises(StudyError, match="no worse than its parts"):
        push(found, "someone/small-merged")


def test_there_must_be_an_adapter_to_merge(tmp_path):
    with pytest.raises(StudyError, match="must have an adapter"):
        Merge().make(Checkpoint(SOURCE.name), tmp_path / "merged")
