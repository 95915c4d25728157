"""first_line: the first line of the text.

Strict: the text has one line. Lenient: the first line that is not blank, outside thoughts and code fences.
"""

from __future__ import annotations

from underdog.reading.rule import Options, Rule, Said, plainly
from underdog.reading.wrapping import unthought


def strict(said: Said, options: Options) -> str | None:
    lines = said.text.strip().splitlines()
    return lines[0].strip() or None if len(lines) == 1 else None


def lenient(said: Said, options: Options) -> str | None:
    lines = (line.strip() for line in unthought(said.text).splitlines())
    return next((line for line in lines if line and not line.startswith("```")), None)


RULE = Rule(strict, lenient, plainly, takes=frozenset({"then"}))
