"""choice: one letter of a multiple-choice question, in upper case.

Strict: the last line is the letter, alone ("B", "(B)", "B.") or after a marker ("Answer: B"). Lenient: the
letter that the last marker or box announces, also with its text ("B) Paris"), or the only letter that
stands alone or in brackets anywhere. Letters are A to J unless `labels` lists others.
"""

from __future__ import annotations

import re
from functools import lru_cache

from underdog.reading.rule import Options, Rule, Said, plainly
from underdog.reading.wrapping import announced, last_line, stated, unthought

LETTERS = tuple("ABCDEFGHIJ")


@lru_cache(maxsize=64)
def patterns(labels: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Alone; at the start, followed by its text; in brackets; standing alone in a text."""
    one = "|".join(re.escape(label) for label in sorted(labels or LETTERS, key=len, reverse=True))
    return (
        re.compile(rf"[(\[]?\s*({one})\s*[)\]]?[.:,]?", re.IGNORECASE),
        re.compile(rf"(?:option|choice)?\s*[(\[]?({one})(?:[)\].:,]|\s*$|\s+[-–—]\s)", re.IGNORECASE),
        re.compile(rf"[(\[]({one})[)\]]"),
        re.compile(rf"(?<![\w'’])({one})(?![\w'’])"),
    )


def strict(said: Said, options: Options) -> str | None:
    answer = stated(said.text)
    match = patterns(options.labels)[0].fullmatch(answer) if answer else None
    return match[1].upper() if match else None


def lenient(said: Said, options: Options) -> str | None:
    text = unthought(said.text)
    alone, leading, bracketed, standing = patterns(options.labels)
    for answer in (announced(text), stated(text)):
        match = answer and (alone.fullmatch(answer) or leading.match(answer))
        if match:
            return str(match[1]).upper()
    for pattern, place in ((bracketed, text), (standing, last_line(text)), (standing, text)):
        found = {letter.upper() for letter in pattern.findall(place) if letter != "I" or pattern is bracketed}
        if len(found) == 1:
            return str(found.pop())
    return None


RULE = Rule(strict, lenient, plainly, takes=frozenset({"labels"}))
