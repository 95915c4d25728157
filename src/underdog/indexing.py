"""The work behind `underdog index`: documents into an index's file, with vectors where a model is named."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underdog.embedding import embedded
from underdog.report.page import notes
from underdog.retrieval.collection import collected
from underdog.retrieval.index import Index, index_of

if TYPE_CHECKING:
    from rich.console import Console

_RUN = "index"


@dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line; `documents` as they would stand in a study file."""

    documents: Mapping[str, Any]
    save: Path
    embedder: str | None
    store: Path


def make_index(wanted: Wanted, console: Console) -> Index:
    """Read, cut, index and embed the documents, write the file and say what is in it.

    Raises:
        StudyError, DataError: the documents cannot be had, or the embedder failed.
        ConfigError: the embedder cannot be bound.
    """
    index = index_of(collected(wanted.documents))
    if wanted.embedder is not None:
        texts = [index.texts[place] for place in range(len(index))]
        vectors = asyncio.run(embedded(texts, wanted.embedder, wanted.store, _RUN))
        index = index.embedded(vectors, wanted.embedder)
    wanted.save.parent.mkdir(parents=True, exist_ok=True)
    wanted.save.write_bytes(index.stored.held)
    by = "words alone" if index.embedder is None else f"words, and by vectors of {index.embedder}"
    console.print(
        notes(
            [
                ("passages", f"{len(index):,}, found by {by}"),
                ("saved", f"{wanted.save}: use it in a study file as a lever's `documents`"),
            ]
        )
    )
    return index
