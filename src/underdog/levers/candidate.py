"""A candidate answer as others are shown it: verifiers to judge, models to go on from. No lever.

A **verifier is an Answerer**. Asked with a conversation that ends in the candidate as the assistant's
message, it returns an Answer whose `confidence` in [0, 1] is its verdict (None: it has none) and whose
`text` may say what is wrong. A process verifier is asked alike, with a candidate that is not finished.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from underdog.answerer import Answer, Message, Request, canonical
from underdog.constraint import unconstrained

GO_ON = {"continue_final_message": True, "add_generation_prompt": False}
"""How vLLM and transformers are told to continue the assistant's last message instead of answering it."""


def said(answer: Answer) -> Message:
    """An answer as the assistant's message in a conversation."""
    message: dict[str, Any] = {"role": "assistant", "content": answer.text}
    if answer.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in answer.tool_calls
        ]
    return message


def worded(message: Message) -> Message:
    """The message with its tool calls as text: servers want a result after every call, and here is none."""
    if not message.get("tool_calls"):
        return message
    calls = canonical([call["function"] for call in message["tool_calls"]]).decode()
    return {"role": message["role"], "content": f"{message.get('content') or ''}\n{calls}".strip()}


def shown(request: Request, answer: Answer) -> Request:
    """The request that puts a candidate to a verifier: its question before it, greedy, without formats."""
    before, begun = _begun(unconstrained(request.sampled(temperature=0.0)))
    return replace(before, messages=(*before.messages, said(replace(answer, text=begun + answer.text))))


def continued(request: Request, text: str) -> Request:
    """The request to write on after `text`; with no text, the request itself."""
    if not text:
        return request
    before, begun = _begun(request)
    message = {"role": "assistant", "content": begun + text}
    return replace(before, messages=(*before.messages, message), extra={**before.extra, **GO_ON})


def _begun(request: Request) -> tuple[Request, str]:
    """A request without the beginning of its answer, and that beginning: empty for most."""
    if not request.extra.get("continue_final_message"):
        return request, ""
    *before, last = request.messages
    extra = {name: value for name, value in request.extra.items() if name not in GO_ON}
    return replace(request, messages=tuple(before), extra=extra), str(last.get("content") or "")
