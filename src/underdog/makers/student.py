"""The model that is trained: its checkpoint, its tokens, its adapter. Imports torch; trains nothing itself.

Prompts are tokenised exactly as the hf engine reads them when it serves, so that a model is trained on what
it will be asked.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, prepare_model_for_kbit_training
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig

from underdog.answerer import Failure, Model, Request
from underdog.drive import Bind
from underdog.engines.hf_checkpoint import LOADING, Checkpoint, load, load_tokenizer
from underdog.engines.hf_decode import set_threads
from underdog.engines.hf_prompt import Prompt, Prompts
from underdog.engines.huggingface import HuggingFaceEngine
from underdog.errors import StudyError
from underdog.makers.settings import Settings, Try

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


@dataclass(frozen=True)
class Pen:
    """Requests and answers as tokens."""

    prompts: Prompts

    @property
    def tokenizer(self) -> Any:
        return self.prompts.tokenizer

    def prompt(self, request: Request) -> list[int]:
        """The request's tokens, as the engine reads them."""
        return list(self._prompt(request).tokens)

    def completion(self, request: Request, text: str) -> list[int]:
        """An answer's tokens as the model should write them, up to the end of its turn.

        Where the template has already opened a `<think>` block, the answer closes it first: the engine takes
        what comes before as reasoning.
        """
        written = f"\n</think>\n\n{text}" if self.thinks(request) else text
        tokens = self.tokenizer(written, add_special_tokens=False)["input_ids"]
        return [*tokens, self.tokenizer.eos_token_id]

    def thinks(self, request: Request) -> bool:
        """Whether the template has opened a block of reasoning."""
        return self._prompt(request).thinking

    def _prompt(self, request: Request) -> Prompt:
        """Raises StudyError when the checkpoint's template cannot take the request."""
        found = self.prompts.of(request)
        if isinstance(found, Failure):
            raise StudyError(f"{found.message}; train another checkpoint, or ask in plain messages")
        return found


@dataclass(frozen=True, slots=True)
class Size:
    """A checkpoint's size: all its parameters, and its hidden width."""

    parameters: int
    width: int


def checkpoint_of(model: Model, bind: Bind) -> Checkpoint:
    """Where the weights of a model are.

    Raises:
        StudyError: it is not a local checkpoint, or has an adapter already.
    """
    engine = bind(model)
    if not isinstance(engine, HuggingFaceEngine):
        raise StudyError(
            f"model {model.name!r}: only checkpoints on this machine can be trained (hf/… or tiny/…); "
            "name one under models"
        )
    if model.adapter is not None:
        raise StudyError(
            f"model {model.name!r}: has the adapter {model.adapter!r} already; merge it into a "
            "checkpoint of its own and train that"
        )
    return engine.checkpoint


def pen_of(checkpoint: Checkpoint) -> Pen:
    return Pen(Prompts(lambda: load_tokenizer(checkpoint.source()), checkpoint.name))


def size_of(checkpoint: Checkpoint) -> Size:
    """The size that a checkpoint's configuration says, without reading its weights."""
    source = checkpoint.source()
    config = AutoConfig.from_pretrained(source.name, revision=source.revision, trust_remote_code=False)
    with LOADING, torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    return Size(model.num_parameters(), config.get_text_config(decoder=True).hidden_size)


def insist_on_device(settings: Settings) -> None:
    """Raises StudyError when the settings ask for what only a CUDA device has."""
    asked = [name for name in ("bf16", "activation_checkpointing", "four_bit") if getattr(settings, name)]
    if asked and not torch.cuda.is_available():
        raise StudyError(f"{asked[0]}: is for CUDA devices and there is none here; leave it out")


def weights_of(checkpoint: Checkpoint, settings: Settings, tokenizer: Any) -> Any:
    """The model in memory, ready to be given an adapter: float32 on a CPU, else as the settings say."""
    if settings.four_bit:
        return quantised(checkpoint)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    wanted = "bfloat16" if settings.bf16 else "float32" if device == "cpu" else checkpoint.dtype
    model = load(replace(checkpoint, dtype=wanted), tokenizer, device).model
    if device == "cpu":
        set_threads(model.num_parameters())
    return model


def four_bits() -> BitsAndBytesConfig:
    """QLoRA's way of holding a frozen base (arXiv 2305.14314): NF4, double quantisation, bf16 products."""
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def quantised(checkpoint: Checkpoint) -> Any:
    """The checkpoint in four bits, ready for an adapter; needs CUDA and bitsandbytes."""
    source = checkpoint.source()
    with LOADING:
        model = AutoModelForCausalLM.from_pretrained(
            source.name,
            revision=source.revision,
            quantization_config=four_bits(),
            dtype=torch.bfloat16,
            device_map={"": 0},
            trust_remote_code=False,
        )
    return prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)


def lora(settings: Settings, one: Try) -> LoraConfig:
    """The adapter's shape: LoRA on every linear layer."""
    return LoraConfig(
        r=one.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        use_dora=settings.dora,
        use_rslora=settings.rslora,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )


def export(checkpoint: Path, folder: Path, parent: Model) -> Path:
    """An adapter alone, out of a trainer's checkpoint: equal trainings give equal files, byte for byte.

    What PEFT writes names a path of this machine and lists the layers in no certain order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkpoint / WEIGHTS, folder / WEIGHTS)
    config = json.loads((checkpoint / CONFIG).read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = parent.name.removeprefix("hf/")
    config["target_modules"] = sorted(config["target_modules"])
    text = json.dumps(config, indent=2, sort_keys=True) + "\n"
    (folder / CONFIG).write_text(text, encoding="utf-8")
    return folder
