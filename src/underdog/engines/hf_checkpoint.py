"""Where a checkpoint is, what identifies it, and how it is loaded: no generation here.

Finding and fingerprinting a folder needs no torch. A folder is identified by the SHA-256 of its weights,
tokenizer and configuration; a hub id by the commit that its revision resolves to.
"""

from __future__ import annotations

import hashlib
import importlib
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from underdog.answerer import digest
from underdog.errors import ConfigError

DTYPES = ("float32", "bfloat16", "float16")
_HASHED = {".safetensors", ".bin", ".json", ".jinja", ".txt", ".model"}
_FLOAT32_UP_TO = 2e9  # parameters; a larger checkpoint keeps its own dtype on a CPU, to fit the memory


@dataclass(frozen=True, slots=True)
class Source:
    """A folder, or a hub id pinned to a commit; `identity` is the hash of what is in it."""

    name: str
    revision: str | None
    identity: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the user asked for; nothing is read before `source`, `fingerprint` or `load`."""

    name: str
    revision: str | None = None
    adapter: str | None = None
    dtype: str | None = None

    def source(self) -> Source:
        return source_of(self.name, self.revision, "config.json")

    def adapter_source(self) -> Source | None:
        return source_of(self.adapter, None, "adapter_config.json") if self.adapter else None

    def fingerprint(self) -> str:
        """Identity of the weights, the adapter and the asked dtype ("auto" when none was asked)."""
        adapter = self.adapter_source()
        parts = [self.source().identity, adapter and adapter.identity, self.dtype or "auto"]
        return f"hf:{digest(parts)}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checkpoint in memory. `context` is the longest sequence in tokens, or None when unbounded."""

    model: Any
    tokenizer: Any
    end: frozenset[int]
    context: int | None
    parameters: int
    dtype: str
    device: str


def load_tokenizer(source: Source) -> Any:
    """The checkpoint's tokenizer.

    Raises:
        ConfigError: no tokenizer could be read, or it has no chat template.
    """
    transformers = need("transformers")
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(
            source.name, revision=source.revision, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"checkpoint {source.name!r}: {_first_line(error)}") from error
    if not tokenizer.chat_template:
        raise ConfigError(
            f"checkpoint {source.name!r} has no chat template, so it cannot be asked in messages: "
            "use its instruction-tuned variant, or put a chat_template.jinja beside its tokenizer"
        )
    return tokenizer


# transformers builds a model under process-wide switches (the meta device among them): two at once spoil each
# other's weights, sometimes without a word.
LOADING = threading.Lock()


@contextmanager
def loading() -> Iterator[None]:
    """While transformers reads or writes weights: nobody else does, and its progress bars are off."""
    progress = need("transformers").utils.logging
    with LOADING:
        shown = progress.is_progress_bar_enabled()
        progress.disable_progress_bar()
        try:
            yield
        finally:
            if shown:
                progress.enable_progress_bar()


def load(checkpoint: Checkpoint, tokenizer: Any, device: str | None) -> Loaded:
    """Read the weights onto the device; slow, so never on the event loop.

    Raises:
        ConfigError: a package is missing, or the checkpoint or adapter cannot be read.
    """
    torch, transformers = need("torch"), need("transformers")
    from underdog.engines import hf_quantized

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    asked = getattr(torch, checkpoint.dtype) if checkpoint.dtype else "auto"
    source = checkpoint.source()
    try:
        with loading():
            model = transformers.AutoModelForCausalLM.from_pretrained(
                source.name, revision=source.revision, dtype=asked, trust_remote_code=False
            )
    except (OSError, ValueError) as error:
        raise ConfigError(f"checkpoint {source.name!r}: {_first_line(error)}") from error
    model = _placed(model, device, checkpoint.dtype)
    adapter = checkpoint.adapter_source()
    if adapter is not None:
        model = with_adapter(model, adapter)
    model.eval().requires_grad_(False)
    return Loaded(
        model,
        tokenizer,
        _end_tokens(model, tokenizer),
        getattr(model.config.get_text_config(decoder=True), "max_position_embeddings", None),
        hf_quantized.count(model),
        str(model.dtype).removeprefix("torch."),
        str(model.device),
    )


