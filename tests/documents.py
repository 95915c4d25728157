"""Markdown files of the project: their fenced blocks and their links, for the tests that run them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
)
_FENCE = re.compile(r"^```(\w*)(?: +(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: ```kind name, and its text. `where` is for messages."""

    kind: str
    name: str
    text: str
    where: str

    def commands(self) -> Iterator[str]:
        """The lines of a shell block without their comments."""
        for line in self.text.splitlines():
            command = line.partition("#")[0].strip()
            if command:
                yield command


def blocks(page: Path, *kinds: str) -> list[Block]:
    """The blocks of these kinds on a page, in their order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(match[1], match[2] or "", match[3], f"{page.name}:{text.count(chr(10), 0, match.start()) + 1}")
        for match in _FENCE.finditer(text)
        if not kinds or match[1] in kinds
    ]


def links(page: Path) -> list[str]:
    """What a page's links point to, outside its blocks."""
    return _LINK.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
