"""A model that answers from a script: for tests, for trying a study without a model, and for benchmarks.

Deterministic given the request and its draw, whatever the order or the batch. It counts tokens as words
between white space, keeps to `max_tokens` and `stop`, and remembers what it was asked. It knows no gold
answer and thinks nothing: what it scores says nothing about any real model.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeAlias

from underdog.answerer import Answer, Failure, Request, digest
from underdog.engines import Delta, Facts
from underdog.engines.stops import cut_at_stop, keeps_stop
from underdog.errors import StudyError
from underdog.trial import Spend

Reply: TypeAlias = str | Sequence[str] | Callable[[Request], str | Answer | Failure]

_WORD = re.compile(r"\s*\S+\s*|\s+")
_NAMES = "fake/echo, fake/constant:TEXT and fake/choice:A|B|C"


@dataclass(eq=False)
class FakeEngine:
    """Answers every request from `reply`.

    Args:
        reply: one text for all; a sequence of texts, of which a request takes the one at its draw (the sum
            of the draw's numbers, wrapped around; greedy requests take the first); or a function of the
            request. A function's Answer is taken as it is, its spend filled in when it has none.
        name: part of the fingerprint. Give a changed function another name, or its old answers are found.
        failures: what each different ask (request and draw) gets first, in this order, before `reply`.
        latency: seconds that a call takes, also counted as its engine time.
        rates: dollars per token read and per token written.
    """

    reply: Reply
    name: str = "fake"
    failures: Sequence[Failure] = ()
    latency: float = 0.0
    rates: tuple[float, float] = (0.0, 0.0)
    concurrency: int = 64
    batch: int = 64
    same_prompt: bool = False
    billed: bool = True
    asked: list[Request] = field(default_factory=list, init=False)
    fingerprint: str = field(default="", init=False)
    _attempts: Counter[str] = field(default_factory=Counter, init=False, repr=False)

    def __post_init__(self) -> None:
        if not self.reply and not isinstance(self.reply, str):
            raise StudyError("FakeEngine(reply): a sequence of replies must hold at least one; got none")
        script = [_described(self.reply), list(self.failures), self.rates]
        self.fingerprint = f"fake:{self.name}:{digest(script)}"

    async def generate(self, requests: Sequence[Request]) -> list[Answer | Failure]:
        """Answers in the order of the requests; what a `reply` function raises is raised."""
        if self.latency:
            await asyncio.sleep(self.latency)
        return [self._answer(request) for request in requests]

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Word by word; the last Delta carries the Answer or the Failure."""
        [result] = await self.generate([request])
        if isinstance(result, Failure):
            yield Delta(failure=result)
            return
        for word in _words(result.text):
            yield Delta(word)
        yield Delta(answer=result)

    def bound(self, request: Request) -> Spend:
        """The whole prompt read and max_tokens written."""
        return self._spend(_prompt_tokens(request), request.sampling.max_tokens)

    def price(self, spend: Spend) -> Spend:
        """As it is: the rates are part of the fingerprint."""
        return spend

    def identity(self, request: Request) -> str:
        return request.digest

    def versions(self) -> dict[str, str]:
        return {"engine": "fake", "model": self.name}

    async def check(self) -> Facts:
        """Asks once, as anybody would: the ask is seen in `asked` and uses up a scripted failure."""
        [result] = await self.generate([Request(({"role": "user", "content": "ping"},))])
        note = result.message if isinstance(result, Failure) else "scripted answers, no model"
        supports = {"stream": True, "logprobs": False, "tools": False, "images": False}
        return Facts(isinstance(result, Answer), "nowhere: answered in this process", supports, note)

    async def close(self) -> None:
        """There is nothing to close."""

    def _answer(self, request: Request) -> Answer | Failure:
        self.asked.append(request)
        if self.failures:
            ask = f"{request.digest}:{request.sample}"
            self._attempts[ask] += 1
            if self._attempts[ask] <= len(self.failures):
                return self.failures[self._attempts[ask] - 1]
        reply = self._reply(request)
        if isinstance(reply, Failure):
            return reply
        if isinstance(reply, str):
            reply = _cut(reply, request)
        spend = reply.spend
        if not spend.calls:
            spend = self._spend(_prompt_tokens(request), len(_words(reply.text)))
        return replace(reply, spend=spend, model=reply.model or f"fake/{self.name}")

    def _reply(self, request: Request) -> str | Answer | Failure:
        if isinstance(self.reply, str):
            return self.reply
        if callable(self.reply):
            return self.reply(request)
        return self.reply[sum(request.sample) % len(self.reply)]

    def _spend(self, tokens_in: int, tokens_out: int) -> Spend:
        dollars = tokens_in * self.rates[0] + tokens_out * self.rates[1]
        return Spend(1, tokens_in=tokens_in, tokens_out=tokens_out, dollars=dollars, seconds=self.latency)


def named_fake(name: str) -> FakeEngine:
    """The fakes that a study file can name: to try a study, its data and its budget without a model.

    `echo` answers with the last user message, `constant:TEXT` always with TEXT, and `choice:A|B|C` with one
    of the texts, drawn by the hash of the request and its draw.

    Raises:
        StudyError: no fake has this name.
    """
    kind, _, rest = name.partition(":")
    if kind == "echo" and not rest:
        return FakeEngine(_last_user_message, name=name)
    if kind == "constant" and rest:
        return FakeEngine(rest, name=name)
    choices = rest.split("|")
    if kind == "choice" and all(choices):
        return FakeEngine(partial(_drawn_from, choices), name=name)
    raise StudyError(f"model 'fake/{name}': the fakes are {_NAMES}; write one of these")


def _described(reply: Reply) -> object:
    if isinstance(reply, str):
        return reply
    if not callable(reply):
        return list(reply)
    # A function has no content to hash: its name must do, and `name` tells versions of it apart.
    return [getattr(reply, "__module__", ""), getattr(reply, "__qualname__", type(reply).__name__)]


def _cut(text: str, request: Request) -> Answer:
    """The text as far as the request's stops and max_tokens let it go."""
    text, _ = cut_at_stop(text, request.sampling.stop, keeps_stop(request))
    words = _words(text)
    most = request.sampling.max_tokens
    if len(words) <= most:
        return Answer(text)
    return Answer("".join(words[:most]).rstrip(), finish="length")


def _words(text: str) -> list[str]:
    """The words with the white space around them: joined, they are the text."""
    words: list[str] = _WORD.findall(text)
    return words


def _texts(content: object) -> list[str]:
    """The texts of a message's content: a string, or OpenAI's list of parts."""
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list | tuple) else []
    return [part["text"] for part in parts if isinstance(part.get("text"), str)]


def _prompt_tokens(request: Request) -> int:
    texts = (text for message in request.messages for text in _texts(message.get("content")))
    return sum(len(text.split()) for text in texts)


def _last_user_message(request: Request) -> str:
    said = [message for message in request.messages if message.get("role") == "user"]
    return "".join(_texts(said[-1].get("content"))) if said else ""


def _drawn_from(choices: Sequence[str], request: Request) -> str:
    ticket = hashlib.sha256(f"{request.digest}:{request.sample}".encode()).digest()
    return choices[int.from_bytes(ticket[:8]) % len(choices)]
