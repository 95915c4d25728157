"""The embedded models' architecture for training: Qwen3 (arXiv:2505.09388) on a dictionary of tensors.

Queries and keys are normed: without it Muon drives attention logits into the hundreds, every head looks at
one place only and nothing moves it any more. The tensors carry the names that transformers' Qwen3ForCausalLM
gives them, so exporting is saving the
dictionary. Attention is two plain matrix products: on CPUs the fused kernel's backward pass is slower.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from underdog.tiny.chat import ASSISTANT_ID, CONTEXT, END_ID, PAD_ID, SPECIALS, VOCABULARY

EPSILON = 1e-5
THETA = 10000.0
HEAD = 32
Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Shape:
    """The size of a model; heads are HEAD wide."""

    width: int
    layers: int
    heads: int
    hidden: int

    def config(self) -> dict[str, object]:
        """The keyword arguments of transformers' Qwen3Config."""
        return {
            "vocab_size": VOCABULARY,
            "hidden_size": self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.heads,
            "head_dim": HEAD,
            "intermediate_size": self.hidden,
            "max_position_embeddings": CONTEXT,
            "rms_norm_eps": EPSILON,
            "rope_parameters": {"rope_type": "default", "rope_theta": THETA},
            "tie_word_embeddings": True,
            "bos_token_id": None,
            "pad_token_id": PAD_ID,
            "eos_token_id": END_ID,
        }


SHAPES = {"small": Shape(96, 5, 3, 256), "large": Shape(192, 7, 6, 512)}


def fresh(shape: Shape, seed: int) -> Weights:
    """Random weights: normal with the usual 1/sqrt(fan-in), norms at one, outputs of blocks small."""
    generator = torch.Generator().manual_seed(seed)
    width, hidden = shape.width, shape.hidden

    def normal(rows: int, columns: int, scale: float) -> Tensor:
        return torch.randn(rows, columns, generator=generator) * scale

    weights = {"model.embed_tokens.weight": normal(VOCABULARY, width, 0.05)}
    for layer in range(shape.layers):
        at = f"model.layers.{layer}."
        weights[at + "input_layernorm.weight"] = torch.ones(width)
        for name in ("q_proj", "k_proj", "v_proj"):
            weights[f"{at}self_attn.{name}.weight"] = normal(width, width, width**-0.5)
        for name in ("q_norm", "k_norm"):
            weights[f"{at}self_attn.{name}.weight"] = torch.ones(HEAD)
        weights[at + "self_attn.o_proj.weight"] = normal(width, width, 0.2 * width**-0.5)
        weights[at + "post_attention_layernorm.weight"] = torch.ones(width)
        weights[at + "mlp.gate_proj.weight"] = normal(hidden, width, width**-0.5)
        weights[at + "mlp.up_proj.weight"] = normal(hidden, width, width**-0.5)
        weights[at + "mlp.down_proj.weight"] = normal(width, hidden, 0.2 * hidden**-0.5)
    weights["model.norm.weight"] = torch.ones(width)
    return weights


def rotations(length: int, dtype: torch.dtype, head: int = HEAD) -> tuple[Tensor, Tensor]:
    """Cosines and sines of rotary positions (arXiv:2104.09864) for heads of this size."""
    rates = THETA ** (-torch.arange(0, head, 2).float() / head)
    angles = torch.arange(length).float()[:, None] * torch.cat((rates, rates))[None]
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Heads turned by their positions."""
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat((-second, first), dim=-1) * sine


def attention(weights: Weights, at: str, x: Tensor, turn: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
    """Causal self-attention; heads may share keys and values (arXiv:2305.13245)."""
    rows, length, _ = x.shape
    head = len(weights[f"{at}q_norm.weight"])
    heads, groups = (len(weights[f"{at}{name}.weight"]) // head for name in ("q_proj", "k_proj"))

    projections = torch.cat([weights[f"{at}{name}.weight"] for name in ("q_proj", "k_proj", "v_proj")])
    flat = functional.linear(x, projections).view(rows, length, heads + 2 * groups, head)
    q, k, v = flat.transpose(1, 2).split((heads, groups, groups), dim=1)
    q, k = (normed(each, weights[f"{at}{name}.weight"]) for each, name in ((q, "q_norm"), (k, "k_norm")))
    q, k = rotated(q * head**-0.5, *turn), rotated(k, *turn)
    if groups < heads:
        k, v = (each.repeat_interleave(heads // groups, dim=1) for each in (k, v))
    mixed = torch.matmul((torch.matmul(q, k.transpose(-1, -2)) + mask).softmax(-1), v).transpose(1, 2)
    return functional.linear(mixed.reshape(rows, length, heads * head), weights[at + "o_proj.weight"])


def normed(x: Tensor, weight: Tensor) -> Tensor:
    """Root-mean-square norm."""
    return functional.rms_norm(x, (x.shape[-1],), weight, EPSILON)


def states(weights: Weights, ids: Tensor, repeats: int = 1) -> Tensor:
    """The last hidden state at every position; each block is computed `repeats` times in a row."""
    length = ids.shape[1]
    x = weights["model.embed_tokens.weight"][ids]
    turn = rotations(length, x.dtype, len(weights["model.layers.0.self_attn.q_norm.weight"]))
    mask = torch.full((length, length), float("-inf"), dtype=x.dtype).triu(1)
    layers = sum(name.endswith("q_proj.weight") for name in weights)
    for layer in (layer for layer in range(layers) for _ in range(repeats)):
        at = f"model.layers.{layer}."
        x = x + attention(
            weights, at + "self_attn.", normed(x, weights[at + "input_layernorm.weight"]), turn, mask
        )
        y = normed(x, weights[at + "post_attention_layernorm.weight"])
        gate = functional.silu(functional.linear(y, weights[at + "mlp.gate_proj.weight"]))
        up = functional.linear(y, weights[at + "mlp.up_proj.weight"])
        x = x + functional.linear(gate * up, weights[at + "mlp.down_proj.weight"])
    return normed(x, weights["model.norm.weight"])


def answering(ids: Tensor) -> Tensor:
    """Where the next token is the assistant's: from `<|assistant|>` up to the token before the end."""
    marks = (ids > PAD_ID) & (ids < len(SPECIALS))
    positions = torch.arange(ids.shape[1]).expand_as(ids)
    latest = torch.where(marks, positions, -1).cummax(1).values.clamp(min=0)
    inside: Tensor = ids.gather(1, latest) == ASSISTANT_ID
    inside[:, -1] = False
    return inside


def loss(weights: Weights, ids: Tensor, repeats: int = 1) -> Tensor:
    """Mean cross-entropy of the assistant's tokens, computed in bfloat16 from float32 weights."""
    weights = {name: weight.bfloat16() for name, weight in weights.items()}
    where = answering(ids)
    targets = ids.roll(-1, 1)[where]
    hidden = states(weights, ids, repeats)[where]
    logits = functional.linear(hidden, weights["model.embed_tokens.weight"])
    return functional.cross_entropy(logits.float(), targets)
