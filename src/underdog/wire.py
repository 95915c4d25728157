"""OpenAI's chat-completion dictionaries to and from Request and Answer.

Only what underdog acts on is read; every other field passes through `Request.extra` as it came, and nothing
is retyped, so a tool or a content part that OpenAI invents tomorrow still arrives. Fields that say how an
answer is delivered (model, n, stream, stream_options) are a `Delivery`, not part of what is asked.
It performs no I/O: `engines/openai.py` sends these dictionaries and the gateway receives them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import msgspec

from underdog.answerer import Answer, Request, Sampling, ToolCall, canonical
from underdog.errors import UserError
from underdog.logprobs import logprobs_body, logprobs_from
from underdog.trial import Spend

Body: TypeAlias = Mapping[str, Any]

OPENAI_DEFAULTS = Sampling(temperature=1.0, top_p=1.0, max_tokens=1024)
"""What a body that does not say is taken to mean: OpenAI's defaults, and a bound on the answer."""

DELIVERY_FIELDS = frozenset({"model", "n", "stream", "stream_options"})
LIMIT_FIELDS = frozenset({"max_tokens", "max_completion_tokens"})
SAMPLING_FIELDS = frozenset({"temperature", "top_p", "stop", "seed", "logprobs", "top_logprobs"})
ASKED_FIELDS = frozenset({"messages", "tools", "tool_choice", "response_format"})
READ_FIELDS = DELIVERY_FIELDS | LIMIT_FIELDS | SAMPLING_FIELDS | ASKED_FIELDS

FINISHES = {
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "complete": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "safety": "content_filter",
    "recitation": "content_filter",
}
"""Other servers' words for why generation ended, in OpenAI's."""

UNKNOWN_FINISH = "unknown"
"""The server gave no finish reason: neither a clean stop nor a cut is claimed."""


