"""A chat request as a local checkpoint reads it: its template filled in and its text in tokens.

Each prompt is made once, for the bound, the answer and every draw. What a request demands of the answer's
form is `hf_constrain`'s; what it may not ask of this engine at all is refused here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jinja2 import TemplateError

from underdog.answerer import Failure, Request, digest
from underdog.engines.hf_text import Unsupported, template_messages

_KEPT = 2048  # prompts
# Fields of the wire that would change what is sampled, and their values that change nothing.
_NEUTRAL = {
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "repetition_penalty": 1,
    "logit_bias": {},
    "min_p": 0,
    "top_k": -1,
    "n": 1,
}
# Other servers' words for the form of an answer, which must not go unheard.
_FOREIGN = (
    "ebnf",
    "format",
    "grammar",
    "guided_whitespace_pattern",
    "json_schema",
    "regex",
    "structural_tag",
)
_HERE = "<<the-answer-goes-on-here>>"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request as the model reads it; `thinking` says that the template already opened `<think>`."""

    tokens: tuple[int, ...]
    thinking: bool


class Prompts:
    """The prompts of one checkpoint. Any thread may ask.

    Args:
        load: reads the tokenizer; called once, at the first use.
        name: the model's, for messages.
    """

    def __init__(self, load: Callable[[], Any], name: str) -> None:
        self._load, self._name = load, name
        self._known: OrderedDict[str, Prompt | Failure] = OrderedDict()
        self._lock = threading.Lock()

    @cached_property
    def tokenizer(self) -> Any:
        """The checkpoint's tokenizer; raises as `load` does."""
        with self._lock:
            return self._load()

    def of(self, request: Request) -> Prompt | Failure:
        """The request's prompt, or why it has none; raises as `load` does."""
        tokenizer = self.tokenizer
        key = digest([request.messages, request.tools, request.tool_choice, request.extra])
        with self._lock:
            known = self._known.get(key)
            if known is None:
                known = self._known[key] = self._made(tokenizer, request)
                if len(self._known) > _KEPT:
                    self._known.popitem(last=False)
            return known

    def _made(self, tokenizer: Any, request: Request) -> Prompt | Failure:
        try:
            _refuse_unsupported(request)
            text = rendered(tokenizer, request)
        except (Unsupported, TemplateError, LookupError, TypeError, ValueError, AttributeError) as error:
            return Failure("bad_request", f"the chat template of {self._name} cannot take this: {error}")
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
        return Prompt(tuple(tokens), text.rstrip().endswith("<think>"))


def rendered(tokenizer: Any, request: Request) -> str:
    """The request as the checkpoint's chat template writes it, open for the assistant's answer.

    With `continue_final_message` it ends in the assistant's last message, put where the template left a mark,
    so that it stays as it is: some templates trim what they are given, and a step that lost its line end
    would be written on in the wrong place.

    Raises:
        Unsupported: a part of a message is not text, or there is no message that could be continued.
    """
    extra, messages = request.extra, template_messages(request.messages)
    goes_on = _goes_on(extra, messages)
    text: str = tokenizer.apply_chat_template(
        [*messages[:-1], {**messages[-1], "content": _HERE}] if goes_on else messages,
        tools=list(request.tools) if request.tools and request.tool_choice != "none" else None,
        add_generation_prompt=not goes_on and extra.get("add_generation_prompt", True),
        tokenize=False,
        **extra.get("chat_template_kwargs", {}),
    )
    if not goes_on:
        return text
    before, mark, _ = text.rpartition(_HERE)
    if not mark:
        raise Unsupported("it leaves out the message that is to be continued")
    return before + str(messages[-1]["content"])


def _goes_on(extra: Mapping[str, Any], messages: Sequence[Mapping[str, Any]]) -> bool:
    if not extra.get("continue_final_message"):
        return False
    if extra.get("add_generation_prompt", False):
        raise Unsupported("continue_final_message and add_generation_prompt exclude each other")
    last = messages[-1] if messages else {}
    if last.get("role") != "assistant" or not isinstance(last.get("content"), str) or last.get("tool_calls"):
        raise Unsupported("continue_final_message needs a last message of the assistant's with text alone")
    return True


def _refuse_unsupported(request: Request) -> None:
    for name, neutral in _NEUTRAL.items():
        if request.extra.get(name) not in (None, neutral):
            raise Unsupported(f"the hf engine does not support {name}; got {request.extra[name]!r}")
    for name in _FOREIGN:
        if request.extra.get(name):
            raise Unsupported(
                f"the hf engine is told the form of an answer by structured_outputs; got {name}"
            )
