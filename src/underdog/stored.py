"""Stored: something big as a field of a frozen lever: a file that its content hash names.

A plan's JSON says only the name; `plan.py` writes the file beside it and reads it back, and refuses another
content. Two are equal when their contents are. What a file means (a router, an index) is not known here: who
wants to read it hands its reader to `opened`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from underdog.errors import DataError

T = TypeVar("T")


@dataclass(frozen=True)
class Stored:
    """A file by the hash of its content. Without `content` it is a name only, and cannot be opened.

    Attributes:
        digest: the first 32 hex digits of the content's SHA-256.
        suffix: how the file's name ends, with its dot.
    """

    digest: str
    suffix: str = ".safetensors"
    content: bytes | None = field(default=None, compare=False, repr=False)
    _made: dict[Any, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    @classmethod
    def of(cls, content: bytes, suffix: str = ".safetensors") -> Stored:
        """Bytes as a field."""
        return cls(hashlib.sha256(content).hexdigest()[:32], suffix, content)

    @classmethod
    def read(cls, path: Path) -> Stored:
        """The file at a path.

        Raises:
            DataError: it cannot be read.
        """
        try:
            return cls.of(path.read_bytes(), path.suffix)
        except OSError as error:
            raise DataError(
                f"{path}: the file cannot be read ({error.strerror or error}); give its path, or put it "
                "beside the plan that names it"
            ) from None

    @classmethod
    def named(cls, name: str) -> Stored:
        """A file by its name beside a plan, without its content."""
        path = Path(name)
        return cls(path.stem, path.suffix)

    @property
    def name(self) -> str:
        """What the file is called beside a plan."""
        return f"{self.digest}{self.suffix}"

    @property
    def held(self) -> bytes:
        """The content.

        Raises:
            DataError: it is not at hand.
        """
        if self.content is None:
            raise DataError(
                f"the file {self.name} is not at hand: load the plan from the folder that holds it"
            )
        return self.content

    def write(self, folder: Path) -> Path:
        """Write the file into a folder under its name; returns its path.

        Raises:
            DataError: the content is not at hand.
        """
        path = folder / self.name
        path.write_bytes(self.held)
        return path

    def opened(self, reader: Callable[[bytes, str], T]) -> T:
        """What a reader makes of the content and the file's name, made once and kept.

        Raises:
            DataError: the content is not at hand; and what the reader raises.
        """
        if reader not in self._made:
            self._made[reader] = reader(self.held, self.name)
        made: T = self._made[reader]
        return made
