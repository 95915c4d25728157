"""Texts as vectors by a named model: the function behind the tool `embed`, for routers that want one.

A local checkpoint (`hf/...`, `tiny/...`) gives the mean of its last hidden states over the text's tokens, so
a small model's own states serve as well as an encoder's; an endpoint is asked at `/embeddings`. Acts are
recorded by the driver, so no text is embedded twice. Nothing here knows of routers.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from underdog.answerer import Failure, Model
from underdog.engines.hf_checkpoint import LOADING, Source, need
from underdog.engines.huggingface import HuggingFaceEngine
from underdog.engines.openai import MAX_BYTES, OpenAIEngine
from underdog.engines.openai_failures import Broken, bad_answer, status_failure
from underdog.engines.openai_http import Connection
from underdog.errors import ConfigError

# Of a longer text the beginning is embedded: positions beyond this cost memory and say little of the subject.
_MOST_TOKENS = 1_024
_BATCH = 32


class Embedder:
    """Embeds texts with whatever model is named; models are loaded at first use and kept.

    Pass `embed` to a Driver as the tool `embed`.
    """

    def __init__(self, bind: Callable[[Model], Any]) -> None:
        self._bind = bind
        self._sources: dict[str, _States | _Server] = {}

    async def embed(self, model: str, texts: Sequence[str]) -> list[list[float]] | Failure:
        """One vector a text, in their order.

        Raises:
            ConfigError: the model cannot be bound, or gives no vectors.
        """
        source = self._sources.get(model)
        if source is None:
            source = self._sources[model] = self._opened(model)
        return await source.embed(texts)

    embed.at_once = 16  # type: ignore[attr-defined]  # endpoints take many at a time

    async def close(self) -> None:
        """Close the connections of the running loop."""
        for source in self._sources.values():
            await source.close()

    def _opened(self, model: str) -> _States | _Server:
        engine = self._bind(Model(model))
        if isinstance(engine, HuggingFaceEngine):
            return _States(engine.checkpoint.source())
        if isinstance(engine, OpenAIEngine):
            return _Server(engine.model_id, Connection(engine.endpoint, MAX_BYTES))
        raise ConfigError(
            f"embedder {model!r}: only local checkpoints (hf/..., tiny/...) and endpoints give vectors"
        )


@dataclass(frozen=True)
class _Server:
    """One embedding model at one endpoint."""

    model_id: str
    connection: Connection

    async def embed(self, texts: Sequence[str]) -> list[list[float]] | Failure:
        url = f"{self.connection.endpoint.base_url}/embeddings"
        try:
            reply = await self.connection.post(url, {"model": self.model_id, "input": list(texts)})
            if reply.status != 200:
                raise Broken(status_failure(reply.status, reply.headers, reply.body))
            return _vectors(reply.body, len(texts))
        except Broken as broken:
            return self.connection.clean(broken.failure)

    async def close(self) -> None:
        await self.connection.close()


def _vectors(body: Any, wanted: int) -> list[list[float]]:
    rows = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(rows, list) or len(rows) != wanted:
        raise Broken(bad_answer(f"the server brought no {wanted} embeddings"))
    try:
        ordered = sorted(rows, key=lambda row: int(row.get("index", 0)))
        return [[float(value) for value in row["embedding"]] for row in ordered]
    except (TypeError, KeyError, ValueError, AttributeError):
        raise Broken(bad_answer("the server's embeddings are no lists of numbers")) from None


@dataclass(eq=False)
class _States:
    """A checkpoint's hidden states. Loading and running are slow, so never on the event loop."""

    source: Source

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return await asyncio.to_thread(self.means, texts)

    async def close(self) -> None:
        """Nothing is open: the weights go with the object."""

    def means(self, texts: Sequence[str]) -> list[list[float]]:
        """The mean last hidden state of each text."""
        torch = need("torch")
        with self._lock, torch.inference_mode():
            tokenizer, model = self._loaded = self._loaded or self._load()
            found: list[list[float]] = []
            for start in range(0, len(texts), _BATCH):
                rows = tokenizer(
                    list(texts[start : start + _BATCH]),
                    return_tensors="pt",
                    padding=True,
                    truncation=True,
                    max_length=_longest(model),
                )
                rows.pop("token_type_ids", None)
                states = model(**rows).last_hidden_state.float()
                mask = rows["attention_mask"].unsqueeze(-1).float()
                means = (states * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
                found += means.tolist()
        return found

    def _load(self) -> tuple[Any, Any]:
        transformers = need("transformers")
        where = {"revision": self.source.revision, "trust_remote_code": False}
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(self.source.name, **where)
            with LOADING:
                model = transformers.AutoModel.from_pretrained(self.source.name, **where)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"embedder {self.source.name!r}: {str(error).strip().splitlines()[0]}"
            ) from error
        tokenizer.padding_side = "right"
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        return tokenizer, model.eval()


def _longest(model: Any) -> int:
    context = getattr(model.config, "max_position_embeddings", None)
    return min(_MOST_TOKENS, context) if context else _MOST_TOKENS
