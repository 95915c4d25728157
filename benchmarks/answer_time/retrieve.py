"""Passages and demonstrations on the embedded models, each beside the controls that say what its gain is.

    python -m benchmarks.answer_time.retrieve                 # all worlds; minutes on one core
    python -m benchmarks.answer_time.retrieve --only recall --n 700
    python -m benchmarks.answer_time.retrieve --only speed

Synthetic micro-worlds: they show the mechanism, and are no evidence about real tasks. Nothing is fitted on
the items asked about, nothing chosen, and nothing corrected for the number of arms.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time

import numpy as np
from benchmarks.truth.table import Table

from underdog.acts import Acts
from underdog.answerer import Answerer, Model
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.example import Example
from underdog.levers import FewShot, Retrieve
from underdog.retrieval.index import Index, index_of
from underdog.statistics import gap_closed, mean_interval, paired_difference
from underdog.store import Bank, Store
from underdog.stored import Stored
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals import retrieving
from underdog.studies.diagnosis.signals.asking import FOUND, GOLD
from underdog.studies.diagnosis.stages import kept, unlike, worded_by
from underdog.studies.fitting import fitted
from underdog.studies.measure import Bench, Column
from underdog.studies.spec import read
from underdog.task import Task
from underdog.tiny import worlds
from underdog.tiny.table import shown, span
from underdog.tiny.world import said
from underdog.tiny.worlds import recall

KS = (1, 2, 4, 8)
SHOTS = (1, 4)
TAUGHT = ("intents", "tally")


@dataclass(frozen=True)
class Arm:
    """An answerer on the examples as one way of asking words them."""

    answerer: Answerer
    examples: Sequence[Example]


async def columns_of(arms: Mapping[str, Arm], task: Task, store: Path, run: str) -> dict[str, Column]:
    """Every arm's column, over one bank of calls."""
    store.parent.mkdir(parents=True, exist_ok=True)
    found: dict[str, Column] = {}
    with Store(store) as bank_file:
        bank_file.start_run(run, {"n": len(task.examples)})
        bank, bind = Bank(bank_file, run), Binder()
        async with Acts(bind) as acts, Driver(bind, bank, tools=acts) as driver:
            bench = Bench(task, driver, bank)
            for name, arm in arms.items():
                found |= await bench.measure({name: arm.answerer}, arm.examples, run)
    return found


def models(task: Task) -> tuple[Answerer, Answerer]:
    """Small and large, read as the world's task says."""
    small, large = (read(Model(f"tiny/{name}"), task.reading) for name in ("small", "large"))
    return small, large


def asked_of(task: Task) -> tuple[Example, ...]:
    """All items that nothing is learned from."""
    return tuple(example for name in ("tune", "certify", "test") for example in task.split(name))


def without_notes(example: Example) -> Example:
    """A question of the passage world alone: its notes are to be found."""
    question = example.fields["question"]
    return replace(example, messages=(example.messages[0], said("user", question)))


def searched(world: str, task: Task) -> tuple[tuple[Example, ...], Stored]:
    """The bare questions of a world, and the notes that answer them among all others, as an index."""
    examples = asked_of(task)
    if world == "recall":
        texts = recall.passages()
    else:
        texts = list(dict.fromkeys(fact for example in examples for fact in example.fields["facts"]))
        examples = tuple(map(without_notes, examples))
    return examples, Index.of([(str(place), text) for place, text in enumerate(texts)]).stored


def retrieved(world: str, n: int, seed: int, store: Path) -> list[Table]:
    """Retrieval against its controls, and where what is lost is lost."""
    task = worlds.task(world, n, seed)
    examples, documents = searched(world, task)
    (small, large), levers = models(task), {}
    for k in KS:
        levers[f"small, {k} found"] = Retrieve(
            small, documents, k, template="{passages}\n{input}", between="\n"
        )
    give = worded_by(levers["small, 1 found"])
    gold = kept([give(example, example.fields["passage"]) for example in examples])
    others = [unlike(example, examples[at + 1 :] + examples[:at]) for at, example in enumerate(examples)]
    wrong = kept(
        [
            give(example, other.fields["passage"])
            for example, other in zip(examples, others, strict=True)
            if other
        ]
    )
    arms = {"small": Arm(small, examples), "large": Arm(large, examples)}
    arms |= {"small, gold passage": Arm(small, gold), "small, wrong passage": Arm(small, wrong)}
    arms |= {"large, gold passage": Arm(large, gold)}
    arms |= {name: Arm(lever, examples) for name, lever in levers.items()}
    columns = asyncio.run(columns_of(arms, task, store, f"retrieve/{world}"))
    return [
        scored(f"{world}: passages", columns, examples, "small, gold passage"),
        blamed(world, task, columns, examples, levers),
    ]


