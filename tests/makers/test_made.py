"""The record of what was made survives saving, loading and moving."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from underdog.answerer import Model
from underdog.errors import StudyError
from underdog.makers import Made, load_made
from underdog.trial import Spend


def made(adapter: str) -> Made:
    return Made(
        model=Model("tiny/small", adapter=adapter),
        parent=Model("tiny/small"),
        recipe={"maker": "lora", "rank": 8},
        data={"n": 3},
        seed=1,
        curves={"loss": ((1, 2.5), (2, 2.0))},
        spend=Spend(tokens_in=10, seconds=1.5, flops=1e9),
        controls={"format alone": Model("tiny/small", adapter=f"{adapter}/../control")},
    )


def folder(place: Path) -> Path:
    for name in ("adapter", "control"):
        (place / name).mkdir(parents=True)
    return place


def test_it_comes_back_as_it_was_saved(tmp_path):
    place = folder(tmp_path / "run")
    before = made(str(place / "adapter"))
    before.save(place)
    after = load_made(place, place)
    assert after.model == Model("tiny/small", adapter="adapter")
    assert after.controls == {"format alone": Model("tiny/small", adapter="control")}
    assert (after.curves, after.spend, after.digest) == (before.curves, before.spend, before.digest)


def test_a_folder_that_was_moved_is_found_where_it_is(tmp_path):
    place = folder(tmp_path / "run")
    made("run/adapter").save(place, base=tmp_path)
    shutil.move(place, tmp_path / "kept")
    assert load_made(tmp_path / "kept", tmp_path).model.adapter == "kept/adapter"


def test_a_checkpoint_in_a_folder_moves_too_and_a_hub_id_stays(tmp_path):
    place = folder(tmp_path / "run")
    (place / "int8").mkdir()
    Made(Model("hf/run/int8"), Model("hf/Qwen/Qwen3-0.6B"), {"maker": "int8"}).save(place, base=tmp_path)
    found = load_made(place, place)
    assert found.model == Model("hf/int8")
    assert found.parent == Model("hf/Qwen/Qwen3-0.6B")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "nothing was made here"),
        ("{", "must be JSON"),
        ("{}", "format 1"),
        ('{"format": 1}', "required"),
    ],
)
def test_what_cannot_be_read_is_told_in_a_sentence(tmp_path, content, says):
    if content is not None:
        (tmp_path / "made.json").write_text(content)
    with pytest.raises(StudyError, match=says):
        load_made(tmp_path)
