"""The three worlds of words: what errands ask, what sentences are right, where a passage hides its fact."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from underdog.example import Example
from underdog.tiny.world import Dialogue, fold
from underdog.tiny.worlds import errands, keywords, passage

OPERATIONS = {operation.name: operation for each in errands.FAMILIES.values() for operation in each}
LIST = ["wolf", "bread", "red", "goat"]


def asked(dialogue: Dialogue) -> list[str]:
    """The requests of a document, without their words."""
    return [turn["content"].split(":")[0].lower() for turn in dialogue.messages if turn["role"] == "user"]


def families_of(dialogue: Dialogue) -> set[str]:
    """The families that the requests of a document belong to, read off the text alone."""
    return {FAMILY[request] for request in asked(dialogue)}


FAMILY = {
    ask.format(n=place): family
    for family, operations in errands.FAMILIES.items()
    for operation in operations
    for ask in operation.asks
    for place in operation.places
}


@pytest.mark.parametrize(
    ("name", "place", "answer"),
    [
        ("reverse", 0, "goat red bread wolf"),
        ("alphabet", 0, "bread goat red wolf"),
        ("swap", 0, "goat bread red wolf"),
        ("rotate", 0, "bread red goat wolf"),
        ("words", 0, "4"),
        ("animals", 0, "2"),
        ("foods", 0, "1"),
        ("letters", -1, "4"),
        ("letters", 1, "5"),
        ("joined", 0, "wbrg"),
        ("joined", -1, "fddt"),
        ("backwards", 1, "daerb"),
        ("dashes", 2, "r-e-d"),
    ],
)
def test_every_errand_does_what_it_says(name: str, place: int, answer: str) -> None:
    assert OPERATIONS[name].does(LIST, place) == answer


def test_a_request_means_one_operation_and_every_operation_is_asked_in_six_ways() -> None:
    assert len(FAMILY) == sum(len(each.asks) * len(each.places) for each in OPERATIONS.values())
    assert {len(set(each.asks)) for each in OPERATIONS.values()} == {6}


def test_no_first_word_of_a_request_gives_its_family_away() -> None:
    """Most requests begin with a word that begins requests of other families too."""
    openers: dict[str, set[str]] = {}
    for request, family in FAMILY.items():
        openers.setdefault(request.split()[0], set()).add(family)
    shared = [request for request in FAMILY if len(openers[request.split()[0]]) > 1]
    assert len(shared) > len(FAMILY) / 2
    assert openers["turn"] == openers["say"] == openers["give"] == set(errands.FAMILIES)


def test_no_word_of_an_errand_belongs_to_two_lists() -> None:
    assert len(set(errands.WORDS)) == len(errands.WORDS)


def test_errands_are_drawn_from_all_families_alike_with_distinct_words() -> None:
    items = errands.WORLD.examples("test", 1500)
    families = Counter(item.fields["family"] for item in items)
    assert min(families.values()) > 420
    assert all(len(set(item.fields["words"])) == item.fields["length"] for item in items)
    assert {item.fields["length"] for item in items} == set(errands.LENGTHS)
    assert {item.fields["operation"] for item in items} == set(OPERATIONS)


def test_no_system_line_of_errands_names_a_family() -> None:
    lines = " ".join(errands.WORLD.systems).lower()
    assert not any(family in lines for family in errands.FAMILIES)


@pytest.mark.parametrize("family", errands.FAMILIES)
def test_a_family_lesson_holds_errands_of_its_family_only_and_a_dialogue_all(family: str) -> None:
    rng = Random(family)
    lessons = [errands.WORLD.family_lesson(family, rng) for _ in range(200)]
    assert set().union(*map(families_of, lessons)) == {family}
    mixed = [errands.WORLD.dialogue(rng) for _ in range(200)]
    assert set().union(*map(families_of, mixed)) == set(errands.FAMILIES)
    assert any(len(families_of(each)) > 1 for each in mixed)


def keyed(words: int | None = None, start: str | None = None, distinct: bool = False) -> Example:
    """An item that asks for two keywords and these rules."""
    fields = {"keywords": ["plum", "green"], "words": words, "start": start, "distinct": distinct}
    return replace(keywords.WORLD.examples("test", 1)[0], fields=fields)


GOOD = "the green baker eats the plum in the hall."


@pytest.mark.parametrize(
    ("text", "item", "is_right", "met"),
    [
        (GOOD, keyed(), True, 1.0),
        (GOOD, keyed(words=9, start="the", distinct=True), True, 1.0),
        (GOOD.removesuffix("."), keyed(words=9), True, 1.0),
        (GOOD, keyed(words=8), False, 2 / 3),
        (GOOD, keyed(start="today"), False, 2 / 3),
        (f"today {GOOD}", keyed(start="today"), True, 1.0),
        ("the green baker eats the green plum.", keyed(), True, 1.0),
        ("the green baker eats the green plum.", keyed(distinct=True), False, 2 / 3),
        ("the red baker eats the plum.", keyed(), False, 0.5),
        ("the greenish baker eats the plum.", keyed(), False, 0.5),
        ("green plum.", keyed(), False, 1.0),
        (f"{GOOD} {GOOD}", keyed(), False, 1.0),
        ("", keyed(), False, 0.0),
    ],
)
def test_a_sentence_is_right_when_it_is_one_and_meets_every_constraint(
    text: str, item: Example, is_right: bool, met: float
) -> None:
    assert keywords.right(text, item) is is_right
    assert keywords.coverage(text, item) == pytest.approx(met)


def test_targets_meet_all_constraints_at_every_density() -> None:
    items = keywords.WORLD.examples("test", 1500)
    assert all(keywords.coverage(item.target, item) == 1 for item in items)
    assert {item.fields["density"] for item in items} == set(range(2, 10))
    for item in items:
        question = item.messages[-1]["content"]
        assert item.fields["density"] == len(keywords.constraints("", item))
        assert ("Words:" in question) == (item.fields["words"] is not None)
        assert ("No repeats." in question) == item.fields["distinct"]


def test_without_the_rule_the_targets_do_repeat_words() -> None:
    """Else the rule against repeats would ask for nothing."""
    free = [item for item in keywords.WORLD.examples("test", 1500) if not item.fields["distinct"]]
    again = [replace(item, fields={**item.fields, "distinct": True}) for item in free]
    assert 0.1 < sum(not keywords.right(item.target, item) for item in again) / len(again) < 0.5


def test_the_split_of_keywords_does_not_depend_on_their_order_or_the_form_of_the_question() -> None:
    item = keywords.WORLD.examples("fit", 1)[0]
    turned = replace(item, fields={**item.fields, "keywords": item.fields["keywords"][::-1]})
    assert keywords.WORLD.key(turned) == keywords.WORLD.key(item)
    assert fold(item.group) == "fit"


def test_a_passage_holds_the_gold_sentence_once_and_every_sort_of_distractor() -> None:
    for item in passage.WORLD.examples("test", 300):
        facts, name, relation = item.fields["facts"], item.fields["entity"], item.fields["relation"]
        assert facts.count(f"The {relation} of {name} is {item.target}.") == 1
        assert item.fields["passage"] in facts
        assert len(facts) == len(set(facts)) == item.fields["distractors"] + 1
        assert len(facts) in passage.SENTENCES
        assert item.fields["lures"]["outdated"] != item.target
        assert f"The {relation} of {name} was {item.fields['lures']['outdated']}." in facts
        assert any(fact.endswith(f"is {item.fields['lures']['similar name']}.") for fact in facts)
        assert item.messages[-1]["content"] == "\n".join([*facts, item.fields["question"]])


def test_a_passage_never_says_two_present_values_of_one_fact() -> None:
    for item in passage.WORLD.examples("fit", 300):
        told = [fact.split(" is ")[0] for fact in item.fields["facts"] if " is " in fact]
        assert len(told) == len(set(told))


@pytest.mark.parametrize("split", ["train", "fit", "test"])
def test_a_similar_name_is_one_syllable_off_and_of_the_same_split(split: str) -> None:
    rng = Random(split)
    for name in ("Brodel", "Satu", "Strimofus"):
        other = passage.similar(name, split, rng)
        one, two = (passage.SYLLABLE.findall(each.lower()) for each in (name, other))
        assert fold(f"name/{other}") == split
        assert sum(a != b for a, b in zip(one, two, strict=True)) == 1


def test_the_sentence_asked_for_is_not_given_away_by_its_place() -> None:
    items = passage.WORLD.examples("test", 1200)
    places = Counter(
        item.fields["facts"].index(item.fields["passage"]) / item.fields["distractors"] for item in items
    )
    assert sum(place <= 0.5 for place in places.elements()) / len(items) == pytest.approx(0.55, abs=0.06)


def test_later_questions_of_a_passage_document_are_answered_by_what_it_said() -> None:
    rng = Random("passages")
    followed = 0
    for _ in range(300):
        told = ""
        turns = [turn for turn in passage.WORLD.dialogue(rng).messages if turn["role"] != "system"]
        for question, answer in zip(turns[::2], turns[1::2], strict=True):
            followed += "\n" not in question["content"]
            told = question["content"] if "\n" in question["content"] else told
            assert f" is {answer['content']}." in told
    assert followed > 100


def test_the_mean_number_of_questions_in_a_passage_document_is_what_it_says() -> None:
    rng = Random("turns")
    asked_for = [
        sum(turn["role"] == "user" for turn in passage.WORLD.dialogue(rng).messages) for _ in range(3000)
    ]
    assert sum(asked_for) / len(asked_for) == pytest.approx(passage.WORLD.mean_turns(), rel=0.07)
