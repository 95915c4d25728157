"""Cascade: keep the small answer when it is confident enough, otherwise ask the large model."""

from __future__ import annotations

from dataclasses import dataclass

from underdog.answerer import Answerer, Ask, Request, Steps, ask


@dataclass(frozen=True)
class Cascade:
    """Two rungs and a threshold on the small answer's `confidence`.

    Put the signal inside `small`: Vote gives agreement, Confident gives log-probability or the model's own
    word. An answer that could not be read, or has no confidence, is handed over. A threshold left None is
    fitted by the study on tune and certified on its own split; unfitted, the lever always hands over.
    """

    small: Answerer
    large: Answerer
    threshold: float | None = None

    def steps(self, request: Request) -> Steps:
        first = yield from ask(self.small, request)
        limit = self.threshold
        sure = limit is not None and first.confidence is not None and first.confidence >= limit
        if sure and first.final is not None:
            return first
        return Ask(self.large, request)
