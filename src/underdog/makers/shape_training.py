"""Train a planned shape from scratch on the embedded models' text, and write it as an ordinary checkpoint.

The loop, the optimizer and the text are those of `underdog.tiny`; what differs is the shape. Two shapes given
the same seed and the same number of tokens read the same documents in the same order, so what they come to
may be compared. How fast one answers is measured here too.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoTokenizer, GenerationConfig, Qwen3Config, Qwen3ForCausalLM

from underdog.engines.hf_checkpoint import loading
from underdog.errors import StudyError
from underdog.makers.shape import Shape
from underdog.tiny import corpus, path
from underdog.tiny.chat import CONTEXT, END_ID, PAD_ID, VOCABULARY
from underdog.tiny.muon import Optimizer
from underdog.tiny.shape import EPSILON, THETA, Weights, loss
from underdog.tiny.train import WARM_STEPS

_NOTED = 5  # steps between two points of the loss curve


@dataclass(frozen=True)
class Course:
    """What a shape is trained on.

    Attributes:
        tokens: how many are read after the copy curriculum.
        copying: steps of the copy curriculum, without which models this small do not learn to copy.
        only: the worlds to read about; none named is all of them.
        seed: of the weights and of the text.
    """

    tokens: int
    copying: int = 100
    only: tuple[str, ...] = ()
    seed: int = 1


@dataclass
class Trained:
    """A trained shape: its tensors, what it read, and its loss on the way: (step, mean)."""

    shape: Shape
    weights: Weights
    tokens: int = 0
    steps: int = 0
    curve: list[tuple[int, float]] = field(default_factory=list)

    def write(self, folder: Path) -> None:
        """An ordinary folder. Repeated blocks are written as often as they are computed: any engine runs it,
        and the file is that much larger than the parameters."""
        folder.mkdir(parents=True, exist_ok=True)
        config(self.shape).save_pretrained(folder)
        GenerationConfig(do_sample=False, eos_token_id=END_ID, pad_token_id=PAD_ID).save_pretrained(folder)
        spread = unrolled(self.weights, self.shape.repeats)
        half = {name: weight.detach().to(torch.bfloat16) for name, weight in spread.items()}
        save_file(half, folder / "model.safetensors", metadata={"format": "pt"})
        AutoTokenizer.from_pretrained(path("small")).save_pretrained(folder)


def config(shape: Shape) -> Any:
    """The configuration with which transformers builds the shape, repeated blocks spread out."""
    return Qwen3Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.width,
        num_hidden_layers=shape.sequential,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.groups,
        head_dim=shape.head_size,
        intermediate_size=shape.hidden,
        max_position_embeddings=CONTEXT,
        rms_norm_eps=EPSILON,
        rope_parameters={"rope_type": "default", "rope_theta": THETA},
        tie_word_embeddings=True,
        bos_token_id=None,
        pad_token_id=PAD_ID,
        eos_token_id=END_ID,
        architectures=["Qwen3ForCausalLM"],
        dtype="bfloat16",
    )


def unrolled(weights: Weights, repeats: int) -> Weights:
    """The tensors of a model that computes each block once: repeated blocks are copies."""
    found: Weights = {}
    for name, weight in weights.items():
        before, layers, after = name.partition("model.layers.")
        if not layers:
            found[name] = weight.contiguous()
            continue
        layer, _, rest = after.partition(".")
        for again in range(repeats):
            found[f"{before}{layers}{int(layer) * repeats + again}.{rest}"] = weight.clone()
    return found


def fresh(shape: Shape, seed: int) -> Weights:
    """Random weights as in `tiny`: 1/sqrt(fan-in), norms at one, what blocks add small."""
    generator = torch.Generator().manual_seed(seed)
    small = config(Shape(**{**vars(shape), "repeats": 1}))
    with torch.device("meta"):
        plan = Qwen3ForCausalLM(small).state_dict()
    weights = {}
    for name, meta in plan.items():
        if name == "lm_head.weight":
            continue
        if meta.ndim == 1:
            weights[name] = torch.ones(meta.shape)
            continue
        scale = 0.05 if "embed" in name else meta.shape[1] ** -0.5
        scale *= 0.2 if "o_proj" in name or "down_proj" in name else 1.0
        weights[name] = torch.randn(meta.shape, generator=generator) * scale
    return weights


def train(shape: Shape, course: Course, tokenizer: Any) -> Trained:
    """Train until the tokens are read.

    Raises:
        StudyError: the shape is not for the embedded models' tokenizer.
    """
    if shape.vocabulary != VOCABULARY or not shape.shared_embeddings or not shape.normed_heads:
        raise StudyError(
            f"shape: the embedded models' text needs {VOCABULARY} tokens, shared embeddings and "
            f"normed heads; got {shape.vocabulary}, {shape.shared_embeddings} and {shape.normed_heads}"
        )
    run = Trained(shape, fresh(shape, course.seed))
    optimizer = Optimizer(run.weights)
    recent: list[float] = []
    for kinds, end in ((corpus.COPYING, course.copying), (corpus.mixture(course.only), None)):
        read, seed = 0, f"shapes/{course.seed}/{end}"
        for batches, _ in corpus.pools(tokenizer, kinds, seed):
            for batch in batches:
                done = read / course.tokens if end is None else 0.0
                if done >= 1 or run.steps == end:
                    break
                scale = min(1.0, (run.steps + 1) / WARM_STEPS) * min(1.0, 2 * (1 - done))
                recent.append(_step(run, optimizer, torch.tensor(batch.ids), scale))
                read, run.tokens, run.steps = read + batch.tokens, run.tokens + batch.tokens, run.steps + 1
                if len(recent) == _NOTED:
                    run.curve.append((run.steps, statistics.fmean(recent)))
                    recent.clear()
            else:
                continue
            break
    return run


def _step(run: Trained, optimizer: Optimizer, ids: Tensor, scale: float) -> float:
    for weight in run.weights.values():
        weight.requires_grad_(True)
    value = loss(run.weights, ids, run.shape.repeats)
    gradients = torch.autograd.grad(value, list(run.weights.values()))
    optimizer.step(dict(zip(run.weights, gradients, strict=True)), scale)
    return float(value.detach())


def seconds_per_token(folders: Sequence[Path], tokens: int = 32, rounds: int = 9) -> list[float]:
    """Median seconds in which each checkpoint decodes one token, alone and greedily, with a cache.

    The checkpoints take turns, so that a busy machine slows all of them alike.
    """
    with loading():
        models = [Qwen3ForCausalLM.from_pretrained(folder, dtype=torch.float32).eval() for folder in folders]
    found: list[list[float]] = [[] for _ in models]
    prompt = torch.arange(5, 37)[None]
    for _ in range(rounds):
        for model, seconds in zip(models, found, strict=True):
            with torch.inference_mode():
                began = time.perf_counter()
                model.generate(
                    prompt,
                    attention_mask=torch.ones_like(prompt),
                    min_new_tokens=tokens,
                    max_new_tokens=tokens,
                    do_sample=False,
                )
            seconds.append((time.perf_counter() - began) / tokens)
    return [statistics.median(each) for each in found]
