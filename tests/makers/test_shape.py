"""Shapes are counted exactly, planned within a budget, trained alike and written as what they are."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the [local] extra")
transformers = pytest.importorskip("transformers", reason="needs the [local] extra")

from tokenizers import Tokenizer  # noqa: E402

from underdog import tiny  # noqa: E402
from underdog.errors import StudyError  # noqa: E402
from underdog.makers.shape import MOBILELLM, Planner, Shape, fits_on_phone  # noqa: E402
from underdog.makers.shape_training import (  # noqa: E402
    Course,
    config,
    fresh,
    seconds_per_token,
    train,
)
from underdog.tiny.shape import states  # noqa: E402

torch.set_num_threads(1)
TINY = Planner(1280, head=16, sharing=2, step=2, normed_heads=True)


@pytest.mark.parametrize(
    ("name", "millions"),
    [("125M", 124.6), ("350M", 345.4), ("600M", 603.2), ("1B", 1005.5), ("1.5B", 1511.2)],
)
def test_the_published_shapes_come_out_at_their_published_counts(name, millions):
    assert round(MOBILELLM[name].parameters / 1e6, 1) == millions


def test_every_parameter_of_a_llama_and_of_a_qwen_is_counted():
    plain = Shape(320, 48, 3, 4, 2, 100)
    llama = transformers.LlamaConfig(
        vocab_size=320,
        hidden_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=100,
        tie_word_embeddings=True,
    )
    with torch.device("meta"):
        assert transformers.LlamaForCausalLM(llama).num_parameters() == plain.parameters
        apart = Shape(320, 48, 3, 4, 2, 100, shared_embeddings=False)
        llama.tie_word_embeddings = False
        assert transformers.LlamaForCausalLM(llama).num_parameters() == apart.parameters
        qwen = Shape(1280, 64, 3, 4, 2, 100, head=32, normed_heads=True)
        assert transformers.Qwen3ForCausalLM(config(qwen)).num_parameters() == qwen.parameters


def test_flops_are_those_that_torch_counts_for_the_last_token():
    from torch.utils.flop_counter import FlopCounterMode

    shape = TINY.shape(150_000, 4)
    model = transformers.Qwen3ForCausalLM._from_config(config(shape), attn_implementation="eager")
    ids = torch.arange(20)[None]
    cache = model(ids[:, :-1], use_cache=True).past_key_values
    with FlopCounterMode(display=False) as counter:
        model(ids[:, -1:], past_key_values=cache)
    # torch also counts the product that makes rotary angles: half a head's size, twice
    assert counter.get_total_flops() - shape.flops(20) in (0, shape.head_size)


def test_repeating_blocks_costs_work_and_no_parameters_and_sharing_keys_saves_cache():
    once, twice = MOBILELLM["125M"], Shape(32_000, 576, 30, 9, 3, 1536, repeats=2)
    assert twice.parameters == once.parameters
    assert (twice.sequential, twice.cache_bytes(2048)) == (60, 2 * once.cache_bytes(2048))
    assert 1.8 < twice.flops(1) / once.flops(1) < 2
    assert 3 * once.cache_bytes(2048) == Shape(32_000, 576, 30, 9, 9, 1536).cache_bytes(2048)


def test_a_billion_parameters_fit_a_phone_in_four_bits_and_not_in_sixteen():
    shape, six = MOBILELLM["1B"], 6e9
    assert fits_on_phone(shape, six, 4, 512) and not fits_on_phone(shape, six, 16, 512)


@pytest.mark.parametrize("layers", [2, 4, 8, 12])
def test_a_plan_keeps_to_the_budget_and_deep_ones_are_thin(layers):
    shape = TINY.shape(300_000, layers)
    assert (shape.layers, shape.width % 16) == (layers, 0)
    assert shape.parameters == pytest.approx(300_000, rel=0.02)
    assert TINY.shape(300_000, 2).width > TINY.shape(300_000, 12).width


def test_a_budget_that_cannot_be_met_is_refused():
    with pytest.raises(StudyError, match="fewer layers"):
        Planner(32_000, head=64).shape(1_000_000, 30)
    with pytest.raises(StudyError, match="cannot share"):
        Shape(100, 64, 2, 4, 3, 100)


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_file(str(tiny.path("small") / "tokenizer.json"))


def test_a_trained_shape_learns_and_answers_as_it_was_trained(tmp_path, tokenizer):
    shape = Planner(1280, head=16, sharing=2, step=2, repeats=2, normed_heads=True).shape(90_000, 2)
    run = train(shape, Course(tokens=50_000, copying=2, only=("intents",)), tokenizer)
    assert run.curve[-1][1] < run.curve[0][1]
    assert run.tokens > 50_000
    run.write(tmp_path / "made")
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "made", dtype=torch.float32)
    half = {name: weight.detach().bfloat16().float() for name, weight in run.weights.items()}
    ids = torch.randint(5, 1280, (2, 24), generator=torch.Generator().manual_seed(0))
    ours = states(half, ids, 2) @ half["model.embed_tokens.weight"].T
    assert torch.allclose(model(ids).logits, ours, atol=1e-3)
    assert all(seconds > 0 for seconds in seconds_per_token([tmp_path / "made"], tokens=2, rounds=1))


def test_equal_seeds_come_to_equal_weights(tokenizer):
    shape, course = TINY.shape(60_000, 2), Course(tokens=5_000, copying=1, seed=3)
    one, again = (train(shape, course, tokenizer).weights for _ in range(2))
    assert all(torch.equal(one[name], again[name]) for name in one)


def test_the_seed_decides_the_weights_and_another_tokenizers_shape_is_refused(tokenizer):
    shape = TINY.shape(150_000, 4)
    one, again, other = (fresh(shape, seed)["model.layers.0.mlp.up_proj.weight"] for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)
    with pytest.raises(StudyError, match="1280 tokens"):
        train(MOBILELLM["125M"], Course(tokens=1), tokenizer)
