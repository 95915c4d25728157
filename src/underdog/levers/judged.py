"""Judged: a verifier that asks a model whether an answer is right and reads P(yes) off its first word.

A generative verifier without training (arXiv 2408.15240 trains one). Not a scorer: it sees no gold answer,
and its number is a signal to rank by or to put a fitted threshold on, no probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp

from underdog.answerer import Answer, Answerer, Ask, Request, Steps, TokenLogprob
from underdog.levers.candidate import worded

_DECORATION = " \t\r\n▁Ġ*_\"'`.,:;!()"


@dataclass(frozen=True)
class Judged:
    """`model`'s verdict on the last message of a conversation, as its confidence; for BestOf and others.

    One greedy call asks `question` as the next turn. The verdict is the probability of the words of `right`
    against those of `wrong` where the reply begins, over the alternatives that its log-probabilities show.
    Without log-probabilities a reply that begins with one of the words is 1 or 0; any other reply is no
    verdict (None). Tool calls in the conversation are shown to the judge as text.
    """

    model: Answerer
    question: str = "Is that answer right? Reply with Yes or No and nothing else."
    right: tuple[str, ...] = ("yes",)
    wrong: tuple[str, ...] = ("no",)

    def steps(self, request: Request) -> Steps:
        messages = [*map(worded, request.messages), {"role": "user", "content": self.question}]
        asked = request.fresh(messages, max_tokens=8, logprobs=True, top_logprobs=20)
        return Ask(self.model, asked, then=lambda reply: replace(reply, confidence=self._verdict(reply)))
        yield  # a generator without a step of its own: it only hands over

    def _verdict(self, reply: Answer) -> float | None:
        first = next((token for token in reply.logprobs or () if _plain(token.token)), None)
        if first is not None:
            yes, no = _mass(first, self.right), _mass(first, self.wrong)
            if yes + no > 0:
                return yes / (yes + no)
        word = _plain((reply.text.split() or [""])[0])
        return 1.0 if word in _plains(self.right) else 0.0 if word in _plains(self.wrong) else None


def _mass(first: TokenLogprob, words: Sequence[str]) -> float:
    """The probability that the token is one of the words, in any spelling."""
    shown = {first.token: first.logprob} | dict(first.top)
    return sum(exp(logprob) for token, logprob in shown.items() if _plain(token) in _plains(words))


def _plains(words: Sequence[str]) -> set[str]:
    return {_plain(word) for word in words}


def _plain(token: str) -> str:
    """A token as a word: no case, no blanks, no decoration."""
    return token.strip(_DECORATION).casefold()
