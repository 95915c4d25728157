"""Whether an adapter answers as the checkpoint does that it was merged into, token by token."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from benchmarks.makers import worlds as shows
from benchmarks.truth.table import Table

from underdog.answerer import Answer, Model
from underdog.engines.huggingface import HuggingFaceEngine
from underdog.makers import load_made
from underdog.tiny import path, worlds


def table(work: Path) -> Table:
    """Each adapter of the first seed that was made: greedy answers beside those of its merge."""
    made = Table(
        "An adapter and its merge on the test items", ("adapter", "n", "same text", "largest gap of logits")
    )
    for parts in shows.SHOWS.values():
        for show in parts:
            folder = work / show.name.replace(" ", "-") / "0"
            if (folder / "made.json").exists():
                made.add(show.name, *compared(folder, show.world))
    return made


def compared(folder: Path, world: str) -> tuple[Any, ...]:
    """n, the number of equal texts, and the largest difference of a token's log-probability."""
    import peft
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = load_made(folder).model
    assert isinstance(model, Model) and model.adapter is not None
    base = AutoModelForCausalLM.from_pretrained(path("small"), dtype="float32")
    merged = peft.PeftModel.from_pretrained(base, model.adapter).merge_and_unload()
    target = folder / "merged"
    merged.save_pretrained(target)
    AutoTokenizer.from_pretrained(path("small")).save_pretrained(target)
    task = worlds.task(world, shows.ITEMS, 1)
    requests = [task.request(example).sampled(logprobs=True) for example in task.split("test")[: shows.TEST]]
    first = asyncio.run(answers(HuggingFaceEngine(str(path("small")), adapter=model.adapter), requests))
    second = asyncio.run(answers(HuggingFaceEngine(str(target)), requests))
    pairs = list(zip(first, second, strict=True))
    gaps = [
        abs(a.logprob - b.logprob)
        for one, other in pairs
        if one.text == other.text
        for a, b in zip(one.logprobs or (), other.logprobs or (), strict=True)
    ]
    return len(pairs), sum(one.text == other.text for one, other in pairs), f"{max(gaps, default=0.0):.1e}"


async def answers(engine: HuggingFaceEngine, requests: list[Any]) -> list[Answer]:
    """All answers; a failure would be a bug here."""
    found = await engine.generate(requests)
    await engine.close()
    assert all(isinstance(answer, Answer) for answer in found)
    return [answer for answer in found if isinstance(answer, Answer)]
