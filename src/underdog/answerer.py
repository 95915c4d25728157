"""THE CONTRACT: a Request goes into an Answerer and an Answer comes out.

An Answerer is a Model (a frozen leaf: a name and its settings) or a Lever (a frozen dataclass built from
other Answerers with one method, `steps(request)`). Steps are a generator: it yields what it wants done and
receives the results, so a lever does no I/O, needs no event loop in tests and runs unchanged in a study and
behind the gateway. The pattern is httpx's `auth_flow`.

    @dataclass(frozen=True)
    class Retry:
        '''Ask again, once, when the answer could not be read.'''
        inner: Answerer

        def steps(self, request: Request) -> Steps:
            first = yield from ask(self.inner, request)      # read `yield from` as `await`
            if first.final is not None:
                return first
            return Ask(self.inner, request.drawn(1))         # handed over: the gateway streams it
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol, TypeAlias, runtime_checkable

import msgspec

from underdog.errors import AskFailed, ContractError
from underdog.stored import Stored
from underdog.trial import Spend

Message: TypeAlias = Mapping[str, Any]


def canonical(value: Any) -> bytes:
    """The one JSON text of a value: keys sorted, no spaces. Equal values have equal bytes."""
    return msgspec.json.encode(value, order="sorted")


def digest(value: Any) -> str:
    """Content hash (the first 32 hex digits of SHA-256) of a JSON value."""
    return hashlib.sha256(canonical(value)).hexdigest()[:32]


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn. `max_tokens` is always set, so a call's cost has an upper bound."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: bool = False
    top_logprobs: int = 0


@dataclass(frozen=True)
class Request:
    """One OpenAI-style chat request.

    `draw` names an independent sample and nests: each lever appends to it with `drawn`, so that
    Vote(Vote(m, 3), 2) makes six different draws. `extra` holds fields of the wire that underdog does not
    know, passed through as they came. `example` is the id of the example the request was made from; only
    engines that replay records read it, and it is never sent.
    """

    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    tool_choice: str | Mapping[str, Any] | None = None
    response_format: Mapping[str, Any] | None = None
    sampling: Sampling = Sampling()
    extra: Mapping[str, Any] = field(default_factory=dict)
    draw: tuple[int, ...] = ()
    example: str | None = None

    def drawn(self, index: int) -> Request:
        """The same request as another independent sample."""
        return replace(self, draw=(*self.draw, index))

    def sampled(self, **changes: Any) -> Request:
        """The same request under other sampling settings, for example `temperature=0.7`."""
        return replace(self, sampling=replace(self.sampling, **changes))

    def fresh(self, messages: Sequence[Message], **sampling: Any) -> Request:
        """A judge's or checker's request: its own messages and sampling, no tools or formats inherited."""
        return Request(tuple(messages), sampling=Sampling(**sampling), draw=self.draw, example=self.example)

    @cached_property
    def content(self) -> dict[str, Any]:
        """What is asked, as a JSON object, without the draw and the example."""
        return {
            "messages": self.messages,
            "tools": self.tools,
            "tool_choice": self.tool_choice,
            "response_format": self.response_format,
            "sampling": self.sampling,
            "extra": self.extra,
        }

    @cached_property
    def digest(self) -> str:
        """Content hash of what is asked, without the draw and the example."""
        return digest(self.content)

    @property
    def sample(self) -> tuple[int, ...]:
        """The draw as an identity: greedy requests have only one, and a first sample is (0,)."""
        return () if self.sampling.temperature == 0 else (self.draw or (0,))


@dataclass(frozen=True)
class ToolCall:
    """A call that a model asks for; `arguments` is the JSON text as it came, which may not parse."""

    name: str
    arguments: str
    id: str = ""


@dataclass(frozen=True)
class TokenLogprob:
    """One generated token, its log-probability in nats and the best alternatives."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Answer:
    """What came back.

    `final` is the answer read out of the text, or None when it could not be read; only Read and what
    stands on it fill it in. `confidence` lies in [0, 1] or is None. `finish` is OpenAI's word: stop,
    length, tool_calls or content_filter.
    """

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    final: str | None = None
    confidence: float | None = None
    finish: str = "stop"
    logprobs: tuple[TokenLogprob, ...] | None = None
    reasoning: str | None = None
    refusal: str | None = None
    spend: Spend = Spend()
    model: str = ""


@dataclass(frozen=True)
class Failure:
    """An ask or act that brought no answer: data, not a crash.

    `kind` is one of: unreachable, timeout, rate_limited, server_error, bad_request, unauthorised,
    bad_answer, too_long, budget, cancelled, act_failed, lever_failed. `retry_after` is in seconds.
    """

    kind: str
    message: str
    retryable: bool = False
    retry_after: float | None = None
    spend: Spend = Spend()


