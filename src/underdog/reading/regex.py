"""regex: the first group of a pattern, or the whole match when it has no group, stripped.

Strict: the pattern as it is, its last match. Lenient: outside thoughts, in any case of letters, and with
`.` also matching line ends. `form` says how an answer is written so that the pattern finds it.
"""

from __future__ import annotations

import re

from underdog.reading.rule import Options, Rule, Said
from underdog.reading.wrapping import unthought


def last(pattern: re.Pattern[str], text: str) -> str | None:
    """The first group of the last match, or all of the match; None when it is empty."""
    found = None
    for match in pattern.finditer(text):
        found = (match.group(1) if pattern.groups else match.group()) or found
    return (found.strip() or None) if found else None


def strict(said: Said, options: Options) -> str | None:
    return last(re.compile(options.pattern), said.text)


def lenient(said: Said, options: Options) -> str | None:
    flags = re.IGNORECASE | re.DOTALL
    found = strict(said, options) or last(re.compile(options.pattern, flags), unthought(said.text))
    return found


def render(final: str, options: Options) -> str:
    return options.form.replace("{}", final) if options.form else final


RULE = Rule(
    strict, lenient, render, takes=frozenset({"pattern", "form", "then"}), needs=frozenset({"pattern"})
)
