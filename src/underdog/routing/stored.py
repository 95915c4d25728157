"""Something big that was learned, as a field of a frozen lever: a file that its content hash names.

A plan's JSON says only the name; `plan.py` writes the file beside it and reads it back, and refuses another
content. Two are equal when their contents are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from underdog.errors import DataError
from underdog.routing.policy import Policy, digest_of, policy_from

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Stored:
    """A router's file. Without `content` it is a name only, and nothing can be decided with it."""

    digest: str
    content: bytes | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, policy: Policy) -> Stored:
        """A fitted policy as a field."""
        return cls(policy.digest, policy.content)

    @classmethod
    def read(cls, path: Path) -> Stored:
        """The file at a path.

        Raises:
            DataError: it cannot be read, or it is no router's file.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(
                f"{path}: the router's file cannot be read ({error.strerror or error}); it belongs beside "
                "the plan that names it"
            ) from None
        found = cls(digest_of(content), content)
        policy_from(content, str(path))
        return found

    @property
    def name(self) -> str:
        """What the file is called beside a plan."""
        return f"{self.digest}{SUFFIX}"

    def write(self, folder: Path) -> Path:
        """Write the file into a folder under its name; returns its path.

        Raises:
            DataError: the content is not at hand.
        """
        path = folder / self.name
        path.write_bytes(self._held())
        return path

    @cached_property
    def policy(self) -> Policy:
        """The policy in it, unpacked once.

        Raises:
            DataError: the content is not at hand.
        """
        return policy_from(self._held(), self.name)

    def _held(self) -> bytes:
        if self.content is None:
            raise DataError(
                f"the router's file {self.name} is not at hand: load the plan from the folder that holds it"
            )
        return self.content
