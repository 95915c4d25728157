"""Train the embedded models from their seeds: `python -m underdog.tiny.train`.

Without arguments it rebuilds small, large and the specialists, which go on from small, and exports them into
`models/`. A run is told how many tokens it may read and how many minutes it may take; the learning rate falls
to zero at whichever comes first, so a run always ends finished. Checkpoints are atomic and a run that is
started again goes on.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import torch

from underdog.tiny import corpus, path
from underdog.tiny.chat import trained
from underdog.tiny.export import export
from underdog.tiny.muon import Optimizer
from underdog.tiny.shape import SHAPES, Shape, Weights, fresh, loss
from underdog.tiny.worlds import errands

COPY_STEPS = 200
WARM_STEPS = 60
SAVE_SECONDS = 120.0
SEED = 1


@dataclass(frozen=True)
class Recipe:
    """What one model is trained on and for how long."""

    name: str
    shape: str
    tokens: float
    minutes: float
    parent: str | None = None
    only: tuple[str, ...] = ()
    rate: float = 1.0

    def copying(self) -> int:
        """How many steps of the copy curriculum come first: none when a parent has been through it."""
        return 0 if self.parent else COPY_STEPS


RECIPES = {
    "small": Recipe("small", "small", 7e6, 40),
    "large": Recipe("large", "large", 7e6, 60),
    **{
        f"specialist-{family}": Recipe(
            f"specialist-{family}", "small", 1e6, 10, "small", (f"errands/{family}",), 0.3
        )
        for family in errands.FAMILIES
    },
}


@dataclass
class Run:
    """The state of one training run: all of it is saved and resumed."""

    weights: Weights
    optimizer: Optimizer
    tokens: int = 0
    seconds: float = 0.0
    pool: int = 0
    position: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def save(self, file: Path) -> None:
        """Write the whole state; a crash leaves the last one intact."""
        state = {
            "weights": {name: weight.detach() for name, weight in self.weights.items()},
            "momentum": self.optimizer.momentum,
            "square": self.optimizer.square,
            "steps": self.optimizer.steps,
            "run": [self.tokens, self.seconds, self.pool, self.position, dict(self.counts)],
        }
        half = file.with_suffix(".half")
        torch.save(state, half)
        os.replace(half, file)


def load(file: Path) -> Run:
    """The run that a checkpoint holds."""
    state: dict[str, Any] = torch.load(file, weights_only=True)
    optimizer = Optimizer(state["weights"], state["momentum"], state["square"], state["steps"])
    tokens, seconds, pool, position, counts = state["run"]
    return Run(state["weights"], optimizer, tokens, seconds, pool, position, Counter(counts))


def tokenizer_at(file: Path) -> Any:
    """The tokenizer, learned from sixty thousand documents unless the file holds it already."""
    from tokenizers import Tokenizer

    if not file.exists():
        texts = (text for _, text in corpus.sample(corpus.mixture(), 60_000, Random("tokenizer")))
        trained(texts).save(str(file))
    return Tokenizer.from_file(str(file))


def rate(recipe: Recipe, steps: int, progress: float) -> float:
    """The factor on both rates: a warm-up, a plateau, and a straight line to zero in the last half."""
    return recipe.rate * min(1.0, (steps + 1) / WARM_STEPS) * min(1.0, 2 * (1 - progress))


def started(recipe: Recipe, work: Path) -> Run:
    """The run as its checkpoint left it, or a new one from the seed or from the parent's weights."""
    file = work / f"{recipe.name}.pt"
    if file.exists():
        return load(file)
    if recipe.parent:
        weights = load(work / f"{recipe.parent}.pt").weights
    else:
        weights = fresh(SHAPES[recipe.shape], SEED)
    return Run(weights, Optimizer(weights))


def step(run: Run, batch: corpus.Batch, scale: float) -> float:
    """One optimizer step; returns the loss."""
    for weight in run.weights.values():
        weight.requires_grad_(True)
    value = loss(run.weights, torch.tensor(batch.ids))
    gradients = torch.autograd.grad(value, list(run.weights.values()))
    run.optimizer.step(dict(zip(run.weights, gradients, strict=True)), scale)
    run.tokens += batch.tokens
    return float(value.item())


