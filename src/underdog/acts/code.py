"""Code of the user's: who may run, where it lies, and the processes that run it.

A program runs only where the user said so (`--allow-code`, `Settings.allow_code`), the checkers of the
embedded worlds excepted; and only while its file has the content that the lever names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from underdog.acts.pool import Limits, Pool
from underdog.answerer import Failure
from underdog.errors import StudyError
from underdog.levers.program import Program, digest_of


class Code:
    """The programs that may run, in a pool of processes.

    Args:
        base: where relative files and modules start: the folder of the study file.
        allowed: whether the user agreed to run code that is not underdog's.
        limits: what one job may take.
    """

    def __init__(self, base: Path, allowed: bool, limits: Limits | None = None) -> None:
        self._base, self._allowed = base, allowed
        self._pool = Pool(limits)

    async def run(self, do: str, program: Program, arguments: Mapping[str, Any]) -> Any:
        """What the program's function came to, a JSON value, or a Failure.

        Raises:
            StudyError: nobody agreed to run it, or it is not there.
        """
        admit([program], self._base, self._allowed)
        file = program.file(self._base)
        job = {
            "do": do,
            "place": str(file) if program.in_file else program.place,
            "function": program.function,
            "digest": program.digest,
            "arguments": arguments,
        }
        value = await self._pool.run(job)
        if isinstance(value, Failure):
            return Failure(value.kind, f"{program.name}: {value.message}")
        return value

    async def close(self) -> None:
        """End the processes."""
        await self._pool.close()


def admit(programs: Iterable[Program], base: Path, allowed: bool) -> None:
    """Say no before anything runs: to code that nobody agreed to, and to other code than was named.

    Raises:
        StudyError: the user has not agreed, or a file is missing or another than the one named.
    """
    programs = list(programs)
    theirs = list(dict.fromkeys(one.name for one in programs if not one.ours))
    if theirs and not allowed:
        raise StudyError(
            f"this would run code of yours, {' and '.join(theirs)} (seen from {base}), in a process with "
            "limits; read it, then agree with --allow-code (in Python: allow_code=True)"
        )
    for program in programs:
        file = program.file(base)
        if digest_of(file.read_bytes()) != program.digest:
            raise StudyError(
                f"the program {program.name!r} is not the one that was named: {file} has changed since; "
                "run the study again, or put the file back"
            )
