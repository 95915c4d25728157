"""What can be seen of a question and of the answers given so far: the numbers that accept scores weigh.

Plain Python on plain values, so that a lever sees while it serves what `accept.py` saw in a table when the
score was fitted. Nothing here knows what is right.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log1p
from typing import TypeAlias

Signals: TypeAlias = Mapping[str, float | None]

_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(r"[-+]?\d[\d,]*(\.\d+)?")

QUESTION = ("asked chars", "asked lines", "asked numbers", "asked code", "asked formulas")
FINAL = (
    *("final chars", "final number", "final integer", "final size", "final negative"),
    *("final markup", "final nested", "final word"),
)


@dataclass(frozen=True, slots=True)
class Said:
    """What one member answered: final answer (None: unread), tokens written and confidence, where known."""

    final: str | None
    written: float | None = None
    confidence: float | None = None


def question_signals(text: str) -> tuple[float, ...]:
    """In the order of QUESTION: how long, how many numbers, and whether it holds code or formulas."""
    return (
        log1p(len(text)),
        log1p(text.count("\n")),
        log1p(len(_DIGITS.findall(text))),
        float("```" in text or "def " in text),
        float("\\" in text or "$" in text),
    )


def final_signals(final: str | None) -> tuple[float, ...]:
    """In the order of FINAL: length and form of a final answer; zeros for one that could not be read."""
    if final is None:
        return (0.0,) * len(FINAL)
    text = final.strip()
    number = _NUMBER.fullmatch(text)
    size = abs(float(text.replace(",", ""))) if number else 0.0
    return (
        log1p(len(text)),
        float(number is not None),
        float(number is not None and number.group(1) is None),
        log1p(size),
        float(text.startswith("-")),
        float("\\" in text),
        float(any(mark in text for mark in "[{(\"'")),
        float(text.isalpha()),
    )


def proposed(finals: Sequence[str | None], trust: Sequence[int]) -> int | None:
    """Whose answer stands when these have answered: the most frequent one, ties to the most trusted member.

    `trust` names the members from the most to the least trusted; None when nothing could be read.
    """
    votes = Counter(final for final in finals if final is not None)
    readable = [place for place in trust if place < len(finals) and finals[place] is not None]
    if not readable:
        return None
    most = max(votes.values())
    return next(place for place in readable if votes[finals[place] or ""] == most)


def signals(question: str, said: Mapping[int, Said], chosen: int) -> dict[str, float | None]:
    """Every signal by its name, of the answer of member `chosen` after these members have answered.

    `said` is keyed by the members' places, which their own signals carry: "written 1". Unknown ones are None.
    """
    found: dict[str, float | None] = dict(zip(QUESTION, question_signals(question), strict=True))
    found |= zip(FINAL, final_signals(said[chosen].final), strict=True)
    final = said[chosen].final
    agreeing = {place: float(one.final is not None and one.final == final) for place, one in said.items()}
    found["agreeing"] = sum(agreeing.values()) / len(said)
    for place, one in said.items():
        found[f"agrees {place}"] = agreeing[place]
        found[f"read {place}"] = float(one.final is not None)
        found[f"written {place}"] = None if one.written is None else log1p(one.written)
        found[f"confidence {place}"] = one.confidence
    return found