class WireError(UserError):
    """A body is not a chat completion's; `param` names the field, in OpenAI's words."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True)
class Delivery:
    """How the client wants its answer: for which model, how many choices, streamed or whole."""

    model: str
    n: int = 1
    stream: bool = False
    include_usage: bool = False


@dataclass(frozen=True)
class Stamp:
    """What every chunk and completion of one response repeats; `created` is in Unix seconds."""

    id: str
    model: str
    created: int = field(default_factory=lambda: int(time.time()))


def delivery_from(body: Body) -> Delivery:
    """How a request body wants its answer.

    Raises:
        WireError: `model` is missing, `n` is not a positive integer or `stream` not a boolean.
    """
    model = _typed(body, "model", str)
    if not model:
        raise WireError("model must be the name of a model", "model")
    n = _typed(body, "n", int)
    if n is not None and n < 1:
        raise WireError(f"n must be at least 1; got {n}", "n")
    options = _typed(body, "stream_options", Mapping) or {}
    stream = bool(_typed(body, "stream", bool))
    return Delivery(model, n or 1, stream, stream and bool(options.get("include_usage")))


def request_from(body: Body, defaults: Sampling = OPENAI_DEFAULTS) -> Request:
    """What a request body asks; sampling that it leaves open is taken from `defaults`.

    Raises:
        WireError: a field that underdog acts on has another type than OpenAI documents.
    """
    if not isinstance(body, Mapping):
        raise WireError("the body must be a JSON object")
    messages = _objects(body, "messages")
    if not messages:
        raise WireError("messages must be a list of at least one message", "messages")
    for index, message in enumerate(messages):
        if not isinstance(message.get("role"), str):
            raise WireError(f"messages[{index}] needs a role", f"messages[{index}].role")
    choice = body.get("tool_choice")
    if choice is not None and not isinstance(choice, str | Mapping):
        raise WireError("tool_choice must be a string or an object", "tool_choice")
    return Request(
        messages=tuple(messages),
        tools=tuple(_objects(body, "tools")),
        tool_choice=choice,
        response_format=_typed(body, "response_format", Mapping),
        sampling=_sampling_from(body, defaults),
        extra={name: value for name, value in body.items() if name not in READ_FIELDS},
    )


def body_from(request: Request, model_id: str) -> dict[str, Any]:
    """The body that asks `request` of `model_id`; the draw and the example are not on the wire."""
    sampling = request.sampling
    body: dict[str, Any] = dict(request.extra)
    body |= {
        "model": model_id,
        "messages": list(request.messages),
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
    }
    if sampling.top_p != 1.0:
        body["top_p"] = sampling.top_p
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if sampling.logprobs:
        body["logprobs"] = True
    if sampling.top_logprobs:
        body["top_logprobs"] = sampling.top_logprobs
    if request.tools:
        body["tools"] = list(request.tools)
    if request.tool_choice is not None:
        body["tool_choice"] = request.tool_choice
    if request.response_format is not None:
        body["response_format"] = request.response_format
    return body


def answer_from(choice: Body, model: str = "") -> Answer:
    """One choice of a chat completion, without what it cost.

    Raises:
        WireError: there is no message, or a part of it that underdog reads has another shape.
    """
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(message, Mapping):
        raise WireError("a choice must hold a message", "choices.message")
    try:
        logprobs = logprobs_from(choice.get("logprobs"))
    except ValueError as problem:
        raise WireError(str(problem), "choices.logprobs") from None
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    refusal = message.get("refusal")
    return Answer(
        text=_text_from(message.get("content")),
        tool_calls=tuple(_tool_call_from(call) for call in _objects(message, "tool_calls")),
        finish=_finish_from(choice.get("finish_reason")),
        logprobs=logprobs,
        reasoning=reasoning if isinstance(reasoning, str) else None,
        refusal=refusal if isinstance(refusal, str) and refusal else None,
        model=model,
    )


def usage_from(response: Body) -> Spend | None:
    """The tokens that a response was billed for, or None when it does not say."""
    usage = response.get("usage")
    if not isinstance(usage, Mapping):
        return None
    tokens_in, tokens_out = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    if not tokens_in and not tokens_out:
        return None
    inputs, outputs = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    reasoning = _count(outputs, "reasoning_tokens")
    # Some servers leave reasoning out of completion_tokens; their own total gives them away.
    if reasoning and _count(usage, "total_tokens") == tokens_in + tokens_out + reasoning:
        tokens_out += reasoning
    return Spend(
        calls=1,
        tokens_in=tokens_in,
        tokens_cached=_count(inputs, "cached_tokens") or _count(usage, "prompt_cache_hit_tokens"),
        tokens_out=tokens_out,
        tokens_reasoning=reasoning,
        tokens_image=_count(inputs, "image_tokens"),
    )


def cache_written_from(response: Body) -> int:
    """How many of a response's prompt tokens were written to the provider's cache."""
    details = (response.get("usage") or {}).get("prompt_tokens_details")
    return _count(details, "cache_write_tokens") or _count(details, "cache_creation_tokens")


def completion_from(answers: Sequence[Answer], stamp: Stamp) -> dict[str, Any]:
    """A whole chat completion with one choice an answer; its usage is the sum of what they cost."""
    return {
        "id": stamp.id,
        "object": "chat.completion",
        "created": stamp.created,
        "model": stamp.model,
        "choices": [choice_from(answer, index) for index, answer in enumerate(answers)],
        "usage": usage_body(sum((answer.spend for answer in answers), Spend())),
    }


def choice_from(answer: Answer, index: int = 0) -> dict[str, Any]:
    """An answer as one choice of a chat completion."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": answer.text if answer.text or not answer.tool_calls else None,
        "refusal": answer.refusal,
    }
    if answer.tool_calls:
        message["tool_calls"] = [_tool_call_body(call) for call in answer.tool_calls]
    if answer.reasoning is not None:
        message["reasoning_content"] = answer.reasoning
    return {
        "index": index,
        "message": message,
        "logprobs": logprobs_body(answer.logprobs),
        "finish_reason": None if answer.finish == UNKNOWN_FINISH else answer.finish,
    }


def usage_body(spend: Spend) -> dict[str, Any]:
    """What was spent, in OpenAI's words."""
    return {
        "prompt_tokens": spend.tokens_in,
        "completion_tokens": spend.tokens_out,
        "total_tokens": spend.tokens,
        "prompt_tokens_details": {"cached_tokens": spend.tokens_cached},
        "completion_tokens_details": {"reasoning_tokens": spend.tokens_reasoning},
    }


def chunk_from(
    delta: Body, stamp: Stamp, index: int = 0, finish: str | None = None, logprobs: Any = None
) -> dict[str, Any]:
    """One chunk of a streamed completion."""
    reason = None if finish == UNKNOWN_FINISH else finish
    choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
    return _chunk(stamp, [choice])


