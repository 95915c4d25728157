"""Deep and thin against balanced: the same parameters, the same tokens, three sizes, three seeds.

Both shapes of a pair read the same documents in the same order. Right is counted on held-out items of two
worlds, greedily; loss is the mean over fresh documents; seconds a token are medians of turns that the
checkpoints take in one process, alone and with a cache.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from underdog import tiny
from underdog.makers.shape import Planner, Shape
from underdog.makers.shape_training import Course, Trained, train
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


def main() -> None:
    """Train and measure every arm, a line of JSON each as it is done: `python -m benchmarks.makers.shapes FILE`."""
    torch.set_num_threads(1)
    file, tokens = Path(sys.argv[1]), int(float(sys.argv[2])) if len(sys.argv) > 2 else TOKENS
    kept = file.parent / "shapes"
    for seed in SEEDS:
        for name, budget, shape in arms():
            if seed > 1 and name in VARIANTS:
                continue
            folder = kept / f"{name.replace(' ', '-').replace(',', '')}-{budget}-{seed}"
            row = trained(name, budget, shape, seed, tokens, folder)
            with file.open("a") as stream:
                stream.write(json.dumps(row) + "\n")
            print(name, budget, seed, round(row["loss"], 3), row["minutes"], flush=True)


if __name__ == "__main__":
    main()
