"""Splits: by group, stable, in the asked shares, and as the data say where they say."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from underdog.errors import DataError, StudyError
from underdog.example import Example
from underdog.reading import Reading
from underdog.scorers import Exact
from underdog.task import SHARES, SPLITS, Task, placed


def example(name: str, group: str | None = None, split: str | None = None) -> Example:
    return Example(name, group or name, ({"role": "user", "content": name},), "x", placed=split)


def task(*examples: Example, **more: object) -> Task:
    return Task("t", examples, Exact(), Reading("text"), **more)  # type: ignore[arg-type]


def test_a_group_is_placed_where_it_always_was() -> None:
    # Pinned: a change here would move users' examples out of test and into fit.
    places = [placed(f"document {i}", SHARES) for i in range(12)]
    initials = " ".join(place[:2] for place in places)
    assert initials == "tu te ce te te tu tu tu ce ce ce te"


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), min_size=1, unique_by=lambda pair: pair[0])
)
def test_a_group_is_never_in_two_splits_and_every_example_in_one(pairs: list[tuple[str, str]]) -> None:
    made = task(*[example(name, f"g{group}") for name, group in pairs])
    homes = [(split, e.group) for split in SPLITS for e in made.split(split)]
    assert len(homes) == len(pairs)
    assert len(set(homes)) == len({group for _, group in homes})


def test_shares_are_met_and_growing_data_keep_their_splits() -> None:
    many = [example(str(i)) for i in range(4000)]
    some, all_of_them = task(*many[:1000]), task(*many)
    counts = {name: len(part) / 4000 for name, part in all_of_them.splits.items()}
    assert all(abs(counts[name] - share) < 0.03 for name, share in SHARES.items())
    for name in SPLITS:
        assert {e.id for e in some.split(name)} <= {e.id for e in all_of_them.split(name)}


def test_a_split_with_no_share_is_empty() -> None:
    made = task(*[example(str(i)) for i in range(50)], shares={"tune": 0.5, "test": 0.5})
    assert not made.split("fit") and not made.split("certify")
    assert len(made.split("tune")) + len(made.split("test")) == 50


def test_the_whole_set_can_be_test() -> None:
    made = task(*[example(str(i)) for i in range(9)], whole_test=True)
    assert len(made.split("test")) == 9 and not made.split("fit")


def test_splits_that_the_data_name_are_kept_and_train_is_divided_among_the_rest() -> None:
    rows = [example(f"a{i}", split="test") for i in range(20)] + [
        example(f"b{i}", split="train") for i in range(300)
    ]
    made = task(*rows)
    assert {e.id[0] for e in made.split("test")} == {"a"}
    counts = Counter({name: len(made.split(name)) for name in ("fit", "tune", "certify")})
    assert sum(counts.values()) == 300 and all(n > 40 for n in counts.values())
    assert task(*rows[20:]).split("test")
    fitted = task(*rows, example("c", split="fit"), example("d", split="Certify"))
    assert {e.id for e in fitted.split("fit")} == {"c"} and {e.id for e in fitted.split("certify")} == {"d"}
    assert len(fitted.split("tune")) == 300


def test_an_unknown_split_in_the_data_or_asked_for_is_refused() -> None:
    with pytest.raises(DataError, match=r"the split must be one of fit, tune, certify, test.*got 'holdout'"):
        task(example("a", split="holdout")).splits  # noqa: B018
    with pytest.raises(StudyError, match="did you mean 'certify'"):
        task(example("a")).split("certfy")


@pytest.mark.parametrize(
    ("shares", "sentence"),
    [
        ({"fit": 0.5, "tset": 0.5}, "did you mean 'test'"),
        ({"fit": 0.5, "test": 0.6}, "must add up to 1; they add up to 1.1"),
        ({"fit": -1, "test": 2}, "the share of fit must be from 0 to 1"),
        ({"fit": True}, "the share of fit must be from 0 to 1"),
    ],
)
def test_shares_that_are_none_are_refused(shares: dict[str, float], sentence: str) -> None:
    with pytest.raises(StudyError, match=sentence):
        task(example("a"), shares=shares)


def test_a_task_needs_examples_with_different_ids() -> None:
    with pytest.raises(StudyError, match="at least one example"):
        task()
    with pytest.raises(StudyError, match="ids of examples must differ"):
        task(example("a"), example("a"))


def test_a_reference_model_can_stand_in_for_gold() -> None:
    made = task(example("a"), example("b"), caution="small").referred({"a": "yes"}, "large")
    assert [(e.id, e.target) for e in made.examples] == [("a", "yes")]
    assert made.reference == "large" and made.caution.startswith("small; agreement with large is measured")