def usage_chunk(spend: Spend, stamp: Stamp) -> dict[str, Any]:
    """The last chunk of a stream whose client asked for usage: no choices, and what was spent."""
    return _chunk(stamp, []) | {"usage": usage_body(spend)}


def chunks_from(answer: Answer, stamp: Stamp, index: int = 0) -> Iterator[dict[str, Any]]:
    """A whole answer as a stream: the role, its content in one piece, and the finish reason."""
    choice = choice_from(answer, index)
    message = choice["message"]
    yield chunk_from({"role": "assistant", "content": ""}, stamp, index)
    delta = {name: message[name] for name in ("content", "refusal", "reasoning_content") if message.get(name)}
    calls = message.get("tool_calls", ())
    if calls:
        delta["tool_calls"] = [{"index": number, **call} for number, call in enumerate(calls)]
    if delta or choice["logprobs"]:
        yield chunk_from(delta, stamp, index, logprobs=choice["logprobs"])
    yield chunk_from({}, stamp, index, answer.finish)


def sse(data: Body | str) -> bytes:
    """One server-sent event, for example `sse(chunk)` or `sse("[DONE]")`."""
    text = data.encode() if isinstance(data, str) else msgspec.json.encode(data)
    return b"data: " + text + b"\n\n"


def error_body(
    message: str,
    type: str = "invalid_request_error",
    code: str | None = None,
    param: str | None = None,
) -> dict[str, Any]:
    """An error in OpenAI's shape, which client libraries know how to read."""
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


def _chunk(stamp: Stamp, choices: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": stamp.id,
        "object": "chat.completion.chunk",
        "created": stamp.created,
        "model": stamp.model,
        "choices": choices,
    }


def _sampling_from(body: Body, defaults: Sampling) -> Sampling:
    limit = _typed(body, "max_completion_tokens", int) or _typed(body, "max_tokens", int)
    if limit is not None and limit < 1:
        raise WireError(f"max_tokens must be at least 1; got {limit}", "max_tokens")
    stop = body.get("stop")
    stops = (stop,) if isinstance(stop, str) else defaults.stop if stop is None else stop
    if not isinstance(stops, list | tuple) or not all(isinstance(one, str) for one in stops):
        raise WireError("stop must be a string or a list of strings", "stop")
    given = {
        "temperature": _typed(body, "temperature", float),
        "top_p": _typed(body, "top_p", float),
        "max_tokens": limit,
        "seed": _typed(body, "seed", int),
        "logprobs": _typed(body, "logprobs", bool),
        "top_logprobs": _typed(body, "top_logprobs", int),
    }
    known = {name: value for name, value in given.items() if value is not None}
    return replace(defaults, stop=tuple(stops), **known)


def _typed(body: Any, name: str, wanted: Any) -> Any:
    """The field, or None when it is absent or null; JSON's integers are numbers too."""
    value = body.get(name)
    if value is None:
        return None
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        names = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}
        raise WireError(f"{name} must be {names.get(wanted, 'an object')}; got {type(value).__name__}", name)
    return value


def _objects(body: Body, name: str) -> list[Mapping[str, Any]]:
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list | tuple) or not all(isinstance(one, Mapping) for one in value):
        raise WireError(f"{name} must be a list of objects", name)
    return list(value)


def _text_from(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list):
        parts = [part.get("text", "") for part in content if isinstance(part, Mapping)]
        if len(parts) == len(content) and all(isinstance(part, str) for part in parts):
            return "".join(parts)
    raise WireError("a message's content must be text", "choices.message.content")


def _tool_call_from(call: Body) -> ToolCall:
    function = call.get("function")
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(name, str):
        raise WireError("a tool call must name its function", "choices.message.tool_calls")
    arguments = function.get("arguments") or ""
    if not isinstance(arguments, str):
        arguments = canonical(arguments).decode()
    return ToolCall(name, arguments, str(call.get("id") or ""))


def _tool_call_body(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _finish_from(reason: Any) -> str:
    if reason is None:
        return UNKNOWN_FINISH
    word = str(reason).lower()
    return FINISHES.get(word, word)


def _count(counts: Any, name: str) -> int:
    value = counts.get(name) if isinstance(counts, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
