"""text: the whole text, stripped.

Strict: as it came. Lenient: without thoughts, and without the one code fence, quotes or bold around it.
"""

from __future__ import annotations

from underdog.reading.rule import Options, Rule, Said, plainly
from underdog.reading.wrapping import FENCE, bare, unthought


def strict(said: Said, options: Options) -> str | None:
    return said.text.strip() or None


def lenient(said: Said, options: Options) -> str | None:
    text = unthought(said.text).strip()
    fence = FENCE.fullmatch(text)
    return bare(fence.group(1) if fence else text) or None


RULE = Rule(strict, lenient, plainly)
