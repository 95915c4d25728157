"""One way of training for some steps: `python -m benchmarks.makers.ways sft "plain TRL" 100 DIR`.

Prints a line of JSON: CPU and wall seconds of building and training, and the peak of memory in MiB.
`speed.py` runs it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import shutil
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from underdog.answerer import Answer, Model
from underdog.engines.binding import Binder
from underdog.makers.choosing import Look
from underdog.makers.course import Course
from underdog.makers.settings import Earning, Preferring, Settings, Try
from underdog.makers.student import checkpoint_of, lora, weights_of
from underdog.makers.trl_dpo import Preferred
from underdog.makers.trl_grpo import Earned, Rewarded
from underdog.makers.trl_sft import Supervised
from underdog.studies.spec import read
from underdog.tiny import worlds

ONE = Try(16, 1e-3)
WORLD = "countdown"


def lesson(trainer: str, steps: int) -> Any:
    """What is taught: a world's gold answers, gold before another's gold, or the world's own reward."""
    task = worlds.task(WORLD, 1000, 1)
    examples = task.split("fit")
    small = read(Model("tiny/small"), task.reading)
    checkpoint = checkpoint_of(Model("tiny/small"), Binder())
    pace = {"steps": steps, "checks": 4, "tries": 1, "rank": ONE.rank}
    requests = [task.request(example) for example in examples]
    golds = [str(example.target) for example in examples]
    if trainer == "sft":
        return Supervised(checkpoint, Settings(**pace), 0, list(zip(requests, golds, strict=True)))
    if trainer == "dpo":
        others = golds[1:] + golds[:1]
        return Preferred(checkpoint, Preferring(**pace), 0, list(zip(requests, golds, others, strict=True)))

    def earned(several: Any) -> list[Earned]:
        found = []
        for one in several:
            final = small.annotate(Answer(one.text), requests[one.index]).final
            score = task.scorer.score(final, examples[one.index]) if final is not None else 0.0
            found.append(Earned(score, float(final is not None)))
        return found

    return Rewarded(checkpoint, Earning(**pace, batch=32, beta=0.0), 0, requests, earned)


def underdog(trainer: str, steps: int, folder: Path) -> Callable[[], object]:
    """Our course, checkpoints included; the looks at held-out examples cost nothing here."""

    async def look(step: int, checkpoint: Path) -> Look:
        return Look(step, step / steps, 1.0, 1)

    taught = lesson(trainer, steps)
    course = Course(taught, taught.settings, ONE, folder, 0, look)

    def run() -> object:
        asyncio.run(course.run(steps))
        return course.seconds

    return run


def plain_trl(trainer: str, steps: int, folder: Path) -> Callable[[], object]:
    """TRL's trainer alone, told the same; for GRPO with its own generation and a plain reward function."""
    taught = lesson(trainer, steps)
    course = Course(taught, taught.settings, ONE, folder, 0, lambda step, path: None)  # type: ignore[arg-type,return-value]

    def run() -> object:
        common = course._common()
        built = own_rollouts(taught, common) if trainer == "grpo" else taught.trainer(ONE, common)
        return built.train()

    return run


def own_rollouts(taught: Rewarded, common: dict[str, Any]) -> Any:
    """GRPOTrainer as TRL's guide has it: prompts as texts, answers by `generate`."""
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    from underdog.engines.hf_prompt import rendered
    from underdog.makers.order import laid_out
    from underdog.makers.trl_grpo import Written

    settings, tokenizer = taught.settings, taught._pen.tokenizer
    order = laid_out(len(taught.requests), settings.steps * (settings.batch // settings.group), 0)
    prompts = [rendered(tokenizer, taught.requests[index]) for index in order]

    def right(completions: list[str], index: list[int], **_: Any) -> list[float]:
        written = [Written(at, text, (), "stop") for at, text in zip(index, completions, strict=True)]
        return [2 * (one.right or 0.0) + one.form for one in taught.earned(written)]

    arguments = GRPOConfig(
        **common,
        num_generations=settings.group,
        max_completion_length=taught.requests[0].sampling.max_tokens,
        temperature=settings.temperature,
        beta=settings.beta,
        shuffle_dataset=False,
    )
    return GRPOTrainer(
        model=weights_of(taught.checkpoint, settings, tokenizer),
        args=arguments,
        reward_funcs=[right],
        train_dataset=Dataset.from_dict({"prompt": prompts, "index": order}),
        processing_class=tokenizer,
        peft_config=lora(settings, ONE),
    )


def plain_loop(trainer: str, steps: int, folder: Path) -> Callable[[], object]:
    """A loop over PEFT's model and torch's AdamW, nothing else; supervised only."""
    import peft
    import torch

    taught = lesson(trainer, steps)
    tokenizer, batch = taught._pen.tokenizer, taught.settings.batch

    def padded(values: list[list[int]], fill: int) -> Any:
        width = max(map(len, values))
        return torch.tensor([row + [fill] * (width - len(row)) for row in values])

    def run() -> object:
        rows, order = taught._rows, taught._order
        base = weights_of(taught.checkpoint, taught.settings, tokenizer)
        model = peft.get_peft_model(base, lora(taught.settings, ONE)).train()
        optimizer = torch.optim.AdamW((p for p in model.parameters() if p.requires_grad), lr=ONE.rate)
        for step in range(steps):
            part = [rows[index] for index in order[step * batch : (step + 1) * batch]]
            ids = padded([row["input_ids"] for row in part], tokenizer.pad_token_id)
            labels = padded([row["labels"] for row in part], -100)
            loss = model(input_ids=ids, attention_mask=ids != tokenizer.pad_token_id, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
        return None

    return run


WAYS = {"underdog": underdog, "plain TRL": plain_trl, "plain PEFT loop": plain_loop}


def main() -> None:
    """Build, train, and print what the training took."""
    trainer, way, steps, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    shutil.rmtree(folder, ignore_errors=True)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        shown, sys.stdout = sys.stdout, nowhere
        run = WAYS[way](trainer, steps, folder)
        cpu, wall = time.process_time(), time.perf_counter()
        run()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        sys.stdout = shown
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu": cpu, "wall": wall, "peak": peak}))


if __name__ == "__main__":
    main()
