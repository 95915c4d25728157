"""A fitted policy: text in, name of an answerer out. What is saved, loaded and served.

It holds an embedding, a router and where its knob stands, and decides in well under a millisecond. With
`embedder` the vectors come from a named checkpoint or endpoint instead, made by an Act and handed in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from underdog.errors import DataError
from underdog.routing import routers
from underdog.routing.curve import chosen
from underdog.routing.embeddings import Embedding, Hashing, Latent, Vectors, unit
from underdog.routing.saving import made_from, state_of
from underdog.routing.seen import Asked, Fitted
from underdog.routing.tensors import packed, unpacked
from underdog.statistics.vectors import Floats, Ints
from underdog.stored import Stored

FORMAT = "underdog router 1"
_KINDS: dict[str, type[Any]] = {"Latent": Latent, "Hashing": Hashing, **routers.FITTED}


@dataclass(frozen=True, eq=False)
class Policy:
    """Which of `answerers` gets a question.

    `embedding` is None when vectors are made by the named `embedder`, or when the router needs none.
    """

    answerers: tuple[str, ...]
    router: Fitted
    knob: float
    embedding: Embedding | None = None
    embedder: str | None = None

    def choose(
        self,
        texts: Sequence[str],
        categories: Sequence[str] | None = None,
        vectors: Sequence[Sequence[float]] | Vectors | None = None,
    ) -> Ints:
        """The place in `answerers` of the one chosen for each text, shape (n,).

        Raises:
            DataError: the policy needs vectors of its embedder, and none came.
        """
        if vectors is not None:
            made = unit(np.asarray(vectors, dtype=np.float32).reshape(len(texts), -1))
        elif self.embedder is not None:
            raise DataError(
                f"this router was fitted on vectors of {self.embedder}: it needs those of the questions too"
            )
        elif self.embedding is not None:
            made = self.embedding.embed(texts)
        else:
            made = np.zeros((len(texts), 0), np.float32)
        given = None if categories is None else tuple(categories)
        return chosen(self.router.forecast(Asked(made, given)), self.knob)

    def probes(self, texts: Sequence[str], a_cluster: int) -> Ints:
        """The places of the texts to put to a new answerer: so many of each cluster, shape (p,).

        Raises:
            DataError: the router is no UniRoute, or its vectors come from outside.
        """
        router, embedding = self._universal()
        return routers.probe_places(embedding.embed(texts), router.middle, a_cluster)

    def joined(self, name: str, texts: Sequence[str], scores: Floats, costs: Floats) -> Policy:
        """The policy with one more answerer, the last, by its scores and costs on probe texts, shape (p,).

        Raises:
            DataError: as for `probes`, or the name is taken.
        """
        router, embedding = self._universal()
        if name in self.answerers:
            raise DataError(f"the router has an answerer {name!r} already: names must differ")
        wider = router.joined(embedding.embed(texts), scores, costs)
        return replace(self, answerers=(*self.answerers, name), router=wider)

    def _universal(self) -> tuple[routers.FittedUniversal, Embedding]:
        if isinstance(self.router, routers.FittedUniversal) and self.embedding is not None:
            return self.router, self.embedding
        raise DataError(
            "only a universal router over offline vectors takes a new answerer by probes; this one is a "
            f"{type(self.router).__name__}: fit it with routers={{'universal': [Universal()]}}"
        )

    @cached_property
    def content(self) -> bytes:
        """The policy as a safetensors file."""
        arrays, router = state_of(self.router, "router.")
        body: dict[str, Any] = {"answerers": self.answerers, "router": router, "knob": self.knob}
        if self.embedding is not None:
            found, body["embedding"] = state_of(self.embedding, "embedding.")
            arrays |= found
        if self.embedder is not None:
            body["embedder"] = self.embedder
        return packed(arrays, {"format": FORMAT, "policy": json.dumps(body, sort_keys=True)})

    @property
    def stored(self) -> Stored:
        """The file as a lever's field; `policy_of` reads it back."""
        return Stored.of(self.content)

    def save(self, path: str | Path) -> Path:
        """Write the policy to a file; returns its path."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.content)
        return path


def load_policy(path: str | Path) -> Policy:
    """The policy in a file.

    Raises:
        DataError: it cannot be read, is no safetensors file, or holds no router that this underdog knows.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: the router's file cannot be read ({error.strerror or error})") from None
    return policy_from(content, str(path))


def policy_from(content: bytes, shown: str = "router") -> Policy:
    """The policy in the bytes of a file; `shown` names it in errors.

    Raises:
        DataError: as for `load_policy`.
    """
    arrays, notes = unpacked(content, shown)
    if notes.get("format") != FORMAT:
        raise DataError(
            f"{shown}: a router's file must say {FORMAT!r}; got {notes.get('format')!r}: make one with "
            "underdog route --save"
        )
    try:
        body = json.loads(notes["policy"])
        answerers, knob = tuple(map(str, body["answerers"])), float(body["knob"])
        router = made_from(_KINDS, arrays, body["router"], "router.")
        plain = body.get("embedding")
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{shown}: the router's file lacks a part ({error}); write it again") from None
    embedding = None if plain is None else made_from(_KINDS, arrays, plain, "embedding.")
    return Policy(answerers, router, knob, embedding, body.get("embedder"))


def policy_of(stored: Stored) -> Policy:
    """The policy in a lever's file, unpacked once.

    Raises:
        DataError: the content is not at hand, or as for `load_policy`.
    """
    return stored.opened(policy_from)
