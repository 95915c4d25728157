"""The shipped models: they load at once, answer, and the card tells what a fresh measurement finds."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
import torch

from underdog.tiny import MODELS, card, chat, names, path, worlds
from underdog.tiny.measure import Reader, measured
from underdog.tiny.shape import SHAPES, answering, fresh, states
from underdog.tiny.world import said


@pytest.fixture(scope="module")
def readers() -> dict[str, Reader]:
    return {name: Reader(path(name)) for name in names()}


def test_small_and_large_are_present_and_all_weights_are_small() -> None:
    assert {"small", "large"} <= set(names())
    assert sum(file.stat().st_size for file in MODELS.rglob("*.safetensors")) <= 25e6


def test_a_model_loads_in_under_a_second() -> None:
    Reader(path("small"))  # the import of transformers' model code is paid here
    begun = time.perf_counter()
    Reader(path("large"))
    assert time.perf_counter() - begun < 1


def test_small_and_large_read_an_answer_out_of_a_note(readers: dict[str, Reader]) -> None:
    note = "The colour of Dabrilo is red.\nwhat is the colour of Dabrilo?"
    prompt = chat.render([said("user", note)], ask=True)
    for name in ("small", "large"):
        assert readers[name].texts([prompt]) == ["red"]


def test_left_padding_does_not_change_a_greedy_answer(readers: dict[str, Reader]) -> None:
    items = worlds.world("recall").examples("test", 12)
    together = readers["small"].answers(items)
    alone = [readers["small"].answers([item])[0] for item in items]
    assert together == alone


def test_transformers_computes_the_states_that_training_computed(readers: dict[str, Reader]) -> None:
    reader = readers["small"]
    ids = torch.randint(5, 1280, (2, 40), generator=torch.Generator().manual_seed(0))
    weights = {name: weight.detach() for name, weight in reader.model.named_parameters()}
    with torch.inference_mode():
        theirs = reader.model.model(ids).last_hidden_state
    assert torch.allclose(states(weights, ids), theirs, atol=1e-3)


def test_only_the_assistants_tokens_are_learned() -> None:
    system, user, assistant, end = range(1, 5)
    row = torch.tensor([[system, 9, end, user, 8, end, assistant, 7, 7, end, user, 6, end, 0, 0]])
    assert answering(row).nonzero()[:, 1].tolist() == [6, 7, 8]


def test_fresh_weights_follow_the_seed() -> None:
    shape = SHAPES["small"]
    first, again, other = fresh(shape, 1), fresh(shape, 1), fresh(shape, 2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["model.embed_tokens.weight"], other["model.embed_tokens.weight"])


def test_the_card_is_what_the_measurement_says() -> None:
    assert card.CARD.read_text() == card.card()


@pytest.mark.parametrize("world", worlds.names())
def test_the_measured_table_agrees_with_a_fresh_small_sample(world: str, readers: dict[str, Reader]) -> None:
    """Another seed, 80 items: the two 99.9 % intervals must meet (one test in some hundreds is unlucky)."""
    table = json.loads((MODELS / "measured.json").read_text())["models"]
    for name in ("small", "large"):
        told, fresh_row = table[name]["worlds"][world], measured(readers[name], worlds.world(world), 80, 99)
        share, seen = told["right"] / told["n"], fresh_row["right"] / fresh_row["n"]
        noise = 3.3 * (share * (1 - share) * (1 / 80 + 1 / told["n"])) ** 0.5 + 1 / 80
        assert abs(share - seen) <= noise, (name, share, seen)


def test_importing_the_room_imports_no_torch() -> None:
    code = (
        "import sys; from underdog.tiny import worlds; worlds.world('tools'); print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
