"""Measure the embedded models on their worlds: greedy answers to held-out items, with plain transformers.

`python -m underdog.tiny.measure` asks every model every world and writes `measured.json`, the only source of
the numbers in CARD.md. It stands beside the engine on purpose: a second, plain way to the same numbers.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from underdog.example import Example
from underdog.statistics.intervals import wilson
from underdog.tiny import MODELS, names, path, worlds
from underdog.tiny.world import World
from underdog.tiny.worlds import choice

ROWS = 128


class Reader:
    """A loaded model that answers many items at once."""

    def __init__(self, folder: Path) -> None:
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def prompt(self, item: Example) -> str:
        """The item as the chat template renders it."""
        tools = list(item.tools) if item.tools else None
        text: str = self.tokenizer.apply_chat_template(
            list(item.messages), tools=tools, tokenize=False, add_generation_prompt=True
        )
        return text

    def texts(self, prompts: Sequence[str], temperature: float = 0.0, most: int = 64) -> list[str]:
        """The answers to the prompts, in order; greedy unless a temperature is given."""
        order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
        answers = [""] * len(prompts)
        sampling: dict[str, Any] = {"do_sample": False}
        if temperature:
            sampling = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0}
        for start in range(0, len(order), ROWS):
            rows = order[start : start + ROWS]
            batch = self.tokenizer(
                [prompts[row] for row in rows],
                return_tensors="pt",
                padding=True,
                add_special_tokens=False,
                return_token_type_ids=False,
            )
            with torch.inference_mode():
                made = self.model.generate(**batch, max_new_tokens=most, **sampling)
            width = batch["input_ids"].shape[1]
            for row, ids in zip(rows, made[:, width:], strict=True):
                answers[row] = str(self.tokenizer.decode(ids, skip_special_tokens=True))
        return answers

    def answers(self, items: Sequence[Example], temperature: float = 0.0) -> list[str]:
        """The answers to the items."""
        return self.texts([self.prompt(item) for item in items], temperature)


def counted(marks: Sequence[bool]) -> dict[str, Any]:
    """How many are right, of how many, with the interval."""
    found = wilson(sum(marks), len(marks))
    assert found.low is not None and found.high is not None
    return {"right": sum(marks), "n": len(marks), "low": round(found.low, 4), "high": round(found.high, 4)}


def measured(reader: Reader, world: World, n: int, seed: int) -> dict[str, Any]:
    """Greedy accuracy on `n` test items, also by grade; in `choice` also how often the limit is kept."""
    items = world.examples("test", n, seed)
    texts = reader.answers(items)
    marks = [world.score(item, text) for item, text in zip(items, texts, strict=True)]
    row = counted(marks)
    grades: dict[str, list[bool]] = {}
    for item, mark in zip(items, marks, strict=True):
        grades.setdefault(str(item.fields[world.graded]), []).append(mark)
    row["grades"] = {grade: counted(each) for grade, each in sorted(grades.items())}
    if world is choice.WORLD:
        kept = [choice.feasible(text, item) for item, text in zip(items, texts, strict=True)]
        row["feasible"] = counted(kept)
    return row


def main() -> None:
    """Measure every model that is present on every world."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1000, help="held-out items a world")
    parser.add_argument("--seed", type=int, default=0, help="seed of the items")
    parser.add_argument("--models", type=Path, default=MODELS, help="folder of the models")
    parser.add_argument("--only", nargs="*", default=worlds.names(), help="worlds to measure")
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = names() if given.models == MODELS else sorted(folder.name for folder in given.models.iterdir())
    table: dict[str, Any] = {"n": given.n, "seed": given.seed, "models": {}}
    for name in found:
        folder = path(name) if given.models == MODELS else given.models / name
        reader, begun = Reader(folder), time.monotonic()
        rows = {each: measured(reader, worlds.world(each), given.n, given.seed) for each in given.only}
        recipe = json.loads((folder / "recipe.json").read_text()) if (folder / "recipe.json").exists() else {}
        table["models"][name] = {"recipe": recipe, "worlds": rows}
        print(name, {each: row["right"] / row["n"] for each, row in rows.items()}, end=" ", flush=True)
        print(f"{time.monotonic() - begun:.0f} s", flush=True)
    (given.models / "measured.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
