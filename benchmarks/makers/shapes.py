"""Deep and thin against balanced: the same parameters, the same tokens, three sizes, three seeds.

Both shapes of a pair read the same documents in the same order. Right is counted on held-out items of two
worlds, greedily; loss is the mean over fresh documents; seconds a token are medians of turns that the
checkpoints take in one process, alone and with a cache.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from benchmarks.truth.table import Table
from tokenizers import Tokenizer

from underdog import tiny
from underdog.makers.shape import Planner, Shape
from underdog.makers.shape_training import Course, Trained, seconds_per_token, train
from underdog.statistics import mean_interval, paired_difference
from underdog.statistics.paired import Paired
from underdog.tiny import corpus, worlds
from underdog.tiny.measure import Reader
from underdog.tiny.shape import loss

WORLDS = ("intents", "errands")
PLANNER = Planner(1280, head=16, sharing=2, step=2, normed_heads=True)
LAYERS = {100_000: (2, 5), 200_000: (2, 5), 400_000: (3, 8)}
"""Balanced and deep, by budget: two and a half times the layers, as 12 and 30 in arXiv 2402.14905."""
VARIANTS = {
    "balanced, keys and values not shared": replace(PLANNER, sharing=1),
    "balanced, each block twice": replace(PLANNER, repeats=2),
}
SEEDS = (1, 2, 3)
TOKENS, COPYING = 500_000, 30
ITEMS = 500


def arms() -> list[tuple[str, int, Shape]]:
    """Name, budget and shape of everything that is trained."""
    found = []
    for budget, (few, many) in LAYERS.items():
        found += [
            ("balanced", budget, PLANNER.shape(budget, few)),
            ("deep", budget, PLANNER.shape(budget, many)),
        ]
    few, _ = LAYERS[200_000]
    found += [(name, 200_000, planner.shape(200_000, few)) for name, planner in VARIANTS.items()]
    return found


def held_out_loss(run: Trained, tokenizer: Any, seed: int) -> float:
    """Mean loss over one pool of documents that no run has read."""
    batches, _ = next(corpus.pools(tokenizer, corpus.mixture(WORLDS), f"held/{seed}"))
    with torch.no_grad():
        weights = {name: weight.detach() for name, weight in run.weights.items()}
        values = [float(loss(weights, torch.tensor(one.ids), run.shape.repeats)) for one in batches]
    return sum(values) / len(values)


def trained(name: str, budget: int, shape: Shape, seed: int, tokens: int, folder: Path) -> dict[str, Any]:
    """Train one arm with one seed, measure it, and keep its marks item by item."""
    tokenizer = Tokenizer.from_file(str(tiny.path("small") / "tokenizer.json"))
    began = time.perf_counter()
    run = train(shape, Course(tokens=tokens, copying=COPYING, only=WORLDS, seed=seed), tokenizer)
    minutes = (time.perf_counter() - began) / 60
    run.write(folder)
    reader = Reader(folder)
    marks = {}
    for each in WORLDS:
        world = worlds.world(each)
        items = world.examples("test", ITEMS, 0)
        texts = reader.answers(items)
        marks[each] = [int(world.score(item, text)) for item, text in zip(items, texts, strict=True)]
    return {
        "name": name,
        "budget": budget,
        "seed": seed,
        "parameters": shape.parameters,
        "layers": shape.layers,
        "width": shape.width,
        "hidden": shape.hidden,
        "flops": shape.flops(64),
        "tokens": run.tokens,
        "minutes": round(minutes, 2),
        "loss": held_out_loss(run, tokenizer, seed),
        "marks": marks,
    }


def table(lines: Sequence[dict[str, Any]], folder: Path) -> Table:
    """A row for each trained arm; the change in accuracy is deep minus balanced on the same items."""
    found = Table(
        f"Shapes at equal parameters and tokens: {ITEMS} items of each of {', '.join(WORLDS)}",
        (
            *("budget", "seed", "arm", "layers x width", "parameters", "MFLOPs a token", "ms a token"),
            *("held-out loss", *(f"{world}, %" for world in WORLDS), "deep minus balanced, points"),
        ),
    )
    seconds = seconds_per_token([folder / _named(one) for one in lines])
    balanced = {(one["budget"], one["seed"]): one["marks"] for one in lines if one["name"] == "balanced"}
    for one, each in zip(lines, seconds, strict=True):
        marks = {world: one["marks"][world] for world in WORLDS}
        apart = ""
        if one["name"] == "deep" and (one["budget"], one["seed"]) in balanced:
            other = balanced[one["budget"], one["seed"]]
            apart = "; ".join(_apart(paired_difference(marks[world], other[world])) for world in WORLDS)
        found.add(
            f"{one['budget']:,}",
            one["seed"],
            one["name"],
            f"{one['layers']} x {one['width']}",
            f"{one['parameters']:,}",
            f"{one['flops'] / 1e6:.2f}",
            f"{1000 * each:.1f}",
            f"{one['loss']:.3f}",
            *(_share(marks[world]) for world in WORLDS),
            apart,
        )
    return found


def _named(row: dict[str, Any]) -> str:
    return f"{row['name'].replace(' ', '-').replace(',', '')}-{row['budget']}-{row['seed']}"


def _share(marks: Sequence[int]) -> str:
    told = mean_interval([float(mark) for mark in marks])
    return f"{100 * (told.estimate or 0):.1f} [{100 * (told.low or 0):.1f}, {100 * (told.high or 0):.1f}]"


def _apart(paired: Paired) -> str:
    low, high = 100 * (paired.low or 0), 100 * (paired.high or 0)
    return f"{100 * (paired.difference or 0):+.1f} [{low:+.1f}, {high:+.1f}]"


def main() -> None:
    """Train and measure every arm, a line of JSON each: `python -m benchmarks.makers.shapes FILE [SEEDS]`.

    Arms that the file holds already are not trained again; at the end the table is printed.
    """
    torch.set_num_threads(1)
    file, seeds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else len(SEEDS)
    kept = file.parent / "shapes"
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    known = {_named(one) for one in lines}
    for seed in SEEDS[:seeds]:
        for name, budget, shape in arms():
            row = {"name": name, "budget": budget, "seed": seed}
            if _named(row) in known or (seed > 1 and name in VARIANTS):
                continue
            lines.append(trained(name, budget, shape, seed, TOKENS, kept / _named(row)))
            with file.open("a") as stream:
                stream.write(json.dumps(lines[-1]) + "\n")
            print(name, budget, seed, round(lines[-1]["loss"], 3), flush=True)
    print(table(lines, kept).text())


if __name__ == "__main__":
    main()
