"""Documents: texts with an id, out of a folder of .txt and .md files, one such file, or a table's rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from underdog.data import load_rows
from underdog.data.template import maker
from underdog.errors import DataError

PLAIN = (".txt", ".md")
"""How files end that are one document each."""


class Document(NamedTuple):
    """One text. `id` is what a citation names: a path in its folder, a row's id, or a row's place."""

    id: str
    text: str


def documents_from(path: Path, text: str = "text", id: str | None = None) -> list[Document]:
    """The documents at a path; those without a word are left out.

    Args:
        path: a folder (its .txt and .md files, however deep), one such file, or a table (JSONL, JSON, CSV,
            Parquet) of which every row is a document.
        text: a table's column with the text, or a template of columns.
        id: a table's column with the id; None: the row's place, "notes.jsonl:17".

    Raises:
        DataError: nothing there, no document with a word in it, a broken row, or two documents of one id.
        StudyError: a file whose format is not known.
    """
    if not path.exists():
        raise DataError(
            f"documents: {path} does not exist (looked in {path.parent.resolve()}); name a folder of "
            f"{' and '.join(PLAIN)} files, or a table of texts"
        )
    read = _plain(path) if path.is_dir() or path.suffix.lower() in PLAIN else _rows(path, text, id)
    found: dict[str, Document] = {}
    for document in read:
        if document.id in found:
            raise DataError(f"documents: ids must differ; {document.id!r} stands twice in {path}")
        if document.text.strip():
            found[document.id] = document
    if not found:
        kinds = f"no {' or '.join(PLAIN)} file with text in it" if path.is_dir() else "no text in it"
        raise DataError(f"documents: {path} must hold at least one document; there is {kinds}")
    return list(found.values())


def _plain(path: Path) -> Iterator[Document]:
    """Files that are one document each, in the order of their names."""
    base = path if path.is_dir() else path.parent
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        if not file.is_file() or file.suffix.lower() not in PLAIN:
            continue
        name = file.relative_to(base).as_posix()
        try:
            yield Document(name, file.read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError as error:
            raise DataError(
                f"{name}: the text must be UTF-8; byte {error.start + 1} is "
                f"{error.object[error.start]:#04x}: save it as UTF-8"
            ) from None
        except OSError as error:
            raise DataError(f"{name}: cannot be read ({error.strerror or error})") from None


def _rows(path: Path, text: str, id: str | None) -> Iterator[Document]:
    worded = maker("text", text)
    named = None if id is None else maker("id", id)
    for row in load_rows(path.name, path.parent):
        content = worded(row)
        if not isinstance(content, str):
            raise DataError(f"{row.where}: a document must be a text; got {content!r:.60}")
        yield Document(row.where if named is None else str(named(row)), content)
