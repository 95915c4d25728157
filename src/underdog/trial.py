"""What was measured: Spend, Outcome, Call and Trial.

A Call is one model call or act and is never paid for twice; a Trial is one (answerer, example, repeat) and
points at the calls it was made of. Both are plain values; `store.py` keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Spend:
    """What calls cost. Dollars are None when any part has no known price: undefined is not zero.

    `tokens_in` counts the whole prompt, `tokens_cached` the part of it that the provider read from its
    cache, `tokens_out` everything generated, `tokens_reasoning` the part of it that was hidden reasoning.
    `seconds` is summed engine time, not wall time; `flops` is 2 x parameters x tokens for local models.
    """

    calls: int = 0
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    tokens_reasoning: int = 0
    tokens_image: int = 0
    dollars: float | None = 0.0
    seconds: float = 0.0
    flops: float = 0.0

    def __add__(self, other: Spend) -> Spend:
        dollars = None if self.dollars is None or other.dollars is None else self.dollars + other.dollars
        return Spend(
            self.calls + other.calls,
            self.tokens_in + other.tokens_in,
            self.tokens_cached + other.tokens_cached,
            self.tokens_out + other.tokens_out,
            self.tokens_reasoning + other.tokens_reasoning,
            self.tokens_image + other.tokens_image,
            dollars,
            self.seconds + other.seconds,
            self.flops + other.flops,
        )

    @property
    def tokens(self) -> int:
        """Tokens read and written, reasoning included."""
        return self.tokens_in + self.tokens_out


class Outcome(StrEnum):
    """How a trial ended. Only RIGHT, WRONG, UNREAD, CUT_OFF and REFUSED carry a score."""

    RIGHT = "right"
    WRONG = "wrong"
    UNREAD = "unread"
    CUT_OFF = "cut_off"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Call:
    """One model call or act as it is stored.

    `key` is the content hash of (fingerprint, request, draw); `request` and `result` are JSON texts;
    `failed` says that `result` is a Failure (failures are recorded, and asked again on resume).
    """

    key: str
    model: str
    fingerprint: str
    request: str
    draw: str
    result: str
    failed: bool
    spend: Spend
    started: float
    versions: str = "{}"


@dataclass(frozen=True, slots=True)
class Trial:
    """One (answerer, example, repeat): what it answered, how that scored, and what all of it cost.

    `score` lies in [0, 1] and is None when the trial FAILED: a model outage is not a wrong answer.
    `calls` holds the keys of every inner call, in the order in which the lever made them.
    """

    answerer: str
    example: str
    repeat: int
    outcome: Outcome
    score: float | None
    final: str | None
    confidence: float | None
    spend: Spend
    calls: tuple[str, ...] = ()
    note: str = ""