def scored(title: str, columns: Mapping[str, Column], examples: Sequence[Example], goal: str) -> Table:
    """Every arm: its score, its difference from small, and the part of the gap to the goal that it closes."""
    groups = [example.group for example in examples]
    small, best = columns["small"].scores(), columns[goal].scores()
    made = Table(
        f"{title}, {len(examples)} items, percent right [95 % interval]",
        ("arm", "right", "minus small", f"part of the gap to {goal}", "tokens in"),
    )
    for name, column in columns.items():
        scores = column.scores()
        paired = paired_difference(scores, small, groups=groups)
        made.add(
            name,
            shown(mean_interval(scores, groups=groups)),
            "-" if name == "small" else span(paired.difference, paired.low, paired.high),
            "-" if name in ("small", goal) else shown(gap_closed(scores, small, best, groups=groups)),
            f"{np.mean([spend.tokens_in for spend in column.spends()]):.0f}",
        )
    return made


def blamed(
    world: str,
    task: Task,
    columns: Mapping[str, Column],
    examples: tuple[Example, ...],
    levers: Mapping[str, Retrieve],
) -> Table:
    """Of every k: how often the gold passage is found, what search and reader lose, and who is at fault."""
    made = Table(
        f"{world}: who loses what the gold passage would bring",
        ("arm", "gold passage found", "lost by the search", "lost by the reader", "at fault"),
    )
    greedy = {name: columns[name] for name in ("small", "large")}
    for name, lever in levers.items():
        probes = {GOLD: {"small": columns["small, gold passage"]}, FOUND: {"small": columns[name]}}
        made_of = Evidence(task, examples, "small", "large", greedy, probes=probes, retriever=lever)
        told = {signal.name: signal.interval for signal in retrieving.signals(made_of)}
        search, reader = told[retrieving.BY_SEARCH], told[retrieving.BY_READER]
        verdict = retrieving.fault(search, reader)
        made.add(
            name,
            shown(told[retrieving.RECALL]),
            shown(search),
            shown(reader),
            verdict.partition(":")[0] if "is at fault" in verdict else "neither is shown to be",
        )
    return made


def demonstrated(world: str, n: int, seed: int, store: Path) -> list[Table]:
    """Demonstrations drawn and looked up, and the same with shuffled labels."""
    task = worlds.task(world, n, seed)
    examples = asked_of(task)
    small, large = models(task)
    arms = {"small": Arm(small, examples), "large": Arm(large, examples)}
    for k in SHOTS:
        for lever in (FewShot(small, k), FewShot(small, k, by="nearest")):
            for one in (lever, replace(lever, labels="shuffled")):
                shuffled = ", labels shuffled" if one.labels == "shuffled" else ""
                taught = fitted(one, task, task.split("fit"))
                arms[f"small, {k} {one.by}{shuffled}"] = Arm(taught, examples)
    columns = asyncio.run(columns_of(arms, task, store, f"few_shot/{world}"))
    return [scored(f"{world}: demonstrations", columns, examples, "large")]


def speed(passages: int = 100_000, words: int = 100, seed: int = 0) -> Table:
    """How long it takes to index passages of Zipf-distributed words, to open the file and to search it."""
    rng = np.random.default_rng(seed)
    drawn = np.minimum(rng.zipf(1.2, (passages, words)), 200_000)
    texts = [(str(place), " ".join(f"w{word}" for word in row)) for place, row in enumerate(drawn)]
    queries = [" ".join(f"w{word}" for word in row[:10]) for row in drawn[:: passages // 200]]
    made = Table(f"{passages:,} passages of {words} words", ("step", "seconds of one core"))
    clock = process_time()
    content = Index.of(texts).stored.held
    made.add("index and pack", f"{process_time() - clock:.1f}")
    clock = process_time()
    index = index_of(Stored.of(content))
    made.add(f"hash and open {len(content) / 2**20:.0f} MiB", f"{process_time() - clock:.2f}")
    times = []
    for query in queries:
        clock = process_time()
        index.search(query, 4)
        times.append(process_time() - clock)
    made.add("search, median of 200", f"{np.median(times):.5f}")
    return made


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answer_time.retrieve", description=__doc__)
    names = ("recall", "passage", *TAUGHT, "speed")
    parser.add_argument("--only", choices=names, action="append", help="repeat for several")
    parser.add_argument("--n", type=int, default=700, help="examples a world; four fifths are asked about")
    parser.add_argument("--seed", type=int, default=1, help="seed of the examples")
    parser.add_argument("--store", type=Path, default=Path(".underdog/answer_time.db"), help="kept calls")
    given = parser.parse_args()
    for name in given.only or names:
        if name == "speed":
            print(speed().text(), flush=True)
            continue
        make = demonstrated if name in TAUGHT else retrieved
        for table in make(name, given.n, given.seed, given.store):
            print(table.text(), flush=True)


if __name__ == "__main__":
    main()