def returned() -> None:
    """Give freed memory back: with ever new batch shapes glibc's heap grows by gigabytes otherwise."""
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)


def train(recipe: Recipe, work: Path) -> Run:
    """Train until the tokens or the minutes are used up."""
    run = started(recipe, work)
    tokenizer = tokenizer_at(work / "tokenizer.json")
    file, saved, begun = work / f"{recipe.name}.pt", time.monotonic(), time.monotonic() - run.seconds
    mean = 7.0
    while True:
        copying = run.optimizer.steps < recipe.copying()
        kinds = corpus.COPYING if copying else corpus.mixture(recipe.only)
        stream = corpus.pools(tokenizer, kinds, f"{recipe.parent or 'pretraining'}/{SEED}", run.pool)
        batches, counts = next(stream)
        for batch in batches[run.position :]:
            run.seconds = time.monotonic() - begun
            progress = max(run.tokens / recipe.tokens, run.seconds / 60 / recipe.minutes)
            if progress >= 1:
                run.save(file)
                return run
            mean += 0.02 * (step(run, batch, rate(recipe, run.optimizer.steps, progress)) - mean)
            run.position += 1
            if run.optimizer.steps % 50 == 0:
                pace = run.tokens / run.seconds
                print(
                    f"{recipe.name} step {run.optimizer.steps} tokens {run.tokens / 1e6:.2f}M "
                    f"loss {mean:.3f} progress {progress:.3f} {pace:.0f} tok/s",
                    flush=True,
                )
            if time.monotonic() - saved > SAVE_SECONDS:
                run.save(file)
                saved = time.monotonic()
        run.counts += counts
        returned()
        run.pool, run.position = run.pool + 1, 0


def described(recipe: Recipe, run: Run, parent: Run | None) -> dict[str, Any]:
    """What the card says about how a model came to be."""
    shape: Shape = SHAPES[recipe.shape]
    return {
        "name": recipe.name,
        "parent": recipe.parent,
        "parent_tokens": parent.tokens if parent else 0,
        "only": list(recipe.only),
        "seed": SEED,
        "shape": {name: getattr(shape, name) for name in ("width", "layers", "heads", "hidden")},
        "parameters": sum(weight.numel() for weight in run.weights.values()),
        "tokens": run.tokens,
        "steps": run.optimizer.steps,
        "copy_steps": recipe.copying(),
        "minutes": round(run.seconds / 60, 1),
        "counts": dict(run.counts),
    }


def rebuild(recipe: Recipe, work: Path, models: Path) -> None:
    """Train one model, before it the one that it goes on from, and export it."""
    if recipe.parent and not (work / f"{recipe.parent}.pt").exists():
        rebuild(RECIPES[recipe.parent], work, models)
    run = train(recipe, work)
    shape = SHAPES[recipe.shape]
    export(run.weights, shape, tokenizer_at(work / "tokenizer.json"), models / recipe.name)
    parent = load(work / f"{recipe.parent}.pt") if recipe.parent else None
    text = json.dumps(described(recipe, run, parent), indent=1)
    (models / recipe.name / "recipe.json").write_text(text + "\n")


def main() -> None:
    """Train and export the models named on the command line, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"models to build, of {', '.join(RECIPES)}; all by default")
    parser.add_argument("--work", type=Path, default=Path("tiny-work"), help="folder for checkpoints")
    parser.add_argument("--models", type=Path, default=path("small").parent, help="folder for the exports")
    parser.add_argument("--tokens", type=float, help="tokens to read instead of the recipe's")
    parser.add_argument("--minutes", type=float, help="minutes to take at most instead of the recipe's")
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for name in given.names or RECIPES:
        recipe = RECIPES[name]
        changes = {"tokens": given.tokens or recipe.tokens, "minutes": given.minutes or recipe.minutes}
        rebuild(Recipe(**{**vars(recipe), **changes}), given.work, given.models)


if __name__ == "__main__":
    main()
