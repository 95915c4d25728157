"""Every world: seeded, split without overlap, gold answers right, empty and foreign answers wrong."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from underdog.answerer import Message
from underdog.errors import StudyError
from underdog.tiny import chat, corpus, worlds
from underdog.tiny.world import World, fold
from underdog.tiny.worlds import countdown, recall


def asked_in(messages: Sequence[Message]) -> str:
    """All that the user says: the question, or in a tally the whole conversation."""
    return "\n".join(message["content"] for message in messages if message["role"] == "user")


WORLDS = [worlds.world(name) for name in worlds.names()]
every_world = pytest.mark.parametrize("world", WORLDS, ids=worlds.names())


@every_world
def test_the_same_seed_gives_the_same_items_and_another_seed_others(world: World) -> None:
    assert world.examples("test", 40, 3) == world.examples("test", 40, 3)
    assert world.examples("test", 40, 3) != world.examples("test", 40, 4)


@every_world
def test_items_of_a_split_are_distinct_and_end_in_a_user_message(world: World) -> None:
    items = world.examples("fit", 100)
    assert len({item.id for item in items}) == 100
    for item in items:
        system, *turns = [message["role"] for message in item.messages]
        assert system == "system"
        assert turns == (["user", "assistant"] * len(turns))[: len(turns)]
        assert turns[-1] == "user"


@every_world
def test_no_test_item_can_be_a_training_item(world: World) -> None:
    """The split follows from a hash of what the item itself shows."""
    for split in ("train", "fit", "test"):
        for item in world.examples(split, 200, 7):
            assert fold(world.key(item)) == split


@every_world
def test_no_test_question_occurs_in_a_large_sample_of_training_text(world: World) -> None:
    asked = {asked_in(item.messages) for item in world.examples("test", 300)}
    rng = Random("overlap")
    for _ in range(3000):
        dialogue = world.dialogue(rng).messages
        told = {message["content"] for message in dialogue} | {asked_in(dialogue)}
        assert not asked & told


def test_fit_and_test_ask_about_different_entities() -> None:
    fit, test = (recall.WORLD.examples(split, 300) for split in ("fit", "test"))
    assert not {item.group for item in fit} & {item.group for item in test}


@every_world
def test_the_gold_answer_is_right_and_empty_shuffled_or_chatty_answers_are_wrong(world: World) -> None:
    items = world.examples("test", 100)
    assert all(world.score(item, item.target) for item in items)
    assert not any(world.score(item, "") for item in items)
    assert not any(world.score(item, f"Sure! {item.target}") for item in items)
    moved = [
        world.score(item, other.target) for item, other in zip(items, items[1:] + items[:1], strict=True)
    ]
    assert sum(moved) <= 15  # short value lists repeat by chance


def test_countdown_takes_any_right_expression_and_no_wrong_one() -> None:
    assert countdown.solves("(7-4)*12", [4, 7, 12], 36)
    assert countdown.solves("12*(7-4)", [4, 7, 12], 36)
    assert not countdown.solves("36", [4, 7, 12], 36)
    assert not countdown.solves("4+7+12", [4, 7, 12], 36)
    assert not countdown.solves("12/(7-7)", [7, 7, 12], 36)
    assert not countdown.solves("__import__('os')", [4, 7, 12], 36)
    assert not countdown.solves("(" * 50, [4, 7, 12], 36)


def test_tool_arguments_must_have_the_right_type() -> None:
    world = worlds.world("tools")
    item = next(item for item in world.examples("test", 50) if item.fields["tool"] == "send_money")
    call = json.loads(item.target)
    call["arguments"]["amount"] = str(call["arguments"]["amount"])
    assert not world.score(item, json.dumps(call))
    assert not world.score(item, item.fields["call"])


def test_recall_is_told_by_frequency_and_tested_by_quarter() -> None:
    items = recall.WORLD.examples("test", 800)
    counts = [sum(item.fields["bucket"] == bucket for item in items) for bucket in recall.BUCKETS]
    assert min(counts) > 150
    assert recall.told(0) > 2.5 * recall.told(recall.ENTITIES - 1)
    assert sum(map(recall.told, range(recall.ENTITIES))) == pytest.approx(1)


def test_an_unknown_world_or_split_is_named_with_what_is_allowed() -> None:
    with pytest.raises(StudyError, match=r"countdown, .* got 'chess'"):
        worlds.world("chess")
    with pytest.raises(ValueError, match=r"train, fit, test\. Got 'dev'"):
        WORLDS[0].examples("dev", 1)


def test_the_pretraining_stream_is_a_function_of_seed_and_pool_number() -> None:
    kinds = corpus.mixture()
    tokenizer = chat.trained(text for _, text in corpus.sample(kinds, 300, Random(0)))
    stream = corpus.pools(tokenizer, kinds, "s")
    next(stream)
    second, counts = next(stream)
    again, _ = next(corpus.pools(tokenizer, kinds, "s", first=1))
    assert second == again
    assert sum(count for kind, count in counts.items() if "documents" not in kind) == sum(
        batch.tokens for batch in second
    )
    assert all(len(batch.ids) * batch.width <= max(corpus.BATCH_TOKENS, batch.width) for batch in second)


def test_worlds_show_shots_system_lines_and_json_in_training() -> None:
    tools = worlds.world("tools")
    dialogues = [tools.dialogue(Random(seed)) for seed in range(3000)]
    in_json = [each for each in dialogues if each.messages[-1]["content"].startswith("{")]
    assert 0.025 < len(in_json) / len(dialogues) < 0.06
    assert any(len(each.messages) > 4 for each in in_json)
    assert any(each.messages[0]["role"] == "user" for each in in_json)


@every_world
def test_a_world_is_a_task_whose_fit_and_held_out_items_keep_apart(world: World) -> None:
    task = worlds.task(world.name, n=200, seed=3)
    assert {name: bool(part) for name, part in task.splits.items()} == dict.fromkeys(task.splits, True)
    assert len(task.split("fit")) == 40
    assert {fold(world.key(example)) for example in task.split("fit")} == {"fit"}
    held = [example for name in ("tune", "certify", "test") for example in task.split(name)]
    assert {fold(world.key(example)) for example in held} == {"test"}
    groups = [{example.group for example in task.split(name)} for name in task.splits]
    assert sum(map(len, groups)) == len(set().union(*groups))
    for example in task.examples:
        assert task.scorer.score(task.scorer.gold(example), example) == 1


def test_the_notes_of_the_recall_example_are_the_worlds_facts() -> None:
    notes = Path(__file__).resolve().parents[2] / "examples" / "tiny" / "recall.txt"
    assert notes.read_text().splitlines() == recall.passages()
