"""Arithmetic, tally and choice: targets follow from what is shown, both manners agree, optima are optimal."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import accumulate, chain, combinations
from random import Random

import pytest

from underdog.answerer import Answer
from underdog.example import Example
from underdog.reading import Reading
from underdog.tiny.world import Dialogue, World, fold
from underdog.tiny.worlds import arithmetic, choice, tally

WORLDS: tuple[World, ...] = (arithmetic.WORLD, tally.WORLD, choice.WORLD)
LESS = ("take away", "minus", "less", "drop", "take out")


def system(dialogue: Dialogue) -> str | None:
    first = dialogue.messages[0]
    return first["content"] if first["role"] == "system" else None


def texts(dialogue: Dialogue, role: str) -> list[str]:
    return [message["content"] for message in dialogue.messages if message["role"] == role]


def dialogues(world: World, n: int = 400) -> list[Dialogue]:
    rng = Random(f"{world.name} documents")
    return [world.dialogue(rng) for _ in range(n)]


def of(text: str) -> int:
    """The signed number that one turn of a tally says."""
    number = int(re.findall(r"\d", text)[0])
    return -number if any(word in text for word in LESS) else number


def small(weights: list[int], values: list[int], limit: int) -> Example:
    """A choice made by hand."""
    things = list(zip(weights, values, strict=True))
    return choice.WORLD.item(things, limit, Random(0))


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_a_thousand_held_out_items_are_distinct_and_their_targets_right(world: World) -> None:
    items = world.examples("test", 960)
    assert {world.score(item, item.target) for item in items} == {True}
    assert len({item.id for item in items}) == 960
    common = Counter(item.target for item in items).most_common(1)[0][0]
    assert sum(world.score(item, common) for item in items) < 0.15 * 960


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_every_difficulty_has_enough_items_to_measure(world: World) -> None:
    field = "count" if world is choice.WORLD else "length"
    counts = Counter(item.fields[field] for item in world.examples("test", 960))
    assert sorted(counts) == list(range(3, 3 + len(counts)))
    assert min(counts.values()) > 60


def test_the_checker_of_steps_judges_a_beginning_as_exactly_as_the_whole() -> None:
    item = arithmetic.WORLD.examples("test", 1)[0]
    steps = item.fields["steps"]
    lines = steps.splitlines()
    for end in range(1, len(lines) + 1):
        assert arithmetic.check(item.messages, "\n".join(lines[:end]) + "\n")[0]
    assert arithmetic.check(item.messages, steps) == (True, "")
    spoilt = [*lines[:1], lines[1] + "0", *lines[2:]]
    assert arithmetic.check(item.messages, "\n".join(spoilt)) == (False, "Step 2 is not right.")
    assert not arithmetic.check(item.messages, steps + "\n" + lines[-1])[0]
    assert not arithmetic.check(item.messages, lines[0][:-1])[0]


def test_a_chain_is_worked_out_from_left_to_right_within_its_bounds() -> None:
    for item in arithmetic.WORLD.examples("test", 300):
        shown = re.findall(r"[+-]?\d", item.messages[-1]["content"])
        numbers = [int(number) for number in shown]
        totals = list(accumulate(numbers))
        assert len(numbers) == item.fields["length"]
        assert all(2 <= abs(number) <= 9 for number in numbers)
        assert 0 <= min(totals) <= max(totals) <= arithmetic.HIGHEST
        assert item.target == str(totals[-1])


def test_written_steps_are_true_sums_and_are_read_as_the_same_number() -> None:
    assert arithmetic.stepped((7, 5, -3, 8)) == "7+5=12\n12-3=9\n9+8=17\n17"
    for item in arithmetic.WORLD.examples("fit", 100):
        *steps, result = item.fields["steps"].split("\n")
        for step, after in zip(steps, [*steps[1:], ""], strict=True):
            left, sign, number, total = re.fullmatch(r"(\d+)([+-])(\d)=(\d+)", step).groups()  # type: ignore[union-attr]
            assert int(left) + int(sign + number) == int(total)
            assert after.startswith(total) or total == result
        assert arithmetic.WORLD.score(item, item.fields["steps"])
        assert Reading("number").read(Answer(item.fields["steps"])) == item.target


def test_steps_are_written_only_under_a_line_that_asks_for_them() -> None:
    drawn = dialogues(arithmetic.WORLD)
    stepped = [each for each in drawn if system(each) in arithmetic.STEPPED]
    assert 0.4 < len(stepped) / len(drawn) < 0.6
    assert all("\n" in text for each in stepped for text in texts(each, "assistant"))
    rest = [each for each in drawn if system(each) not in arithmetic.STEPPED]
    assert {system(each) for each in rest} == {None, *arithmetic.WORLD.systems}
    assert all(re.fullmatch(r"\d+", text) for each in rest for text in texts(each, "assistant"))
    assert not set(arithmetic.STEPPED) & set(arithmetic.WORLD.systems)


def test_a_tally_is_the_sum_of_what_was_said_and_quiet_until_asked() -> None:
    for item in tally.WORLD.examples("test", 300):
        said = [message["content"] for message in item.messages if message["role"] == "user"]
        numbers = [of(text) for text in said[:-1]]
        assert numbers == item.fields["numbers"]
        assert all(0 <= running <= tally.HIGHEST for running in accumulate(numbers))
        assert item.target == str(sum(numbers))
        assert said[-1] in tally.ASKS
        quiet = {message["content"] for message in item.messages if message["role"] == "assistant"}
        assert quiet == {tally.QUIET}


def test_running_totals_are_said_only_under_a_line_that_asks_for_them() -> None:
    drawn = dialogues(tally.WORLD)
    loud = [each for each in drawn if system(each) in tally.ALOUD]
    assert 0.4 < len(loud) / len(drawn) < 0.6
    assert not any(tally.QUIET in texts(each, "assistant") for each in loud)
    rest = [each for each in drawn if system(each) not in tally.ALOUD]
    assert {system(each) for each in rest} == {None, *tally.WORLD.systems}
    assert all(tally.QUIET in texts(each, "assistant") for each in rest)


def test_a_second_tally_starts_at_zero_in_both_manners() -> None:
    twice = [each for each in dialogues(tally.WORLD) if tally.AGAIN in "".join(texts(each, "user"))]
    assert len(twice) > 40
    for each in twice:
        running = 0
        for user, assistant in zip(texts(each, "user"), texts(each, "assistant"), strict=True):
            running = 0 if user.startswith(tally.AGAIN) else running
            running += 0 if user in tally.ASKS else of(user)
            assert assistant in ((str(running),) if user in tally.ASKS else (str(running), tally.QUIET))


def test_no_held_out_sequence_or_choice_occurs_in_training_text() -> None:
    for each in dialogues(tally.WORLD):
        parts = re.split(
            r"\|(?:{})".format("|".join(map(re.escape, tally.ASKS))), "|".join(texts(each, "user"))
        )
        for part in filter(None, parts):
            numbers = [of(text) for text in part.strip("|").split("|")]
            assert fold(f"numbers/{tally.signed(numbers)}") == "train"
    for text in chain.from_iterable(texts(each, "user") for each in dialogues(choice.WORLD)):
        things = [(int(weight), int(value)) for weight, value in re.findall(r"(\d) for (\d)", text)]
        limit = re.search(r"(?:limit|Within|Bag of) (\d+)", text)
        assert limit is not None
        assert fold(choice.group(things, int(limit[1]))) == "train"


def test_a_tally_asked_aloud_shows_only_what_the_model_itself_has_said() -> None:
    item = tally.WORLD.examples("test", 1)[0]
    turns = [message for message in item.messages if message["role"] == "user"]
    assert tally.aloud(item) == ({"role": "system", "content": tally.ALOUD[0]}, turns[0])
    said = [f"guess {turn}" for turn in range(len(turns) - 1)]
    last = tally.aloud(item, said)
    assert [message["content"] for message in last if message["role"] == "assistant"] == said
    assert [message for message in last if message["role"] == "user"] == turns
    with pytest.raises(ValueError, match=f"fewer than the {len(turns)} user turns"):
        tally.aloud(item, [*said, "0"])


def test_the_best_set_of_the_world_is_the_best_of_an_independent_search() -> None:
    for item in choice.WORLD.examples("test", 200):
        shown = re.findall(r"([a-e]) (\d) for (\d)", item.messages[-1]["content"])
        values: dict[str, int] = {}
        for size in range(1, len(shown) + 1):
            for taken in combinations(shown, size):
                if sum(int(weight) for _, weight, _ in taken) <= item.fields["limit"]:
                    name = " ".join(letter for letter, _, _ in taken)
                    values[name] = sum(int(value) for _, _, value in taken)
        optima = sorted(name for name, value in values.items() if value == max(values.values()))
        assert item.target == optima[0]
        assert item.fields["best"] == values[optima[0]]
        assert {name for name in values if choice.right(name, item)} == set(optima)
        assert all(choice.feasible(name, item) for name in values)


def test_any_optimal_set_is_right_and_what_is_no_set_within_the_limit_is_not() -> None:
    item = small([3, 4, 6, 2], [5, 6, 9, 2], 10)
    assert (item.target, item.fields["best"]) == ("b c", 15)
    assert choice.right("b c", item)
    assert choice.right("c b", item)
    tied = small([2, 2, 5], [4, 4, 1], 2)
    assert tied.target == "a"
    assert choice.right("b", tied)
    assert choice.feasible("a", item)
    assert not choice.right("a", item)
    for text in ("", "a b c d", "b b", "bc", "b, c", "b  c", "e", "take b c", "B C"):
        assert not choice.feasible(text, item), text
        assert not choice.right(text, item), text


def test_two_orders_of_the_same_things_belong_to_one_split() -> None:
    there, back = small([3, 4, 6], [5, 6, 9], 7), small([6, 3, 4], [9, 5, 6], 7)
    assert there.id != back.id
    assert choice.WORLD.key(there) == choice.WORLD.key(back)
    assert choice.WORLD.key(replace(there, fields={**there.fields, "limit": 8})) != choice.WORLD.key(there)
