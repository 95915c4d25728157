"""Documents in chunks small enough to put before a question: whole paragraphs or sentences where they fit.

A chunk is a stretch of its document, and its id says which: `guide.md[120:480]` are the characters 120 to 480
of guide.md. Nothing is rewritten, so a citation can be checked against the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from underdog.errors import StudyError
from underdog.retrieval.documents import Document
from underdog.retrieval.terms import terms

Unit: TypeAlias = Literal["paragraph", "sentence", "word"]
Span: TypeAlias = tuple[int, int]

# Ends of units: a blank line; a stop with white space after it, or one of scripts that write none.
_ENDS: dict[Unit, re.Pattern[str]] = {
    "paragraph": re.compile(r"\n[^\S\n]*\n\s*"),
    "sentence": re.compile(
        r"(?<=[.!?…])\s+|(?<=[.!?…][\"'”’)\]])\s+|(?<=[。！？｡।])(?![」』”’])|(?<=[。！？｡][」』”’])|\n+"
    ),
    "word": re.compile(r"\s+"),
}
_FINER: dict[Unit, Unit] = {"paragraph": "sentence", "sentence": "word"}


@dataclass(frozen=True)
class Chunking:
    """How documents are cut.

    Attributes:
        by: what is kept whole where it fits; a longer paragraph is cut into sentences, a longer sentence
            into words.
        size: the most words that a chunk has (a single sign of a script without spaces counts as one).
        overlap: so many words at most, in whole units, are repeated at the beginning of the next chunk.

    Raises:
        StudyError: a unit that there is not, or an overlap that leaves no room for anything new.
    """

    by: Unit = "paragraph"
    size: int = 160
    overlap: int = 0

    def __post_init__(self) -> None:
        if self.by not in get_args(Unit):
            raise StudyError(f"documents: by must be one of {', '.join(get_args(Unit))}; got {self.by!r}")
        if not 0 <= self.overlap < self.size:
            raise StudyError(
                "documents: overlap must be at least 0 and less than size; "
                f"got overlap {self.overlap} and size {self.size}"
            )

    def chunks(self, documents: Iterable[Document]) -> Iterator[tuple[str, str]]:
        """The id and the text of every chunk, in the order of the documents."""
        for name, text in documents:
            for start, end in self.spans(text):
                yield f"{name}[{start}:{end}]", text[start:end]

    def spans(self, text: str) -> list[Span]:
        """Where the chunks of one text lie; together they hold every word of it, in order."""
        found: list[Span] = []
        held: list[tuple[Span, int]] = []
        for span, words in self._sized(text, (0, len(text)), self.by):
            if held and sum(count for _, count in held) + words > self.size:
                found.append(_whole(held))
                held = self._repeated(held, words)
            held.append((span, words))
        return [*found, _whole(held)] if held else found

    def _sized(self, text: str, within: Span, by: Unit) -> Iterator[tuple[Span, int]]:
        """Units of a stretch with their numbers of words; what is too long is cut finer."""
        for span in _units(text, within, by):
            words = len(terms(text[slice(*span)]))
            if words > self.size and by in _FINER:
                yield from self._sized(text, span, _FINER[by])
            elif words > self.size:
                yield from self._cut(text, span)
            else:
                yield span, words

    def _cut(self, text: str, span: Span) -> Iterator[tuple[Span, int]]:
        """A stretch without white space that is still too long (a script that writes none), by characters."""
        for start in range(*span, self.size):
            end = min(start + self.size, span[1])
            yield (start, end), len(terms(text[start:end]))

    def _repeated(self, held: list[tuple[Span, int]], words: int) -> list[tuple[Span, int]]:
        """The last units that the next chunk begins with: at most `overlap` words, and room for the next."""
        room, kept = min(self.overlap, self.size - words), len(held)
        while kept > 0 and held[kept - 1][1] <= room:
            kept -= 1
            room -= held[kept][1]
        return held[max(kept, 1) :]


def _whole(held: list[tuple[Span, int]]) -> Span:
    return held[0][0][0], held[-1][0][1]


def _units(text: str, within: Span, by: Unit) -> Iterator[Span]:
    """The units of a stretch, without the white space between them."""
    start, last = within
    while start < last:
        end = _ENDS[by].search(text, start + 1, last)
        stop = end.start() if end else last
        piece = text[start:stop]
        if stripped := piece.strip():
            first = start + piece.index(stripped)
            yield first, first + len(stripped)
        start = end.end() if end and end.end() > start else stop
