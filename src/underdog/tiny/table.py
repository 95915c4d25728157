"""Lever by world on the embedded models, through the package's own engine, driver and levers.

`python -m underdog.tiny.table` prints one table a world: what each arm scores on held-out items, how it
differs from small on the same items, and which part of the gap to large it closes. Every arm is shown and
nothing is chosen, so there is no winner here to certify: that is what a study is for.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from underdog.acts import Acts
from underdog.answerer import Answerer, Model
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.example import Example
from underdog.levers.cascade import Cascade
from underdog.levers.confident import Confident
from underdog.levers.few_shot import FewShot
from underdog.levers.prompt import Prompt
from underdog.levers.vote import Vote
from underdog.statistics.gap import gap_closed
from underdog.statistics.intervals import Interval, mean_interval
from underdog.statistics.paired import paired_difference
from underdog.store import Bank, Store
from underdog.studies.fitting import fitted, tuned_threshold
from underdog.studies.measure import Bench, Column
from underdog.studies.spec import read
from underdog.task import Task
from underdog.tiny import names, worlds
from underdog.tiny.world import said
from underdog.tiny.worlds import arithmetic

TABLE = Path(__file__).parent / "TABLE.md"
HEAD = f"""# Levers on the embedded models

Made by `python -m underdog.tiny.table --write`; do not edit. {worlds.CAUTION.capitalize()}.

Each world as a task of {{n}} examples (seed {{seed}}): shots from fit, thresholds of cascades from tune (the
boldest that lost at most half of {{margin:.0f}} points there), all arms on test, in percent with 95 %
intervals. Nothing is chosen, nothing corrected for the number of arms. "Any of {{draws}} draws" is what
a perfect verifier could keep: a lever where an exact check exists (countdown), elsewhere only a ceiling, as
the gold note is for retrieval.

Search, verifiers, forms, passages, demonstrations, repairs and solvers are measured beside their controls on
about 500 to 600 items a world in `benchmarks/answer_time` and `benchmarks/logic`; made models in
`benchmarks/makers`.
"""
DRAWS = 8
LINES = {
    "tools": ("told in trained words", "Answer in JSON."),
    "arithmetic": ("writing the steps", arithmetic.STEPPED[0]),
}
"""A system line from pretraining that asks for another manner of answering than the task's own line."""


def arms(task: Task, world: str) -> dict[str, Answerer]:
    """Every arm that needs no threshold: models, prompts, votes, and small read leniently."""
    models: dict[str, Answerer] = {name: read(Model(f"tiny/{name}"), task.reading) for name in names()}
    small = models["small"]
    found = {"small": small, "large": models["large"], **models}
    found["small, read leniently"] = read(Model("tiny/small"), task.reading, lenient=True)
    if world in LINES:
        manner, line = LINES[world]
        found[f"small, {manner}"] = Prompt(small, system=line)
        found[f"large, {manner}"] = Prompt(models["large"], system=line)
    for shots in (1, 4):
        found[f"small, {shots} shots"] = FewShot(small, shots)
    found["small, vote of 5"] = Vote(small, 5)
    found["small, vote of 15"] = Vote(small, 15)
    return {name: fitted(arm, task, task.split("fit")) for name, arm in found.items()}


def signals(small: Answerer) -> dict[str, Answerer]:
    """What a cascade may trust: the small model's log-probability, or the agreement of five draws."""
    return {"log-probability": Confident(small), "agreement": Vote(small, 5)}


async def cascades(bench: Bench, found: Mapping[str, Answerer], margin: float) -> dict[str, Answerer]:
    """Cascades from small to large with the boldest threshold that lost at most half the margin on tune."""
    tune = bench.task.split("tune")
    first = signals(found["small"])
    columns = await bench.measure({**first, "large": found["large"]}, tune, "tune")
    made: dict[str, Answerer] = {}
    for name, arm in first.items():
        threshold = tuned_threshold(columns[name], columns["large"].scores(), margin)
        made[f"cascade by {name}"] = Cascade(arm, found["large"], threshold)
    return made


def with_note(example: Example) -> Example:
    """The question with the sentence that answers it: what perfect retrieval would give."""
    question = example.fields.get("question", example.messages[-1]["content"])
    text = f"{example.fields['passage']}\n{question}"
    return replace(example, messages=(said("system", "Read the notes."), said("user", text)))


