"""Checkpoints opened to be changed and written again as ordinary folders. No training, no scoring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from underdog.answerer import Model
from underdog.engines import Engine
from underdog.engines.hf_checkpoint import Checkpoint, load_tokenizer, loading, need, with_adapter
from underdog.engines.huggingface import HuggingFaceEngine
from underdog.errors import ConfigError

WEIGHTS = ("*.safetensors", "*.gguf")


@dataclass(frozen=True)
class Opened:
    """A model in memory, in its own dtype and on the first accelerator where there is one; its tokenizer."""

    model: Any
    tokenizer: Any

    def write(self, folder: Path) -> None:
        """An ordinary folder: config, safetensors, tokenizer and chat template.

        Raises:
            ConfigError: the folder holds weights already.
        """
        if any(list(folder.glob(kind)) for kind in WEIGHTS):
            raise ConfigError(f"folder {folder.name!r} holds weights already: name another one, or remove it")
        folder.mkdir(parents=True, exist_ok=True)
        with loading():
            self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def opened(checkpoint: Checkpoint, dtype: str | None = None) -> Opened:
    """A checkpoint, its adapter merged in; `dtype` None keeps the checkpoint's own.

    An adapter is merged in float32 and the sum rounded once.

    Raises:
        ConfigError: a package is missing, or the checkpoint or adapter cannot be read.
    """
    torch, transformers = need("torch"), need("transformers")
    source, adapter = checkpoint.source(), checkpoint.adapter_source()
    tokenizer = load_tokenizer(source)
    try:
        with loading():
            model = transformers.AutoModelForCausalLM.from_pretrained(
                source.name, revision=source.revision, dtype="auto", trust_remote_code=False
            )
    except (OSError, ValueError) as error:
        raise ConfigError(f"checkpoint {source.name!r}: {str(error).strip().splitlines()[0]}") from error
    if getattr(model, "is_quantized", False):
        raise ConfigError(
            f"checkpoint {source.name!r} is quantised already: start from the one it was made of"
        )
    wanted = getattr(torch, dtype) if dtype else model.dtype
    if adapter is not None:
        model = with_adapter(model.float(), adapter)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Opened(model.to(device, wanted).eval().requires_grad_(False), tokenizer)


def behind(bind: Callable[[Model], Engine], model: Model) -> Checkpoint:
    """The checkpoint of a local model.

    Raises:
        ConfigError: the model is no local checkpoint, so there are no weights to work on.
    """
    engine = bind(model)
    if type(engine) is not HuggingFaceEngine:  # a composed one is more than its small checkpoint
        raise ConfigError(
            f"model {model.name!r}: makers work on weights, so it must be a local checkpoint "
            "(hf/... or tiny/...): download its weights and name their folder"
        )
    return engine.checkpoint


def weight_bytes(folder: Path) -> int:
    """Bytes of the files of weights in a folder."""
    return sum(file.stat().st_size for kind in WEIGHTS for file in folder.glob(kind))
