"""Searching an index: the function behind the tool `search`. It asks no model; a query brings its vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from underdog.retrieval.index import By, index_of
from underdog.stored import Stored


def search(
    query: str, k: int, file: Stored, by: By = "bm25", vector: Sequence[float] | None = None
) -> list[dict[str, Any]]:
    """The best passages of an index, best first, each as {"id", "text", "score"}.

    Raises:
        DataError: the file is no index, or `by` asks for vectors that are not there.
    """
    return [asdict(hit) for hit in index_of(file).search(query, k, by, vector)]
