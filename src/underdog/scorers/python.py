"""python: a function of the user's own compares the final answer with the example."""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

from underdog.errors import DataError, StudyError
from underdog.example import Example
from underdog.reading import Reading
from underdog.scorers.scorer import text_of


@dataclass(frozen=True)
class Python:
    """`function` is "module:name" or "path/to/file.py:name", called as `name(final, example)`.

    It returns a number in [0, 1] or a truth value; `example.target` is the target and `example.fields` the
    row. It runs in this process with the user's rights: it is the user's own code, never a plan's.
    Relative paths start at `base`, the folder of the study file.
    """

    function: str
    base: str = field(default=".", compare=False)

    name: ClassVar[str] = "python"

    @property
    def reading(self) -> Reading:
        return Reading("text")

    def score(self, final: str, example: Example) -> float:
        """The function's value.

        Raises:
            DataError: the function raised, or returned what is no number in [0, 1].
        """
        function = loaded(self.function, self.base)
        where = f"{example.place()}: the scorer {self.function} failed on the answer {final[:80]!r}"
        value = attempt(where, lambda: function(final, example))
        number = float(value) if isinstance(value, int | float) else math.nan
        if not 0 <= number <= 1:
            raise DataError(
                f"{example.place()}: the scorer {self.function} must return a number from 0 to 1; "
                f"got {value!r} on the answer {final[:80]!r}"
            )
        return number

    def gold(self, example: Example) -> str | None:
        loaded(self.function, self.base)
        return None if example.target is None else text_of(example.target)


@lru_cache(maxsize=32)
def loaded(function: str, base: str) -> Callable[[str, Example], Any]:
    """The function behind its name.

    Raises:
        StudyError: no such module, file or function, or its module does not import.
    """
    place, _, name = function.rpartition(":")
    if not place or not name.isidentifier():
        raise StudyError(f'score: function must be "module:name" or "path/to/file.py:name"; got {function!r}')
    module = attempt(
        f"score: {place} of {function!r} could not be imported",
        lambda: from_file(Path(base, place)) if place.endswith(".py") else importlib.import_module(place),
    )
    found = getattr(module, name, None)
    if not callable(found):
        raise StudyError(f"score: {place} has no function {name!r}; define {name}(final, example) there")
    return found  # type: ignore[no-any-return]


def attempt(what: str, run: Callable[[], Any]) -> Any:
    """The value of the user's code; whatever it raises becomes one sentence."""
    try:
        return run()
    except Exception as error:  # not our code: it may raise anything
        raise DataError(f"{what} ({type(error).__name__}: {error})") from error


def from_file(path: Path) -> Any:
    """The module that a file holds."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
