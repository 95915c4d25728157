"""From a study without gold answers to a labelled verdict: the same as with the gold that labels reveal."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from tests.labelling.conftest import Contest, Label
from tests.studies.conftest import Shop, sums, sums_spec

from underdog.labelling.book import Book
from underdog.labelling.pairs import Pair
from underdog.labelling.serving import open_contest, where_it_stands
from underdog.labelling.standing import next_pair
from underdog.statistics import paired_difference
from underdog.studies.run import run
from underdog.studies.session import Settings
from underdog.studies.verdict import judge


def truth(pair: Pair) -> Label:
    """What a person who can add says."""
    left, right = map(int, str(pair.example.messages[-1]["content"]).split("+"))
    arm, against = (side.final == str(left + right) for side in (pair.arm, pair.against))
    return {(1, 0): Label.BETTER, (0, 1): Label.WORSE, (1, 1): Label.BOTH}.get((arm, against), Label.NEITHER)


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of sums whose targets are the large model's answers."""
    folder = tmp_path_factory.mktemp("studied")
    examples = tuple(replace(example, target=None) for example in sums(600).examples)
    task = replace(sums(600), examples=examples, reference="large")
    spec = sums_spec(folder, task=task, levers={}, margin=0.1)
    settings = Settings(store=folder / "store.sqlite", folder=folder / "run", bind=Shop())
    assert asyncio.run(run(spec, settings)) is not None
    return folder / "run"


def said_right(quiz: Contest, pair: Pair, arm: bool) -> float:
    left, right = map(int, str(pair.example.messages[-1]["content"]).split("+"))
    return float((pair.arm if arm else pair.against).final == str(left + right))


def test_labels_by_someone_who_knows_give_the_verdict_that_gold_would(studied: Path) -> None:
    quiz = open_contest(studied, "small")
    assert not quiz.gold and 0 < len(quiz.shown) < len(quiz.pairs)
    book = Book(studied, quiz, "ada")
    told_after = None
    while (pair := next_pair(quiz, book.labels().by_item)) is not None:
        book.add(pair, truth(pair))
        given = len(book.labels().by_item)
        if told_after is None and given % 10 == 0 and where_it_stands(studied, "small")[1].told:
            told_after = given
    _, now, _ = where_it_stands(studied, "small")
    gold = paired_difference(
        [said_right(quiz, pair, True) for pair in quiz.pairs],
        [said_right(quiz, pair, False) for pair in quiz.pairs],
    )
    assert now.complete and now.kind is judge(gold, 0.1).kind
    assert (now.low, now.high) == (gold.low, gold.high) and now.difference == pytest.approx(gold.difference)
    assert told_after is not None and told_after < len(quiz.shown)
