"""The `query` engine: a composed folder (a small model that asks a large one by one vector) answering chats.

    query/FOLDER

It is the `hf` engine with another network behind it and two marks at the end of every prompt. The folder
names its parents by hash, so a parent that changed is refused instead of answering differently.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from underdog.answerer import Failure, Model, Request
from underdog.engines.hf_checkpoint import Checkpoint, Source, load, load_tokenizer, loading, need, source_of
from underdog.engines.hf_prompt import Prompt, Prompts
from underdog.engines.huggingface import HuggingFaceEngine
from underdog.errors import ConfigError
from underdog.trial import Spend

if TYPE_CHECKING:
    from underdog.engines.hf_decode import Decoder

CONFIG = "query.json"
FORMAT = 1


@dataclass(frozen=True)
class Composition:
    """What `query.json` says: both parents, the layer that is read, and when the large one is asked.

    Attributes:
        small, large: models by name, as study files name them.
        small_identity, large_identity: the hashes of their checkpoints.
        layer: of the large model, counted from 0 (its embeddings).
        threshold: the gate asks from this probability on; 0 always.
    """

    small: str
    small_identity: str
    large: str
    large_identity: str
    layer: int
    threshold: float = 0.0
    format: int = FORMAT

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG).write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")


def read_composition(folder: Path) -> Composition:
    """What a composed folder says.

    Raises:
        ConfigError: it is no composed folder, or of another format.
    """
    try:
        found = msgspec.json.decode((folder / CONFIG).read_bytes(), type=Composition)
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(
            f"folder {folder.name!r}: must hold a {CONFIG} as makers/query.py writes it; {error}"
        ) from None
    if found.format != FORMAT:
        raise ConfigError(
            f"folder {folder.name!r}: must have format {FORMAT}; got {found.format}: make it again"
        )
    return found


class QueryEngine(HuggingFaceEngine):
    """A composed folder as an Engine.

    Args:
        folder: where `makers/query.py` wrote it.
        bind: finds the engines of its parents.
        name: what answers say produced them.

    Its Spend counts one position of the large model for every call, also where the gate did not ask.
    """

    def __init__(self, folder: Path, bind: Callable[[Model], Any], *, name: str) -> None:
        self.folder, self.composition = folder, read_composition(folder)
        said = self.composition
        small = self._parent(bind, said.small, said.small_identity)
        self._large = self._parent(bind, said.large, said.large_identity).source()
        self._query_flops = 0.0
        super().__init__(small.name, revision=small.revision, name=name)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of what was trained and of what it says of its parents, whose hashes are in it."""
        return f"query:{source_of(str(self.folder), None, CONFIG).identity}"

    def _parent(self, bind: Callable[[Model], Any], name: str, identity: str) -> Checkpoint:
        engine = bind(Model(name))
        if type(engine) is not HuggingFaceEngine:
            raise ConfigError(f"{self.folder.name}: the parent {name!r} must be a local checkpoint")
        found = engine.checkpoint.source().identity
        if found != identity:
            raise ConfigError(
                f"{self.folder.name}: its parent {name!r} is another than the one it was trained with "
                f"({identity[:8]}… was, {found[:8]}… is here): put the old one back, or train again"
            )
        return engine.checkpoint

    def _new_prompts(self) -> Prompts:
        return MarkedPrompts(lambda: load_tokenizer(self.checkpoint.source()), self.name, self._marks)

    def _marks(self) -> tuple[int, int]:
        source = self.checkpoint.source()
        config = need("transformers").AutoConfig.from_pretrained(source.name, revision=source.revision)
        return config.vocab_size, config.vocab_size + 1

    def _open(self) -> Decoder:
        need("torch")
        from underdog.engines.hf_decode import Decoder, room_for, set_threads
        from underdog.engines.hf_query import Composed, flops_of_a_query

        loaded = load(self.checkpoint, self._prompts.tokenizer, self.device)
        large = load_decoder(self._large, loaded.model)
        composed = Composed(loaded.model, large, self.composition.layer, self.composition.threshold)
        try:
            composed.restore(self.folder)
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigError(f"{self.folder.name}: {str(error).splitlines()[0]}: train it again") from error
        composed.to(loaded.model.device, loaded.model.dtype).eval().requires_grad_(False)
        self._query_flops = flops_of_a_query(large, self.composition.layer)
        self._loaded = replace(loaded, model=composed)
        if loaded.device == "cpu":
            set_threads(loaded.parameters)
        return Decoder(composed, loaded.end, self.batch_tokens or room_for(loaded.model))

    def _spend(
        self, tokens_in: int, tokens_out: int, cached: int = 0, hidden: int = 0, seconds: float = 0.0
    ) -> Spend:
        spent = super()._spend(tokens_in, tokens_out, cached, hidden, seconds)
        return replace(spent, flops=spent.flops + self._query_flops)


class MarkedPrompts(Prompts):
    """Prompts that end in the two marks at which the large model is asked and answers."""

    def __init__(self, load: Callable[[], Any], name: str, marks: Callable[[], tuple[int, int]]) -> None:
        super().__init__(load, name)
        self._marks_of = marks

    @cached_property
    def marks(self) -> tuple[int, int]:
        """The marks' token ids, just beyond the vocabulary."""
        return self._marks_of()

    def of(self, request: Request) -> Prompt | Failure:
        """The request's prompt and the marks."""
        prompt = super().of(request)
        if isinstance(prompt, Failure):
            return prompt
        return replace(prompt, tokens=(*prompt.tokens, *self.marks))


def load_decoder(source: Source, like: Any) -> Any:
    """A parent's layers without its head, frozen, beside `like` and in its dtype.

    Raises:
        ConfigError: the checkpoint cannot be read.
    """
    transformers = need("transformers")
    try:
        with loading():
            model = transformers.AutoModel.from_pretrained(
                source.name, revision=source.revision, trust_remote_code=False
            )
    except (OSError, ValueError) as error:
        raise ConfigError(f"checkpoint {source.name!r}: {str(error).strip().splitlines()[0]}") from error
    return model.to(like.device, like.dtype).eval().requires_grad_(False)
