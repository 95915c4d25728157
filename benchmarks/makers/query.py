"""The latent query on facts, beside its five controls: does the large model's vector carry the answer?

Questions about entities that no training question names, greedy. The query is compared pairwise
with itself given zeros or another question's answer, with the same training into a large model of random
weights, and with LoRA on the small model, learning from gold or from what the large model answered. A linear
probe on the large model's state at the query, fitted on the training questions, says what can be read there.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import peft
import torch
from benchmarks.truth.table import Table

from underdog import tiny
from underdog.engines.hf_checkpoint import Checkpoint, load_tokenizer
from underdog.engines.hf_query import asking
from underdog.example import Example
from underdog.makers.checkpoint import opened
from underdog.makers.query import Query, compose, greedy, overhead, probed, train
from underdog.makers.rows import Row, batches, padded, rows
from underdog.statistics import paired_difference, wilson
from underdog.tiny import worlds

WORLD = worlds.world("recall")
SMALL, LARGE = (Checkpoint(str(tiny.path(name))) for name in ("small", "large"))


def marks(items: Sequence[Example], texts: Sequence[str]) -> list[float]:
    """1 for each right answer."""
    return [float(WORLD.score(item, text)) for item, text in zip(items, texts, strict=True)]


def lora(learned: Sequence[Row], how: Query) -> Any:
    """The small model after LoRA for as many steps and examples as the query was trained for."""
    torch.manual_seed(how.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = peft.LoraConfig(r=16, lora_alpha=32, target_modules="all-linear")
        model = peft.get_peft_model(opened(SMALL).model.float(), config)
    optimizer = torch.optim.AdamW([one for one in model.parameters() if one.requires_grad], lr=1e-3)
    feed = batches(learned, how.batch, how.seed)
    for _ in range(how.steps):
        ids, mask, labels = padded(next(feed), 0)
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.merge_and_unload()


@dataclass(frozen=True)
class Size:
    """How much is asked: questions to judge on, to learn from, and steps of 16."""

    items: int = 500
    learned: int = 800
    steps: int = 300


class Told(dict[str, list[float]]):
    """Marks by arm; each arm is said as it comes."""

    def __setitem__(self, name: str, marks: list[float]) -> None:
        print(f"{name}: {sum(marks):g} of {len(marks)}", flush=True)
        super().__setitem__(name, marks)


def measured(seed: int, how: Query, size: Size) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Every arm's marks on one seed's questions, and facts about the query."""
    tokenizer = load_tokenizer(SMALL.source())
    asked, items = WORLD.examples("fit", size.learned, seed), WORLD.examples("test", size.items, seed)
    learned, unseen = (rows(each, lambda one: str(one.target), tokenizer, 256) for each in (asked, items))
    prompts, fits = ([row.ids[: row.start] for row in each] for each in (unseen, learned))
    found = Told()
    large = opened(LARGE).model.float()
    found["small alone"] = marks(items, greedy(opened(SMALL).model.float(), tokenizer, prompts))
    found["large alone"] = marks(items, greedy(large, tokenizer, prompts))
    composed = compose(SMALL, LARGE, how)
    curves = train(composed, learned, how)
    marked = [(*prompt, *composed.marks) for prompt in prompts]
    for name, what in (
        ("latent query", "large"),
        ("zeros", "zero"),
        ("another question's answer", "shuffled"),
    ):
        with asking(composed, what):  # type: ignore[arg-type]
            found[name] = marks(items, greedy(composed, tokenizer, marked))
    probes = {of: probed(composed, learned, unseen, of) for of in ("large", "small")}
    for of, seen in probes.items():
        found[f"linear probe on the {of} model's state"] = [float(one) for one in seen]
    blind = compose(SMALL, LARGE, how, random_large=True)
    train(blind, learned, how)
    found["large model of random weights"] = marks(items, greedy(blind, tokenizer, marked))
    found["LoRA alone"] = marks(items, greedy(lora(learned, how), tokenizer, prompts))
    told = greedy(large, tokenizer, fits)
    spoken = [replace(one, target=text) for one, text in zip(asked, told, strict=True) if text]
    distilled = rows(spoken, lambda one: str(one.target), tokenizer, 256)
    found["LoRA distilled from large"] = marks(items, greedy(lora(distilled, how), tokenizer, prompts))
    facts = {"overhead": overhead(composed, learned), "last loss": curves["loss"][-1][1]}
    return found, facts


def tables(size: Size, seeds: Sequence[int]) -> list[Table]:
    """A row for each arm and seed, against the latent query of that seed."""
    torch.set_num_threads(1)
    found = Table(
        f"Latent query on tiny/recall: {size.items} questions, {size.learned} learned, {size.steps} steps",
        ("seed", "arm", "right, %", "query minus arm, points", "p"),
    )
    for seed in seeds:
        arms, facts = measured(seed, Query(steps=size.steps, batch=16, rate=2e-3, seed=seed), size)
        for name, right in arms.items():
            share, apart = wilson(int(sum(right)), len(right)), paired_difference(arms["latent query"], right)
            itself = name == "latent query"
            gap = "" if itself else _points(apart.difference, apart.low, apart.high, "+")
            right_share = _points(share.estimate, share.low, share.high)
            found.add(seed, name, right_share, gap, "" if itself else f"{apart.p:.2g}")
            print(*found.rows[-1], flush=True)
        print("seed", seed, {name: round(value, 3) for name, value in facts.items()}, flush=True)
    return [found]


def _points(value: float | None, low: float | None, high: float | None, sign: str = "") -> str:
    if value is None or low is None or high is None:
        return "-"
    return f"{100 * value:{sign}.1f} [{100 * low:{sign}.1f}, {100 * high:{sign}.1f}]"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.makers.query", description=__doc__)
    for field in fields(Size):
        parser.add_argument(f"--{field.name}", type=int, default=field.default)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    asked = vars(parser.parse_args())
    seeds = asked.pop("seeds")
    for table in tables(Size(**asked), seeds):
        print(table.text())


if __name__ == "__main__":
    main()
