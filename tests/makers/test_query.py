"""The latent query: trained ways between two frozen models, their folder, and the engine that serves it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch", reason="needs the [local] extra")
pytest.importorskip("transformers", reason="needs the [local] extra")

from tests.makers.bench import SMALL, SOURCE  # noqa: E402

from underdog import tiny  # noqa: E402
from underdog.answerer import Answer, Model, Sampling  # noqa: E402
from underdog.engines.binding import Binder  # noqa: E402
from underdog.engines.hf_checkpoint import Checkpoint, load_tokenizer  # noqa: E402
from underdog.engines.hf_query import asking, flops_of_a_query  # noqa: E402
from underdog.errors import ConfigError, StudyError  # noqa: E402
from underdog.makers import load_made  # noqa: E402
from underdog.makers.query import Place, Query, compose, greedy, losses, overhead, probed, train  # noqa: E402
from underdog.makers.rows import rows  # noqa: E402
from underdog.tiny import worlds  # noqa: E402

torch.set_num_threads(1)
HOW = Query(steps=6, batch=8, seed=1)
LARGE = Model("tiny/large")
RECALL = worlds.world("recall")
ITEMS = RECALL.examples("fit", 100, 0)


def written(example) -> str:
    return str(example.target)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    base = tmp_path_factory.mktemp("query")
    place = Place(Binder(base=base), base)
    return base, HOW.make(SMALL, LARGE, base / "asks", ITEMS, written, place)


@pytest.fixture(scope="module")
def composed(made):
    base, _ = made
    found = compose(SOURCE, Checkpoint(str(tiny.path("large"))), HOW)
    found.restore(base / "asks" / "model")
    return found.requires_grad_(False).eval()


@pytest.fixture(scope="module")
def learned():
    return rows(ITEMS, written, load_tokenizer(SOURCE.source()), 256)


def test_the_folder_names_both_parents_by_hash_and_holds_only_what_was_trained(made):
    base, record = made
    assert record.model == Model("query/asks/model")
    said = json.loads((base / "asks" / "model" / "query.json").read_text())
    assert (said["small"], said["large"], said["layer"]) == ("tiny/small", "tiny/large", 5)
    assert said["small_identity"] == SOURCE.source().identity
    files = {one.name for one in (base / "asks" / "model").iterdir()}
    assert files == {"query.json", "query.safetensors"}
    assert load_made(base / "asks", base).recipe["large"] == "tiny/large"
    losses_told = [value for _, value in record.curves["loss"]]
    assert len(losses_told) == HOW.steps and record.evidence["overhead"] > 0


def test_the_engine_answers_as_the_network_does_alone_and_in_batches(made, composed, learned):
    base, record = made
    tokenizer = load_tokenizer(SOURCE.source())
    requests = [replace(one.request(Sampling(max_tokens=8)), example=None) for one in ITEMS[:6]]
    engine = Binder(base=base)(record.model)
    together = asyncio.run(engine.generate(requests))
    marked = [(*row.ids[: row.start], *composed.marks) for row in learned[:6]]
    assert [one.text for one in together] == greedy(composed, tokenizer, marked, most=8)
    alone = asyncio.run(engine.generate(requests[:1]))[0]
    assert isinstance(alone, Answer) and alone.text == together[0].text
    parts = [piece.text for piece in asyncio.run(_streamed(engine, requests[0]))]
    assert "".join(parts) == alone.text
    plain = 2.0 * 677_216 * (alone.spend.tokens_in + alone.spend.tokens_out)
    assert alone.spend.flops == pytest.approx(plain + flops_of_a_query(composed.large, composed.layer))


async def _streamed(engine, request):
    return [piece async for piece in engine.stream(request)]


def test_decoding_with_a_cache_writes_what_the_whole_network_prefers(composed, learned):
    row = learned[0]
    prompt = row.ids[: row.start]
    tokenizer = load_tokenizer(SOURCE.source())
    (text,) = greedy(composed, tokenizer, [(*prompt, *composed.marks)], most=1)
    best = min(range(5, 1280), key=_loss_of(composed, row))
    assert tokenizer.decode([best]) == text or text == ""


def _loss_of(composed, row):
    """The loss of a one-token answer, for every token at once."""
    whole = [replace(row, ids=(*row.ids[: row.start], token)) for token in range(1280)]
    table = torch.cat([losses(composed, whole[at : at + 128]) for at in range(0, 1280, 128)])
    return table.__getitem__


def test_the_gate_keeps_the_question_to_itself_below_its_threshold(composed, learned):
    with asking(composed, "nothing"):
        alone = losses(composed, learned[:4])
    composed.threshold = 1.1
    assert torch.equal(losses(composed, learned[:4]), alone)
    composed.threshold = 0.0
    assert not torch.equal(losses(composed, learned[:4]), alone)


def test_what_comes_back_depends_on_the_question_and_controls_take_that_away(composed, learned):
    asked = losses(composed, learned[:4])
    for control in ("zero", "shuffled"):
        with asking(composed, control):
            assert not torch.equal(losses(composed, learned[:4]), asked)
    assert torch.equal(losses(composed, learned[:4]), asked)


def test_only_the_ways_are_trained_and_a_large_model_of_random_weights_is_another_one(learned):
    large = Checkpoint(str(tiny.path("large")))
    blind = compose(SOURCE, large, HOW, random_large=True)
    true = compose(SOURCE, large, HOW)
    assert not torch.equal(blind.large.layers[0].mlp.up_proj.weight, true.large.layers[0].mlp.up_proj.weight)
    before = {name: weight.clone() for name, weight in true.state_dict().items()}
    train(true, learned, Query(steps=2, batch=4))
    moved = {name for name, weight in true.state_dict().items() if not torch.equal(weight, before[name])}
    assert moved and not any(name.startswith(("small.", "large.")) for name in moved)
    assert 0.05 < overhead(true, learned) < 2


def test_a_linear_probe_reads_what_is_there(composed, learned):
    assert sum(probed(composed, learned, learned, "small")) > 30


def test_a_parent_that_changed_and_a_folder_that_is_none_are_refused(made, tmp_path):
    base, record = made
    file = base / "asks" / "model" / "query.json"
    kept = file.read_text()
    file.write_text(kept.replace(SOURCE.source().identity, "0" * 32))
    with pytest.raises(ConfigError, match="another than the one it was trained with"):
        Binder(base=base)(record.model)
    file.write_text(kept)
    with pytest.raises(ConfigError, match=r"must hold a query\.json"):
        Binder(base=tmp_path)(Model("query/nowhere"))
    with pytest.raises(ConfigError, match="those of its parents"):
        Binder(base=base)(replace(record.model, dtype="float32"))


def test_too_few_examples_are_refused(tmp_path):
    place = Place(Binder(base=tmp_path), tmp_path)
    with pytest.raises(StudyError, match="at least 100 examples"):
        HOW.make(SMALL, LARGE, tmp_path / "q", ITEMS[:50], written, place)
