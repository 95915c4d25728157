"""A bad search is told from a bad reader: recall of the gold passage, and what is lost where."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.studies.diagnosis.made import column, evidence, said, task

from underdog.acts.search import search
from underdog.answerer import Model, Request
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.example import Example
from underdog.levers import Retrieve
from underdog.reading import Reading
from underdog.retrieval.index import Index
from underdog.scorers import Exact
from underdog.statistics import Interval
from underdog.store import MemoryBank
from underdog.studies.diagnosis.conclude import diagnose
from underdog.studies.diagnosis.gather import gathered
from underdog.studies.diagnosis.signals.retrieving import fault, gold_ranks
from underdog.studies.diagnosis.stages import Effort
from underdog.studies.measure import Bench
from underdog.studies.spec import spec_from
from underdog.task import Task

SMALL = Model("fake/small")
N = 200


def lever(passages: list[str], k: int = 2) -> Retrieve:
    return Retrieve(SMALL, Index.of([(str(at), text) for at, text in enumerate(passages)]).stored, k)


def facts(found: float) -> tuple[Task, list[str]]:
    """Questions with a gold passage each, of which the documents hold a share."""
    passages = [f"Number {i} is about subject {i * 7 + 100_000}." for i in range(N)]
    made = task(
        N, asked=[f"What is number {i}?" for i in range(N)], fields=[{"passage": p} for p in passages]
    )
    return made, passages[: round(found * N)]


def test_a_gold_passages_rank_is_its_place_among_those_found() -> None:
    passages = ["red fox", "red fox runs", "blue whale", "the red fox runs home"]
    examples = tuple(
        Example(
            str(at), str(at), ({"role": "user", "content": text},), fields={"passage": gold} if gold else {}
        )
        for at, (text, gold) in enumerate(
            [("blue", "blue\n whale"), ("runs", "fox runs home"), ("red", "zebra"), ("blue", ""), ("?", "x")]
        )
    )
    assert gold_ranks(lever(passages), examples).tolist()[:3] == [1.0, 2.0, float("inf")]
    assert str(gold_ranks(lever(passages), examples).tolist()[3:]) == "[nan, inf]"


@pytest.mark.parametrize(
    ("found", "reads", "at_fault", "missed"),
    [(0.4, 1.0, "the search is at fault", 0.6), (1.0, 0.3, "the reader is at fault", 0.0)],
)
def test_what_is_lost_is_lost_by_the_one_that_loses_it(
    found: float, reads: float, at_fault: str, missed: float
) -> None:
    of, held = facts(found)
    hits = [i < len(held) for i in range(N)]
    right = [hit and i % 10 < 10 * reads for i, hit in enumerate(hits)]
    made = evidence(
        of,
        said(of, [False] * N),
        said(of, [True] * N),
        probes={
            "gold passage": {"small": column(of, "small", said(of, [True] * N))},
            "wrong passage": {"small": column(of, "small", said(of, [False] * N))},
            "found passages": {"small": column(of, "small", said(of, right))},
        },
        retriever=lever(held),
    )
    diagnosis = diagnose(made)
    recall = diagnosis.signal("recall of the gold passage", "small")
    assert recall is not None and recall.interval.estimate == pytest.approx(found)
    assert [point.x for point in recall.curve] == [1, 2, 4, 8, 16]
    lost = {name: diagnosis.signal(f"lost {name}", "small") for name in ("by the search", "by the reader")}
    estimates = {name: signal.interval.estimate or 0.0 for name, signal in lost.items() if signal is not None}
    assert estimates["by the search"] == pytest.approx(missed)
    assert sum(estimates.values()) == pytest.approx(1 - sum(right) / N), "the parts add up to what is lost"
    advice = diagnosis.advice("retrieve")
    assert advice.worth_trying and at_fault in advice.why
    gain = diagnosis.signal("found passages", "small")
    assert gain is not None and gain.interval.estimate == pytest.approx(sum(right) / N)


@pytest.mark.parametrize(
    ("search_lost", "reader_lost", "sentence"),
    [
        ((0.3, 0.2, 0.4), (0.05, 0.0, 0.1), "the search is at fault: it loses 30.0 points"),
        ((0.0, -0.02, 0.02), (0.3, 0.2, 0.4), "the reader is at fault: it loses 30.0 points"),
        ((0.2, 0.1, 0.3), (0.15, 0.05, 0.25), "which loses more cannot be told"),
        ((None, None, None), (0.1, 0.0, 0.2), "is not known"),
        ((0.0, -0.1, 0.1), (0.1, -0.1, 0.3), "neither the search (0.0 points (-10.0 to 10.0)) nor"),
    ],
)
def test_fault_is_only_found_where_the_intervals_tell(
    search_lost: tuple[float | None, ...], reader_lost: tuple[float | None, ...], sentence: str
) -> None:
    one, two = (Interval(ends[0], ends[1], ends[2], 100, 0.95, "made") for ends in (search_lost, reader_lost))
    assert sentence in fault(one, two)


def test_a_study_that_retrieves_has_its_own_search_and_wording_diagnosed(tmp_path: Path) -> None:
    """Found passages come through the act; gold and wrong ones are put as the lever would put them."""
    (tmp_path / "notes.jsonl").write_text(
        "\n".join(f'{{"text": "In place {i} the town is town {i % 5}."}}' for i in range(0, 200, 2))
    )
    examples = tuple(
        Example(
            f"e{i}",
            f"e{i}",
            ({"role": "user", "content": f"place {i}"},),
            f"town {i % 5}",
            fields={"passage": f"In place {i} the town is town {i % 5}."},
        )
        for i in range(200)
    )
    spec = spec_from(
        {
            "task": Task("towns", examples, Exact(), Reading("first_line")),
            "models": {"small": "fake/small", "large": "fake/large"},
            "levers": {
                "rag": {
                    "lever": "vote",
                    "inner": {
                        "lever": "retrieve",
                        "inner": "large",
                        "documents": "notes.jsonl",
                        "k": 1,
                        "template": "NOTES {passages} Q {input}",
                    },
                }
            },
        },
        tmp_path,
    )
    seen: list[str] = []

    def small(request: Request) -> str:
        text = str(request.messages[-1]["content"])
        seen.append(text)
        return text.rpartition("the town is ")[2].partition(".")[0] if "the town is" in text else "town 9"

    async def session() -> Any:
        replies: dict[str, Any] = {"fake/small": small, "fake/large": "town 1"}
        bind = lambda model: FakeEngine(replies[model.name], name=model.name)  # noqa: E731
        async with Driver(bind, MemoryBank(), tools={"search": search}) as driver:
            few = Effort(examples=60, probed=40)
            return await gathered(spec, Bench(spec.task, driver, MemoryBank()), spec.task.split("tune"), few)

    got = asyncio.run(session())
    assert got.retriever is not None and got.retriever.inner == spec.read("small")
    found, gold = (got.probes[name]["small"].scores().mean() for name in ("found passages", "gold passage"))
    assert gold == 1.0 and 0.2 < found < 1.0
    asked = [text for text in seen if "the town is" in text and "step by step" not in text]
    assert asked and all(text.startswith("NOTES In place") and " Q place" in text for text in asked)
