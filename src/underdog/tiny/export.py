"""Write trained weights as an ordinary Hugging Face folder: config, bf16 safetensors, tokenizer, template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import GenerationConfig, Qwen3Config

from underdog.tiny.chat import END_ID, PAD_ID, wrapped
from underdog.tiny.shape import Shape, Weights


def export(weights: Weights, shape: Shape, tokenizer: Any, folder: Path) -> None:
    """One folder that `AutoModelForCausalLM.from_pretrained` and `AutoTokenizer` load."""
    folder.mkdir(parents=True, exist_ok=True)
    config = Qwen3Config(**shape.config(), architectures=["Qwen3ForCausalLM"], dtype="bfloat16")
    config.save_pretrained(folder)
    generation = GenerationConfig(
        do_sample=False, max_new_tokens=96, eos_token_id=END_ID, pad_token_id=PAD_ID
    )
    generation.save_pretrained(folder)
    half = {name: weight.detach().to(torch.bfloat16).contiguous() for name, weight in weights.items()}
    save_file(half, str(folder / "model.safetensors"), metadata={"format": "pt"})
    wrapped(tokenizer).save_pretrained(folder)
