"""What `underdog check` asks a remote model: seven short questions, and what their answers show it can do."""

from __future__ import annotations

import asyncio

from underdog.answerer import Answer, Failure, Request
from underdog.engines import Engine

_ASKED = Request(messages=({"role": "user", "content": "Reply with the word yes."},)).sampled(max_tokens=16)
_SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string"}},
    "required": ["word"],
    "additionalProperties": False,
}
_TOOL = {
    "type": "function",
    "function": {"name": "reply", "description": "Give the reply.", "parameters": _SCHEMA},
}
_FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "reply", "strict": True, "schema": _SCHEMA},
}

_CHOICES = ("perhaps", "never")


async def first_answer(engine: Engine) -> Answer | Failure:
    """One short question: does the model answer at all?"""
    return (await engine.generate([_ASKED]))[0]


async def abilities(engine: Engine) -> dict[str, bool]:
    """Which of log-probabilities, tools, forms and streaming the model supports, by trying each.

    A server that does not know vLLM's words ignores them: only an answer that kept to its choices shows that
    it does.
    """
    asked = [
        _ASKED.sampled(logprobs=True, top_logprobs=2),
        Request(_ASKED.messages, tools=(_TOOL,), sampling=_ASKED.sampling),
        Request(_ASKED.messages, response_format=_FORMAT, sampling=_ASKED.sampling),
        Request(
            _ASKED.messages, extra={"structured_outputs": {"choice": _CHOICES}}, sampling=_ASKED.sampling
        ),
    ]
    answers, streams = await asyncio.gather(engine.generate(asked), _streams(engine))
    logprobs, tools, schema, choice = answers
    return {
        "logprobs": isinstance(logprobs, Answer) and bool(logprobs.logprobs),
        "tools": isinstance(tools, Answer),
        "json_schema": isinstance(schema, Answer),
        "choices": isinstance(choice, Answer) and choice.text in _CHOICES,
        "stream": streams,
    }


async def draws(engine: Engine) -> None:
    """Two draws of one request, from which an engine learns whether its server takes `n`."""
    sampled = _ASKED.sampled(temperature=1.0)
    await engine.generate([sampled.drawn(0), sampled.drawn(1)])


async def _streams(engine: Engine) -> bool:
    async for delta in engine.stream(_ASKED):
        if delta.failure is not None:
            return False
    return True
