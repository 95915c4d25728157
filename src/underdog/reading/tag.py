"""tag: what stands between <answer> and </answer> (or another tag), stripped.

Strict: the last closed pair of tags. Lenient: also in another case, never closed, or with no tag at all:
then what the last marker or box announces, or else the last line.
"""

from __future__ import annotations

import re
from functools import lru_cache

from underdog.reading.rule import Options, Rule, Said
from underdog.reading.wrapping import announced, bare, last_line, unthought


@lru_cache(maxsize=64)
def pattern(tag: str, closed: bool) -> re.Pattern[str]:
    """What stands inside a tag, innermost; unless `closed`, in any case and up to the end of the text."""
    name = re.escape(tag)
    if closed:
        return re.compile(rf"<{name}>((?:(?!<{name}>).)*?)</{name}>", re.DOTALL)
    return re.compile(
        rf"<\s*{name}\s*>((?:(?!<\s*{name}\s*>).)*?)(?:<\s*/\s*{name}\s*>|\Z)", re.DOTALL | re.IGNORECASE
    )


def strict(said: Said, options: Options) -> str | None:
    found = pattern(options.tag, True).findall(said.text) if f"<{options.tag}>" in said.text else []
    return (found[-1].strip() or None) if found else None


def lenient(said: Said, options: Options) -> str | None:
    text = unthought(said.text)
    found = [inside.strip() for inside in pattern(options.tag, False).findall(text)]
    if any(found):
        return str([inside for inside in found if inside][-1])
    return announced(text) or bare(last_line(text)) or None


def render(final: str, options: Options) -> str:
    return f"<{options.tag}>{final}</{options.tag}>"


RULE = Rule(strict, lenient, render, takes=frozenset({"tag", "then"}))
