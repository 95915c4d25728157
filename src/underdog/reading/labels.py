"""labels: some of the labels, as a canonical JSON list in the order of the label list, each once.

Strict: the text is a JSON list of labels, or labels between commas or line ends; "[]" and "none" are the
empty list. Lenient: every label that the text contains as whole words after its last marker, or anywhere.
"""

from __future__ import annotations

import re

from underdog.reading.json_text import MISSING, dump, embedded, parse
from underdog.reading.label import by_fold, contained
from underdog.reading.rule import Options, Rule, Said, plainly
from underdog.reading.wrapping import folded, unthought

SEPARATOR = re.compile(r"[,;\n]")


def ordered(found: list[str], options: Options) -> str | None:
    return dump([label for label in options.labels if label in found])


def split(text: str) -> list[str]:
    return [part.strip() for part in SEPARATOR.split(text)]


def strict(said: Said, options: Options) -> str | None:
    text = said.text.strip()
    if not text:
        return None
    if text.casefold() == "none" and "none" not in map(str.casefold, options.labels):
        return "[]"
    value = parse(text)
    parts = value if isinstance(value, list) else split(text) if value is MISSING else [text]
    known = all(isinstance(part, str) and part in options.labels for part in parts)
    return ordered(parts, options) if known else None


def lenient(said: Said, options: Options) -> str | None:
    text = unthought(said.text)
    exact = strict(Said(text), options)
    if exact is not None:
        return exact
    forms = by_fold(options.labels)
    for value in reversed(embedded(text, "[")):
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            named = [forms.get(folded(part)) for part in value]
            if all(named):
                return ordered([label for label in named if label], options)
    found = contained(text, options.labels)
    return ordered(found, options) if found else None


RULE = Rule(strict, lenient, plainly, takes=frozenset({"labels"}), needs=frozenset({"labels"}))
