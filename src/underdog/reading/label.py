"""label: one of the labels, as it is written in the list.

Strict: the text is the label. Lenient: it is after a marker, in quotes, in bold or on the last line, in
another case or with other separators (`card arrival` for `card_arrival`), or the only label that the text
contains as whole words; a label inside a longer label that was found does not count.
"""

from __future__ import annotations

import re
from functools import lru_cache

from underdog.reading.rule import Options, Rule, Said, plainly
from underdog.reading.wrapping import announced, folded, last_line, stated, unthought


def strict(said: Said, options: Options) -> str | None:
    text = said.text.strip()
    return text if text in options.labels else None


@lru_cache(maxsize=64)
def by_fold(labels: tuple[str, ...]) -> dict[str, str]:
    """Folded form -> label; two labels with one folded form are told apart by strict reading only."""
    forms: dict[str, str] = {}
    twice = set()
    for label in labels:
        form = folded(label)
        if form in forms:
            twice.add(form)
        forms[form] = label
    return {form: label for form, label in forms.items() if form and form not in twice}


@lru_cache(maxsize=64)
def any_label(labels: tuple[str, ...]) -> re.Pattern[str]:
    """A pattern for any of the labels as whole words; of two at one place the longer."""
    forms = sorted(by_fold(labels), key=len, reverse=True)
    return re.compile(rf"(?<!\w)({'|'.join(map(re.escape, forms)) or '(?!)'})(?!\w)")


def contained(text: str, labels: tuple[str, ...]) -> list[str]:
    """The distinct labels that a text contains as whole words, in order; the longest wins at each place."""
    words = re.sub(r"[\s_\-]+", " ", text).casefold()
    forms = by_fold(labels)
    return list(dict.fromkeys(forms[form] for form in any_label(labels).findall(words)))


def lenient(said: Said, options: Options) -> str | None:
    text = unthought(said.text)
    exact = strict(said, options)
    if exact is not None:
        return exact
    forms = by_fold(options.labels)
    places = (text, announced(text), stated(text), last_line(text), text.strip().partition("\n")[0])
    for place in places:
        if place and folded(place) in forms:
            return forms[folded(place)]
    for place in (announced(text), text):
        found = contained(place, options.labels) if place else []
        if len(found) == 1:
            return found[0]
    return None


RULE = Rule(strict, lenient, plainly, takes=frozenset({"labels"}), needs=frozenset({"labels"}))