async def lucky(bench: Bench, small: Answerer) -> Column:
    """The best of several draws: what a perfect verifier could keep. A lever only where one exists."""
    columns = await bench.measure({"draw": Vote(small, 1)}, bench.task.split("test"), "draws")
    column = columns["draw"]
    rows = [column.trials[start : start + DRAWS] for start in range(0, len(column.trials), DRAWS)]
    best = [max(row, key=lambda trial: trial.score or 0.0) for row in rows]
    return Column(column.arm, column.examples, best)


async def measured(world: str, n: int, seed: int, store: Path, margin: float) -> str:
    """The table of one world, as Markdown."""
    task = worlds.task(world, n, seed)
    with Store(store) as kept:
        run = f"table/{world}"
        kept.start_run(run, {"n": n, "seed": seed, "margin": margin})
        bank = Bank(kept, run)
        bind = Binder()
        async with Acts(bind) as acts, Driver(bind, bank, tools=acts) as driver:
            bench = Bench(task, driver, bank)
            found = arms(task, world)
            for model in names():  # one after another: loading two at once is not safe in transformers
                await bench.measure({model: found[model]}, task.split("test")[:1], "load")
            found |= await cascades(bench, found, margin)
            columns = await bench.measure(found, task.split("test"), "test")
            noted = [with_note(example) for example in task.split("test") if "passage" in example.fields]
            if noted:
                columns |= await bench.measure({"small, given the gold note": found["small"]}, noted, "notes")
            columns[f"small, any of {DRAWS} draws right"] = await lucky(
                Bench(task, driver, bank, repeats=DRAWS), found["small"]
            )
    return table(world, columns, task.split("test"))


def table(world: str, columns: Mapping[str, Column], examples: Sequence[Example]) -> str:
    """Every arm: its score, its difference from small, and its part of the gap, with 95 % intervals."""
    groups = [example.group for example in examples]
    small, large = columns["small"].scores(), columns["large"].scores()
    lines = [
        f"### {world}: {len(examples)} test items, percent right",
        "",
        "| arm | right | minus small | part of the gap to large | unread |",
        "| --- | --- | --- | --- | --- |",
    ]
    why = ""
    for name, column in columns.items():
        scores = column.scores()
        paired = paired_difference(scores, small, groups=groups)
        gap = gap_closed(scores, small, large, groups=groups)
        cells = [name, shown(mean_interval(scores, groups=groups))]
        cells.append("-" if name == "small" else span(paired.difference, paired.low, paired.high))
        cells.append("-" if name in ("small", "large") else shown(gap))
        why = gap.note
        cells.append(str(column.outcomes()["unread"]))
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", f"No part of the gap is told: {why}."] if why else []
    return "\n".join(lines) + "\n"


def shown(interval: Interval) -> str:
    """An interval in percent, or a dash when there is none."""
    return span(interval.estimate, interval.low, interval.high)


def span(point: float | None, low: float | None, high: float | None) -> str:
    """A number with its interval, in percent."""
    if point is None:
        return "-"
    ends = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
    return f"{100 * point:.1f}{ends}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("worlds", nargs="*", help=f"of {', '.join(worlds.names())}; all by default")
    parser.add_argument("--n", type=int, default=1500, help="examples a world, over all splits")
    parser.add_argument("--seed", type=int, default=1, help="seed of the examples")
    parser.add_argument("--margin", type=float, default=0.02, help="what the cascades may lose to large")
    parser.add_argument("--store", type=Path, default=Path(".underdog/tiny.db"), help="where calls are kept")
    parser.add_argument("--write", action="store_true", help="write TABLE.md too")
    given = parser.parse_args()
    given.store.parent.mkdir(parents=True, exist_ok=True)
    parts = [HEAD.format(n=given.n, seed=given.seed, margin=100 * given.margin, draws=DRAWS)]
    print(parts[0])
    for name in given.worlds or worlds.names():
        parts.append(asyncio.run(measured(name, given.n, given.seed, given.store, given.margin)))
        print(parts[-1], flush=True)
    if given.write:
        TABLE.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
