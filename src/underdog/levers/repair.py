"""Repair: what a verifier finds wrong goes back to the model, which tries again.

Pays where the verifier knows something that the model does not, such as an error message; a model that only
looks at its own answer again mostly makes it worse (arXiv 2310.01798).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from underdog.answerer import Answer, Answerer, Failure, Request, Steps, ask, try_ask
from underdog.levers.candidate import said, shown, worded

UNREAD = "Your answer could not be read. Answer again, in the form that was asked for."
WRONG = "That is not right. Answer again."


@dataclass(frozen=True)
class Repair:
    """At most `most` repairs of an answer that the verifier scores below `enough`; the best attempt is kept.

    The verifier's text goes back as the user's turn. An answer that could not be read is not shown to the
    verifier but sent back with `unread` (empty: the verifier judges it too). Of attempts with the same score
    the last is kept; one that could not be read is the worst, and so is one without a verdict. The confidence
    is the verifier's. Repairs end with a verifier that has nothing to say, a model that says the same again,
    and a model that fails. A verifier that fails is the failure of this lever.
    """

    inner: Answerer
    verifier: Answerer
    most: int = 2
    enough: float = 1.0
    unread: str = UNREAD

    def steps(self, request: Request) -> Steps:
        best = yield from ask(self.inner, request)
        attempt, asked, texts = best, request, {best.text}
        best_score = -1.0
        for left in reversed(range(self.most + 1)):
            score, complaint = -1.0, self.unread
            if attempt.final is not None or not self.unread:
                verdict = yield from ask(self.verifier, shown(request, attempt))
                attempt = replace(attempt, confidence=verdict.confidence)
                score = -1.0 if verdict.confidence is None else verdict.confidence
                complaint = verdict.text or ("" if verdict.confidence is None else WRONG)
            if score >= best_score:
                best, best_score = attempt, score
            if score >= self.enough or not left or not complaint:
                break
            turns = (worded(said(attempt)), {"role": "user", "content": complaint})
            asked = replace(asked, messages=(*asked.messages, *turns))
            again: Answer | Failure = yield from try_ask(self.inner, asked)
            if isinstance(again, Failure) or again.text in texts:
                break
            attempt = again
            texts.add(again.text)
        return best