@dataclass(frozen=True)
class Model:
    """A frozen leaf: which model, by alias and id, and the settings that change its behaviour.

    `name` is `ENGINE-OR-ALIAS/ID`: tiny/small, hf/Qwen/Qwen3-0.6B, replay/FILE#model, fake/NAME, or an
    endpoint alias of the user's configuration such as openai/gpt-5-mini or ollama/llama3.2:3b.
    """

    name: str
    adapter: str | None = None
    revision: str | None = None
    dtype: str | None = None


@dataclass(frozen=True)
class Tool:
    """A named effect beside Model: run a checker, search an index. Bound to a function by the driver."""

    name: str
    version: str = "1"


@runtime_checkable
class Lever(Protocol):
    """A frozen dataclass that answers by asking other Answerers; see the module's docstring."""

    def steps(self, request: Request) -> Steps: ...


Answerer: TypeAlias = Model | Lever


@dataclass(frozen=True)
class Ask:
    """Put this request to this answerer.

    A lever that returns an Ask hands over: the gateway streams it. `then` is for such a last ask only; it
    annotates the Answer once it is whole (the text has gone to the client by then and must stay).
    """

    answerer: Answerer
    request: Request
    then: Callable[[Answer], Answer] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Act:
    """Do this: anything with an effect or a price that is not a model call. Arguments are JSON.

    `file` is what is too big for arguments (an index): the tool's function gets it as keyword `file`, and
    only its name is recorded.
    """

    tool: Tool
    arguments: Mapping[str, Any] = field(default_factory=dict)
    file: Stored | None = None

    @property
    def content(self) -> dict[str, Any]:
        """What is to be done, as a JSON object: the arguments, and the file by its name."""
        return {**self.arguments, **({} if self.file is None else {"file": self.file.name})}


Effect: TypeAlias = Ask | Act
Steps: TypeAlias = Generator[Effect | tuple[Effect, ...], Any, "Answer | Ask"]


def ask(answerer: Answerer, request: Request) -> Generator[Ask, Any, Answer]:
    """One ask; a Failure leaves the lever as AskFailed unless it catches it."""
    result = yield Ask(answerer, request)
    if isinstance(result, Failure):
        raise AskFailed(result)
    return _answer(result)


def ask_all(
    asks: Sequence[Ask],
) -> Generator[tuple[Ask, ...], Any, list[Answer | Failure]]:
    """Several asks as one batch; results in order, failures in their places."""
    results = yield tuple(asks)
    return list(results)


def try_ask(answerer: Answerer, request: Request) -> Generator[Ask, Any, Answer | Failure]:
    """One ask whose failure the lever wants to see."""
    result: Answer | Failure = yield Ask(answerer, request)
    return result


def act(tool: Tool, *, file: Stored | None = None, **arguments: Any) -> Generator[Act, Any, Any]:
    """One act; its value, or AskFailed."""
    result = yield Act(tool, arguments, file)
    if isinstance(result, Failure):
        raise AskFailed(result)
    return result


def _answer(result: Any) -> Answer:
    if not isinstance(result, Answer):
        raise ContractError(
            f"an Ask must come back as an Answer or a Failure; got {type(result).__name__}: "
            "drive levers with play() or a Driver"
        )
    return result


Reply: TypeAlias = Callable[[Effect], Any]


def play(lever: Answerer, request: Request, replies: Sequence[Any] | Reply) -> Answer | Failure:
    """Drive a lever with no engine and no event loop, for tests.

    `replies` is a sequence given out in the order of the leaf asks, or a function of the Ask or Act.
    Inner levers are played too, so replies are those of Models and Tools only.

    Raises:
        ContractError: the lever asked for more than there is, or yielded what is not an Ask or Act.
    """
    reply: Reply
    if callable(replies):
        reply = replies
    else:
        queue = iter(replies)

        def reply(effect: Effect) -> Any:
            for value in queue:
                return value
            raise ContractError(f"play() ran out of replies at {effect}")

    def perform(effect: Any) -> Any:
        if isinstance(effect, Ask):
            if isinstance(effect.answerer, Model):
                return reply(effect)
            return run(effect.answerer, effect.request)
        if isinstance(effect, Act):
            return reply(effect)
        raise ContractError(
            f"steps() must yield an Ask, an Act or a tuple of them; got {type(effect).__name__}"
            " (is a `yield from` missing?)"
        )

    def finished(value: Any) -> Any:
        if not isinstance(value, Ask):
            return value
        result = perform(value)
        return value.then(result) if value.then and isinstance(result, Answer) else result

    def run(answerer: Answerer, asked: Request) -> Any:
        if isinstance(answerer, Model):
            return reply(Ask(answerer, asked))
        steps = answerer.steps(asked)
        try:
            wanted = next(steps)
            while True:
                got: Any = [perform(one) for one in wanted] if isinstance(wanted, tuple) else perform(wanted)
                wanted = steps.send(got)
        except StopIteration as done:
            return finished(done.value)
        except AskFailed as failed:
            return failed.failure

    result: Answer | Failure = run(lever, request)
    return result
