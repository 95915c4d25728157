"""Compressed checkpoints: smaller or sparser, served by the hf engine, and judged on more than the task."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the [local] extra")
pytest.importorskip("transformers", reason="needs the [local] extra")

from tests.makers.bench import SMALL, SOURCE, driven, stepped  # noqa: E402

from underdog.answerer import Answer, Model  # noqa: E402
from underdog.engines.binding import Binder  # noqa: E402
from underdog.engines.hf_checkpoint import load, load_tokenizer  # noqa: E402
from underdog.errors import ConfigError, StudyError  # noqa: E402
from underdog.levers.read import Read  # noqa: E402
from underdog.makers import Ground, load_made, maker_from  # noqa: E402
from underdog.makers.checkpoint import behind, opened, weight_bytes  # noqa: E402
from underdog.makers.compress import Compress  # noqa: E402
from underdog.makers.prune import Prune, blocks, least, listening  # noqa: E402
from underdog.makers.quantize import Quantize  # noqa: E402
from underdog.makers.rescore import scored  # noqa: E402
from underdog.makers.rows import rows  # noqa: E402
from underdog.report.tuned import _data, _next, read_made  # noqa: E402
from underdog.store.sinks import MemoryBank  # noqa: E402
from underdog.tiny.worlds import task  # noqa: E402

torch.set_num_threads(1)
FIT = task("intents", 100, 0)


@pytest.mark.parametrize(("bits", "most"), [(8, 0.65), (4, 0.45)])
def test_a_quantised_folder_is_smaller_and_answers_through_the_engine(tmp_path, bits, most):
    Quantize(bits).write(SOURCE, tmp_path / "q", FIT)
    assert weight_bytes(tmp_path / "q") < most * weight_bytes(Path(SOURCE.name))
    items = stepped(40)
    found = driven(tmp_path, lambda driver, _: scored(driver, Model("hf/q"), items, items.examples[:20]))
    assert all(isinstance(answer, Answer) for answer, _ in found)
    assert sum(score or 0.0 for _, score in found) >= 15


def test_a_quantised_checkpoint_counts_all_its_parameters_and_computes_in_float32(tmp_path):
    Quantize(4).write(SOURCE, tmp_path / "q", FIT)
    source = type(SOURCE)(str(tmp_path / "q"))
    loaded = load(source, load_tokenizer(source.source()), "cpu")
    assert (loaded.parameters, loaded.dtype) == (677_216, "float32")


def test_a_quantised_checkpoint_is_not_quantised_again_and_a_taken_folder_is_not_overwritten(tmp_path):
    Quantize(8).write(SOURCE, tmp_path / "q", FIT)
    with pytest.raises(ConfigError, match="quantised already"):
        Quantize(4).write(type(SOURCE)(str(tmp_path / "q")), tmp_path / "again", FIT)
    with pytest.raises(ConfigError, match="holds weights already"):
        Quantize(8).write(SOURCE, tmp_path / "q", FIT)


def test_only_local_checkpoints_can_be_worked_on(tmp_path):
    with pytest.raises(ConfigError, match="work on weights"):
        driven(tmp_path, lambda _, bind: _no_weights(bind))


async def _no_weights(bind):
    return behind(bind, Model("fake/echo"))


def zeros(folder) -> list[float]:
    whole = opened(type(SOURCE)(str(folder)))
    return [
        float((layer.weight == 0).float().mean()) for block in blocks(whole.model) for layer in block.values()
    ]


@pytest.mark.parametrize(
    "how",
    [Prune(0.3, by="magnitude"), Prune(0.5, calibration=8), Prune(pattern="2:4", calibration=8, recover=3)],
    ids=lambda how: how.name,
)
def test_every_layer_loses_its_share_and_recovery_leaves_the_zeros(tmp_path, how):
    how.write(SOURCE, tmp_path / "p", FIT)
    assert all(share == pytest.approx(how.share, abs=0.02) for share in zeros(tmp_path / "p"))


def test_magnitude_takes_the_smallest_and_two_of_four_takes_two_of_every_four():
    worth = torch.tensor([[4.0, 1.0, 3.0, 2.0, 1.0, 2.0, 9.0, 8.0]])
    assert least(worth, Prune(0.25)).tolist() == [[False, True, False, False, True, False, False, False]]
    assert least(worth, Prune(pattern="2:4")).tolist() == [
        [False, True, False, True, True, True, False, False]
    ]


def test_wanda_keeps_a_small_weight_whose_input_is_large():
    layer = torch.nn.Linear(2, 1, bias=False)
    layer.weight.data = torch.tensor([[0.1, 1.0]])
    norms: dict[str, object] = {}
    with listening({"l": layer}, norms):
        layer(torch.tensor([[100.0, 1.0]]))
        layer(torch.tensor([[[100.0, 1.0]]]))
    assert norms["l"].tolist() == [20_000.0, 2.0]
    worth = layer.weight.abs() * norms["l"].sqrt()
    assert least(worth, Prune(0.5)).tolist() == [[False, True]]


def test_settings_that_cannot_be_are_refused():
    for wrong in (
        lambda: Quantize(3),
        lambda: Quantize(4, -1),
        lambda: Prune(1.0),
        lambda: Prune(0.3, pattern="2:4"),
    ):
        with pytest.raises(StudyError):
            wrong()


def test_rows_learn_the_answer_and_its_end_and_nothing_of_the_question():
    tokenizer = load_tokenizer(SOURCE.source())
    row = rows(FIT.split("fit")[:1], FIT.written, tokenizer, 1024)[0]
    assert tokenizer.decode(row.ids[row.start :]) == f"{FIT.split('fit')[0].target}<|end|>"
    with pytest.raises(StudyError, match="none does"):
        rows(FIT.split("fit"), lambda _: None, tokenizer, 1024)


def test_damage_that_the_task_hides_is_seen_by_the_probe_and_said_in_the_record(tmp_path):
    compress = Compress(Prune(by="magnitude"), task("intents", 150, 1), stepped(150))
    made = driven(
        tmp_path, lambda driver, bind: compress.make(SMALL, tmp_path / "half", driver, bind, tmp_path)
    )
    assert made.model == Model("hf/half/model")
    assert made.evidence["probe"]["ruling"] == "worse"
    assert any("algorithmic probe is damaged" in one for one in made.cautions)
    kept = load_made(tmp_path / "half", tmp_path)
    assert (kept.model, kept.digest, kept.cautions) == (made.model, made.digest, made.cautions)
    assert json.loads((tmp_path / "half" / "made.json").read_text())["recipe"]["maker"] == "prune"


def test_a_maker_by_name_makes_it_and_the_page_shows_size_and_what_the_probe_can_tell(tmp_path):
    bind = Binder(base=tmp_path)
    ground = Ground(FIT, Read(SMALL, rule="text"), bind, MemoryBank(), tmp_path / "int8", base=tmp_path)
    maker = maker_from({"maker": "quantize", "bits": 8}, "tuned")
    assert (maker, maker.asks()) == (Quantize(8), None)
    made = asyncio.run(maker.make(ground))
    assert (made.model, made.recipe["bits"], made.data) == (Model("hf/int8/model"), 8, {"n": 0})
    record = read_made(tmp_path / "int8")
    told = dict([*_data(record), *_next(record, tmp_path / "int8")])
    assert told["next"] == f"under models: tuned: hf/{tmp_path / 'int8' / 'model'}"
    assert "of before" in told["size"] and told["probe"].startswith("algorithmic probe: ")
    assert made.evidence["probe"]["ruling"] != "worse"
    assert any("can tell little" in one for one in made.cautions)
