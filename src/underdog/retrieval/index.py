"""Index: passages and what finds them, as one safetensors file: data, no code.

It holds the passages' ids and texts, a BM25 index over them and, where a model made some, one vector each.
What a passage is (a chunk of a document, a demonstration) is its maker's business.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from underdog.errors import DataError
from underdog.retrieval.bm25 import Bm25
from underdog.retrieval.ranking import best, fused
from underdog.routing.embeddings import Vectors, unit
from underdog.routing.tensors import packed, unpacked
from underdog.statistics.vectors import Floats
from underdog.stored import Stored

FORMAT = "underdog index 1"
By: TypeAlias = Literal["bm25", "vectors", "hybrid"]
# Of each ranking so many places are fused; more change nothing, for their shares are tiny.
_FUSED = 100


@dataclass(frozen=True)
class Hit:
    """A passage that was found, and by how much: BM25's score, a cosine, or a sum of reciprocal ranks."""

    id: str
    text: str
    score: float


@dataclass(frozen=True, eq=False)
class Texts:
    """Many texts as one array of UTF-8 bytes: text i is `bytes[starts[i] : starts[i + 1]]`."""

    bytes: npt.NDArray[np.uint8] = field(repr=False)
    starts: npt.NDArray[np.int64] = field(repr=False)

    @classmethod
    def of(cls, texts: Sequence[str]) -> Texts:
        """These texts; a half of a surrogate pair is replaced, for a file is read by others too."""
        parts = [text.encode("utf-8", "replace") for text in texts]
        starts = np.cumsum([0, *map(len, parts)], dtype=np.int64)
        return cls(np.frombuffer(b"".join(parts), np.uint8), starts)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, place: int) -> str:
        return self.bytes[self.starts[place] : self.starts[place + 1]].tobytes().decode("utf-8", "replace")


@dataclass(frozen=True, eq=False)
class Index:
    """Passages by number: ids, texts, BM25 and, by the model `embedder`, unit vectors, shape (n, d)."""

    ids: Texts
    texts: Texts
    bm25: Bm25
    vectors: Vectors | None = None
    embedder: str | None = None

    @classmethod
    def of(cls, passages: Sequence[tuple[str, str]], searched: Sequence[str] | None = None) -> Index:
        """The index of passages, each an id and a text; `searched` are other texts to find them by.

        Raises:
            DataError: there are none.
        """
        if not passages:
            raise DataError("an index needs at least one passage; there is none")
        ids, texts = zip(*passages, strict=True)
        return cls(Texts.of(ids), Texts.of(texts), Bm25.fit(texts if searched is None else searched))

    def __len__(self) -> int:
        return len(self.texts)

    def embedded(self, vectors: Sequence[Sequence[float]] | Vectors, embedder: str) -> Index:
        """The same index with one vector a passage, as the model `embedder` makes them, shape (n, d)."""
        return replace(self, vectors=unit(np.asarray(vectors, np.float32)), embedder=embedder)

    def search(self, query: str, k: int, by: By = "bm25", vector: Sequence[float] | None = None) -> list[Hit]:
        """The best passages for a query, best first: at most k, and fewer where fewer have anything to say.

        Raises:
            DataError: `by` needs vectors, and the index or the query has none, or one of another length.
        """
        if by == "bm25":
            scores, above = self.bm25.scores(query), 0.0
        elif by == "vectors":
            scores, above = self._cosines(vector), -np.inf
        else:
            rankings = best(self.bm25.scores(query), _FUSED, 0.0), best(self._cosines(vector), _FUSED)
            scores, above = fused(rankings, len(self)), 0.0
        return [
            Hit(self.ids[place], self.texts[place], float(scores[place])) for place in best(scores, k, above)
        ]

    def _cosines(self, vector: Sequence[float] | None) -> Floats:
        if self.vectors is None or self.embedder is None:
            raise DataError("the index has no vectors: make it with an embedder, or search by bm25")
        if vector is None or len(vector) != self.vectors.shape[1]:
            came = "none" if vector is None else f"one of {len(vector)}"
            raise DataError(
                f"a query needs a vector of {self.vectors.shape[1]} numbers by {self.embedder}; got {came}"
            )
        asked = unit(np.asarray([vector], np.float32))[0]
        return np.asarray(self.vectors @ asked, np.float64)

    @cached_property
    def stored(self) -> Stored:
        """The index as a lever's file; equal passages give equal files."""
        arrays: dict[str, npt.NDArray[Any]] = {
            "ids.bytes": self.ids.bytes,
            "ids.starts": self.ids.starts,
            "texts.bytes": self.texts.bytes,
            "texts.starts": self.texts.starts,
            **self.bm25.arrays,
        }
        if self.vectors is not None:
            arrays["vectors"] = self.vectors
        notes = {"format": FORMAT, "index": json.dumps({"embedder": self.embedder})}
        return Stored.of(packed(arrays, notes))


def index_of(stored: Stored) -> Index:
    """The index in a file, read once.

    Raises:
        DataError: the content is not at hand, is no index, or lacks a part.
    """
    return stored.opened(_index_from)


def _index_from(content: bytes, shown: str) -> Index:
    arrays, notes = unpacked(content, shown)
    if notes.get("format") != FORMAT:
        raise DataError(
            f"{shown}: an index's file must say {FORMAT!r}; got {notes.get('format')!r}: name the documents "
            "themselves, or an index that underdog made"
        )
    try:
        ids, texts = (Texts(arrays[f"{name}.bytes"], arrays[f"{name}.starts"]) for name in ("ids", "texts"))
        bm25 = Bm25.from_arrays(arrays, len(texts))
        embedder = json.loads(notes["index"])["embedder"]
        vectors = arrays.get("vectors")
        if len(ids) != len(texts) or (vectors is not None and len(vectors) != len(texts)):
            raise ValueError("ids, texts and vectors are not equally many")
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DataError(f"{shown}: the index lacks a part ({error}); make it again") from None
    return Index(ids, texts, bm25, vectors, embedder)
