"""A program of the user's as a field of a lever: which function, and the content of its file. No lever.

A plan names both, so an edited program is another act and another plan. Nothing is imported or run here:
`acts/code.py` does that, in a process of its own and with the user's consent.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path

from underdog.errors import StudyError

OURS = "underdog.tiny.worlds."
"""Where the embedded worlds' own checkers and parsers are; they need no consent."""


@dataclass(frozen=True)
class Program:
    """`name` is "path/to/file.py:function" or "package.module:function"; `digest` that of the file's bytes.

    Only the file itself is hashed: what it imports is the user's to keep still.
    """

    name: str
    digest: str

    @classmethod
    def read(cls, name: str, base: Path | None = None) -> Program:
        """The program of that name as it is now; relative paths and modules start at `base`.

        Raises:
            StudyError: the name is none of a program, or no such file or module is there.
        """
        return cls(name, digest_of(cls(name, "").file(base).read_bytes()))

    @property
    def place(self) -> str:
        """The file or module, without the function."""
        return self.name.rpartition(":")[0]

    @property
    def function(self) -> str:
        """The function's name."""
        return self.name.rpartition(":")[2]

    @property
    def in_file(self) -> bool:
        """Whether it is named by its file and not by its module."""
        return self.place.endswith(".py")

    @property
    def ours(self) -> bool:
        """Whether it comes with underdog."""
        return self.place.startswith(OURS)

    def file(self, base: Path | None = None) -> Path:
        """The file that holds it, found without importing anything.

        Raises:
            StudyError: the name is none of a program, or no such file or module is there.
        """
        base = base or Path()
        if not self.place or not self.function.isidentifier():
            raise StudyError(
                'a program must be named "path/to/file.py:function" or "package.module:function"; '
                f"got {self.name!r}"
            )
        found = base / self.place if self.in_file else _module_file(self.place, base)
        if found is None or not found.is_file():
            kind = "file" if self.in_file else "module"
            raise StudyError(f"the program {self.name!r}: there is no {kind} {self.place} (seen from {base})")
        return found.resolve()


def digest_of(content: bytes) -> str:
    """Content hash of a program's file."""
    return hashlib.sha256(content).hexdigest()[:32]


def _module_file(name: str, base: Path) -> Path | None:
    """The file of a module; unlike importlib's `find_spec` this runs no package on the way."""
    paths: list[str] | None = [str(base.resolve()), *sys.path]
    origin = None
    for part in name.split("."):
        spec = PathFinder.find_spec(part, paths) if paths is not None else None
        if spec is None:
            return None
        origin = spec.origin
        paths = None if spec.submodule_search_locations is None else list(spec.submodule_search_locations)
    return Path(origin) if origin else None
