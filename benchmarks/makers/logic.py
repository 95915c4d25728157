"""Preferences on recorded logic programs: pairs of a right and a failed program, learned on a tiny model.

No embedded model can write such programs, so nothing is generated and nothing executed: told is how often the
right program of an unseen problem is likelier than the failed one, by the log-probability of its tokens from
where the two part. DPO is trained on that ranking and supervised training is not; whether either would write
better programs takes a model that can write some.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmarks.truth.recordings import rows as recorded
from benchmarks.truth.table import Table

from underdog.answerer import Request, Sampling
from underdog.engines.hf_checkpoint import Checkpoint
from underdog.makers.preferences import Judged, pairs
from underdog.makers.settings import Preferring, Settings, Try
from underdog.makers.student import pen_of
from underdog.makers.trl_dpo import Preferred
from underdog.makers.trl_sft import Supervised
from underdog.solvers.recorded import groups
from underdog.statistics import mean_interval, paired_difference
from underdog.tiny import path

SETS = ("prontoqa", "proofwriter", "logicaldeduction")
STEPS, BATCH, ROOM = 20, 8, 1400
"""Problems whose prompt and program take more than ROOM tokens are left out."""
RATES = {"dpo": 2.7e-4, "sft": 1e-3}
_ASKED = "Write the problem as a formal program."

Triple = tuple[Request, str, str]


def triples() -> dict[str, Triple]:
    """The request, the right and the failed program of each problem, one pair a problem."""
    problems = {(name, row["id"]): row for name in SETS for row in recorded(f"logic/{name}.jsonl.gz")}
    judged = [
        Judged(f"{group.set}/{group.id}", one.program, one in group.right)
        for group in groups(recorded("logic/programs.jsonl.gz"))
        for one in (*group.right, *group.failed)
    ]
    pen = pen_of(Checkpoint(str(path("small"))))
    found: dict[str, Triple] = {}
    for pair in pairs(judged, each=1):
        name, _, number = pair.key.partition("/")
        request = asked(problems[name, number])
        texts = (pair.prefix + pair.chosen, pair.prefix + pair.rejected)
        if len(pen.prompt(request)) + max(len(pen.completion(request, text)) for text in texts) <= ROOM:
            found[pair.key] = (request, *texts)
    return found


def asked(problem: dict[str, Any]) -> Request:
    """The problem as it is put to a model."""
    text = f"{problem['context']}\n{problem['question']}"
    messages = ({"role": "system", "content": _ASKED}, {"role": "user", "content": text})
    return Request(messages, sampling=Sampling())


def learned(key: str) -> bool:
    """Whether a problem is learned from: two of three are, by the hash of its name."""
    return hashlib.sha256(key.encode()).digest()[0] % 3 > 0


def trained(kind: str, learn: Sequence[Triple], seed: int, folder: Path) -> Any:
    """The small model with an adapter that learned from the pairs (dpo) or their right sides (sft)."""
    checkpoint = Checkpoint(str(path("small")))
    lesson: Any
    if kind == "dpo":
        lesson = Preferred(checkpoint, Preferring(steps=STEPS, batch=BATCH), seed, learn)
    else:
        right = [(request, chosen) for request, chosen, _ in learn]
        lesson = Supervised(checkpoint, Settings(steps=STEPS, batch=BATCH), seed, right)
    common = {
        "output_dir": str(folder),
        "max_steps": STEPS,
        "per_device_train_batch_size": BATCH,
        "learning_rate": RATES[kind],
        "lr_scheduler_type": "constant",
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "dataloader_pin_memory": False,
        "seed": seed,
    }
    torch.manual_seed(seed)
    trainer = lesson.trainer(Try(32, RATES[kind]), common)
    trainer.train()
    return trainer.model.eval()


def ranked(model: Any, judged: Sequence[Triple]) -> np.ndarray[Any, Any]:
    """1 where the right program is likelier than the failed one, shape (problems,); a tie is a half."""
    pen = pen_of(Checkpoint(str(path("small"))))
    marks = []
    with torch.inference_mode():
        for request, chosen, rejected in judged:
            prompt = pen.prompt(request)
            sums = [_likelihood(model, prompt, pen.completion(request, text)) for text in (chosen, rejected)]
            marks.append(0.5 if sums[0] == sums[1] else float(sums[0] > sums[1]))
    return np.array(marks)


def _likelihood(model: Any, prompt: list[int], answer: list[int]) -> float:
    """Nats of an answer after its prompt; what two answers share at their beginning cancels."""
    tokens = torch.tensor([prompt + answer])
    logits = model(tokens).logits[0, len(prompt) - 1 : -1].float()
    picked = logits.log_softmax(-1).gather(1, tokens[0, len(prompt) :, None])
    return float(picked.sum())


def table(seeds: Sequence[int]) -> Table:
    """A row a seed and arm, printed as it is known: how often the right program is likelier."""
    found = triples()
    learn = [triple for key, triple in found.items() if learned(key)]
    judged = [triple for key, triple in found.items() if not learned(key)]
    made = Table(
        f"{len(learn)} pairs to learn from, {len(judged)} unseen: the right program is likelier, percent",
        ("seed", "arm", "right likelier", "minus before, points", "minus sft, points"),
    )

    def add(*cells: str) -> None:
        print(*cells, sep=" | ", flush=True)
        made.add(*cells)

    before = ranked(_untrained(), judged)
    add("", "before", _shown(before), "", "")
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            sft = ranked(trained("sft", learn, seed, Path(folder)), judged)
            add(str(seed), "sft", _shown(sft), _apart(sft, before), "")
            dpo = ranked(trained("dpo", learn, seed, Path(folder)), judged)
            add(str(seed), "dpo", _shown(dpo), _apart(dpo, before), _apart(dpo, sft))
    return made


def _untrained() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(path("small"), dtype="float32").eval()


def _shown(marks: np.ndarray[Any, Any]) -> str:
    one = mean_interval(marks)
    return f"{100 * (one.estimate or 0):.1f} [{100 * (one.low or 0):.1f}, {100 * (one.high or 0):.1f}]"


def _apart(marks: np.ndarray[Any, Any], others: np.ndarray[Any, Any]) -> str:
    one = paired_difference(marks, others)
    return f"{100 * (one.difference or 0):+.1f} [{100 * (one.low or 0):+.1f}, {100 * (one.high or 0):+.1f}]"


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(table([int(seed) for seed in sys.argv[1:]] or [0, 1, 2]).text())
