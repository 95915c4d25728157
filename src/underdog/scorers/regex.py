"""regex: a pattern is found in the final answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from underdog.errors import StudyError
from underdog.example import Example
from underdog.reading import Reading
from underdog.scorers.scorer import alternatives, wrong_target


@dataclass(frozen=True)
class Regex:
    r"""1 when the pattern matches somewhere in the answer.

    Without `pattern` the target is the pattern. In `pattern`, `{target}` stands for the target as plain
    text: r"^{target}\b" asks that the answer begins with it.
    """

    pattern: str = ""
    ignore_case: bool = False

    name: ClassVar[str] = "regex"

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern.replace("{target}", ""))
        except re.error as error:
            raise StudyError(
                f"score: pattern must be a regular expression; got {self.pattern!r} ({error})"
            ) from None

    @property
    def reading(self) -> Reading:
        return Reading("text")

    def score(self, final: str, example: Example) -> float:
        return float(any(pattern.search(final) for pattern in self.patterns(example)))

    def patterns(self, example: Example) -> list[re.Pattern[str]]:
        """The patterns of which one must match.

        Raises:
            DataError: the target is not a text, or as a pattern does not compile.
        """
        flags = re.IGNORECASE if self.ignore_case else re.NOFLAG
        if self.pattern and "{target}" not in self.pattern:
            return [re.compile(self.pattern, flags)]
        texts = alternatives(example, self.name)
        sources = [self.pattern.replace("{target}", re.escape(t)) for t in texts] if self.pattern else texts
        try:
            return [re.compile(source, flags) for source in sources]
        except re.error as error:
            raise wrong_target(example, self.name, f"a regular expression ({error})") from None

    def gold(self, example: Example) -> str | None:
        self.patterns(example)
        return alternatives(example, self.name)[0] if "{target}" in self.pattern else None
