"""Collections: what stands behind `documents:` in a study file, read, cut and indexed into a lever's file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from underdog.errors import StudyError
from underdog.reading import near
from underdog.retrieval.chunking import Chunking
from underdog.retrieval.documents import documents_from
from underdog.retrieval.index import Index, index_of
from underdog.stored import Stored

KEYS: Mapping[str, type] = {"path": str, "text": str, "id": str, "by": str, "size": int, "overlap": int}


def collected(wanted: str | Path | Mapping[str, Any], base: Path | None = None) -> Stored:
    """Documents as an index, or an index that was made before (a .safetensors file).

    `wanted` is a path, or a mapping of `path` with the columns of a table (`text`, `id`) and how documents
    are cut (`by`, `size`, `overlap`); relative paths start at `base`.

    Raises:
        StudyError: an unknown key, or a value that cannot be.
        DataError: no documents there, a broken one, or a file that is no index.
    """
    if not isinstance(wanted, str | Path | Mapping):
        raise StudyError(f"documents: must be a path, or a mapping with `path`; got {wanted!r:.60}")
    described = dict(wanted) if isinstance(wanted, Mapping) else {"path": str(wanted)}
    _check(described)
    path = (base or Path()) / described.pop("path")
    if path.suffix == ".safetensors":
        if described:
            raise StudyError(f"documents: {path.name} is an index already: leave {min(described)!r} out")
        stored = Stored.read(path)
        index_of(stored)
        return stored
    columns = {key: described.pop(key) for key in ("text", "id") if key in described}
    chunking = Chunking(**described)
    return Index.of(list(chunking.chunks(documents_from(path, **columns)))).stored


def _check(described: Mapping[str, Any]) -> None:
    """Raises StudyError unless every key is known, its value of the right kind, and a path among them."""
    for key, value in described.items():
        if key not in KEYS:
            raise StudyError(
                f"documents: unknown key {key!r} (known: {', '.join(KEYS)}){near(str(key), KEYS)}"
            )
        if not isinstance(value, KEYS[key]) or isinstance(value, bool):
            kind = "a text" if KEYS[key] is str else "a whole number"
            raise StudyError(f"documents: {key} must be {kind}; got {value!r}")
    if "path" not in described:
        raise StudyError("documents: needs `path`: a folder of texts, a table or an index")
