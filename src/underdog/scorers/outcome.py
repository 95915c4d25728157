"""How a trial ended, from what came back and its score. Not a scorer; what every study maps with."""

from __future__ import annotations

from underdog.answerer import Answer, Failure
from underdog.trial import Outcome


def outcome_of(result: Answer | Failure, score: float | None, threshold: float = 1.0) -> Outcome:
    """The Outcome of an answer: RIGHT when its score reaches the threshold (rounding of floats apart).

    A failure has FAILED, and so has an answer that was read but could not be scored. An answer that could
    not be read was REFUSED when the model or its filter refused, CUT_OFF when it ran out of tokens, and
    is UNREAD otherwise; a model that refuses and yet gives an answer is judged by the answer.
    """
    if isinstance(result, Failure):
        return Outcome.FAILED
    if result.final is None:
        if result.refusal or result.finish == "content_filter":
            return Outcome.REFUSED
        return Outcome.CUT_OFF if result.finish == "length" else Outcome.UNREAD
    if score is None:
        return Outcome.FAILED
    return Outcome.RIGHT if score >= threshold - 1e-9 else Outcome.WRONG