def _placed(model: Any, device: str, dtype: str | None) -> Any:
    """The model on its device, in float32 where a CPU has room for that and no dtype was asked for."""
    from underdog.engines import hf_quantized

    module = need("torch").nn.Module
    if getattr(model, "is_quantized", False) and not hf_quantized.is_packed(model):
        return model
    if device == "cpu" and dtype is None and hf_quantized.count(model) < _FLOAT32_UP_TO:
        model = module.float(model)
    return module.to(model, device)


def with_adapter(model: Any, adapter: Source) -> Any:
    """The model with an adapter: merged in float32, beside the weights otherwise.

    Raises:
        ConfigError: the adapter cannot be read, does not fit, or is none of weights.
    """
    peft, torch = need("peft"), need("torch")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by a deprecated name
            adapted = peft.PeftModel.from_pretrained(model, adapter.name, revision=adapter.revision)
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(f"adapter {adapter.name!r}: {_first_line(error)}") from error
    if adapted.active_peft_config.is_prompt_learning:
        raise ConfigError(
            f"adapter {adapter.name!r} is of type {adapted.active_peft_config.peft_type}, which puts virtual "
            "tokens into the prompt; the hf engine takes adapters of weights, such as LoRA"
        )
    # Merging is exact enough in float32 only; in halves the adapter stays beside the weights.
    if model.dtype == torch.float32 and not getattr(model, "is_quantized", False):
        return adapted.merge_and_unload()
    return adapted.get_base_model()


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    ends: set[int] = set()
    for value in (model.generation_config.eos_token_id, tokenizer.eos_token_id):
        ends.update(value if isinstance(value, list) else [] if value is None else [value])
    return frozenset(ends)


def need(package: str) -> Any:
    """Import a package of the [local] extra.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ConfigError(
            f"local checkpoints need {package}, which could not be imported ({_first_line(error)}): "
            'pip install "underdog[local]"'
        ) from error


def source_of(name: str, revision: str | None, wanted: str) -> Source:
    """The folder or hub id of this name, which must hold the file `wanted`.

    Raises:
        ConfigError: it does not, or there is no such folder and the hub gives none.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / wanted).exists():
            raise ConfigError(f"folder {name!r} holds no {wanted}, so it is no Hugging Face checkpoint")
        return Source(str(folder), None, _folder_hash(folder))
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise ConfigError(
            f"checkpoint {name!r}: there is no folder of this name, and a hub id looks like OWNER/NAME"
        )
    commit = _commit(name, revision, wanted)
    return Source(name, commit, f"{name}@{commit}")


@lru_cache(maxsize=256)
def _commit(name: str, revision: str | None, wanted: str) -> str:
    hub = need("huggingface_hub")
    try:
        file = hub.hf_hub_download(name, wanted, revision=revision)
    except (OSError, ValueError, hub.errors.EntryNotFoundError) as error:
        raise ConfigError(
            f"checkpoint {name!r}: there is no folder of this name and the hub did not give {wanted} "
            f"({_first_line(error)}): check the id, the revision and the network, log in for a gated model, "
            "or download it and name the folder"
        ) from error
    return Path(file).parent.name


def _folder_hash(folder: Path) -> str:
    files = sorted(file for file in folder.iterdir() if file.suffix in _HASHED)
    hashed = {}
    for file in files:
        stat = file.stat()
        hashed[file.name] = _file_hash(file, stat.st_size, stat.st_mtime_ns)
    return digest(hashed)


@lru_cache(maxsize=4096)
def _file_hash(file: Path, size: int, modified_ns: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
