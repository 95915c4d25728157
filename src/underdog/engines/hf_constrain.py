"""Constraints in the local engine: which tokens may come next, by llguidance's grammars.

`Grammars` belongs to one tokenizer and compiles each constraint once; a `Guide` is one row's place in its
grammar. What it forbids is never chosen; log-probabilities stay the model's own (`hf_sampling`). llguidance
is imported when the first constraint comes.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from underdog.answerer import Request
from underdog.constraint import Constraint, Unmet, call_schema, constraint_of
from underdog.engines.hf_checkpoint import need
from underdog.engines.hf_text import THOUGHT_ENDS, TOOL_CALL_OPENS

_KEPT = 64  # compiled grammars
_TAIL = 16  # tokens among which the end of a thought is looked for
# JSON's own whitespace, bounded: a weak model that may write blanks for ever does.
_JSON = {"whitespace_pattern": r"[ \n\r\t]{1,16}"}
_CALL = 'call: "<tool_call>\\n" body "\\n</tool_call>"\nbody: %json '


@dataclass(frozen=True, slots=True)
class Thought:
    """What is written before the answer, free but for ending there. `open` are the tokens that may come."""

    decode: Callable[[Sequence[int]], str]
    open: bytes


class Guide:
    """One row's place in its grammar.

    Where the template has opened a thought, the grammar begins behind its end. `fault` says why the row
    cannot go on, None while it can.
    """

    def __init__(self, matcher: Any, where: str, thought: Thought | None = None) -> None:
        self._matcher, self._where = matcher, where
        self._thought, self._tail = thought, list[int]()
        self.fault: str | None = None

    def allowed(self) -> bytes | None:
        """One bit a token, the lowest first, of those that may come next; None once there is a fault."""
        if self.fault is not None:
            return None
        if self._thought is not None:
            return self._thought.open
        bits: bytes = self._matcher.compute_bitmask()
        if self._matcher.is_error():
            self._fail(self._matcher.get_error())
        elif not any(bits):
            self._fail("no token of this model can go on")
        return None if self.fault else bits

    def take(self, token: int) -> bool:
        """Go on by the row's next token; True when the grammar is complete and nothing may follow."""
        if self._thought is not None:
            self._tail = [*self._tail[-_TAIL:], token]
            if THOUGHT_ENDS in self._thought.decode(self._tail):
                self._thought = None
            return False
        if self.fault is None and not self._matcher.consume_token(token):
            self._fail(self._matcher.get_error())
        return self.fault is None and bool(self._matcher.is_stopped())

    def _fail(self, error: str) -> None:
        self.fault = f"{self._where} cannot be met: {_short(error)}"


class Grammars:
    """The grammars of one tokenizer. `width` is the number of logits, `end` the tokens that end an answer.

    Raises:
        ConfigError: llguidance is not installed.
        Unmet: it cannot read this tokenizer.
    """

    def __init__(self, tokenizer: Any, end: frozenset[int], width: int) -> None:
        self._api = need("llguidance")
        if not end:
            raise Unmet("an answer can only be constrained where the checkpoint names its end token")
        try:
            self._tokens = need("llguidance.hf").from_tokenizer(
                tokenizer, n_vocab=max(width, len(tokenizer)), eos_token=sorted(end)
            )
        except ValueError as error:
            raise Unmet(f"llguidance cannot read this tokenizer: {_short(str(error))}") from None
        self._compiled: OrderedDict[str, Any] = OrderedDict()
        bits = bytearray(b"\xff" * len(self._matcher(Constraint("regex", "", "")).compute_bitmask()))
        for token in end:
            bits[token // 8] &= ~(1 << token % 8)
        self._open = bytes(bits)

    def guide(self, asked: Constraint, decode: Callable[[Sequence[int]], str] | None = None) -> Guide:
        """A guide at the start of the grammar; `decode` is given where the prompt has opened a thought.

        Raises:
            Unmet: the constraint cannot be compiled, or no text meets it.
        """
        key = json.dumps([asked.kind, asked.form])
        matcher = self._compiled.get(key)
        if matcher is None:
            matcher = self._compiled[key] = self._matcher(asked)
            if len(self._compiled) > _KEPT:
                self._compiled.popitem(last=False)
        thought = Thought(decode, self._open) if decode else None
        return Guide(matcher.deep_copy(), asked.field, thought)

    def _matcher(self, asked: Constraint) -> Any:
        try:
            matcher = self._api.LLMatcher(self._tokens, self._grammar(asked), log_level=0)
        except ValueError as error:
            raise Unmet(f"{asked.field} cannot be compiled: {_short(str(error))}") from None
        if matcher.is_error():
            raise Unmet(f"{asked.field} cannot be compiled: {_short(matcher.get_error())}")
        matcher.compute_bitmask()
        if matcher.is_error():
            raise Unmet(f"{asked.field} cannot be met by any text ({_short(matcher.get_error())})")
        return matcher

    def _grammar(self, asked: Constraint) -> str:
        """The constraint in llguidance's own words. A grammar is Lark's or GBNF (`root ::= ...`)."""
        if asked.kind == "json":
            # Not the canonical text: an answer's keys come in the order of the schema's.
            form = asked.form if isinstance(asked.form, str) else json.dumps(asked.form)
            return str(self._api.LLMatcher.grammar_from_json_schema(form, defaults=_JSON))
        return str(self._api.grammar_from(asked.kind, asked.form))


def demanded(request: Request, template: str) -> Constraint | None:
    """The form that a request demands, tool calls that it makes a duty included.

    Raises:
        Unmet: two forms at once, a function that is not offered, or a template whose tool calls the engine
            does not know how to read.
    """
    asked = constraint_of(request)
    if request.tool_choice in (None, "auto", "none"):
        return asked
    if asked is not None:
        raise Unmet(f"an answer cannot be a tool call and have the form of {asked.field}: keep one of them")
    if TOOL_CALL_OPENS not in template:
        raise Unmet(
            f"tool_choice can be enforced where the chat template writes calls as {TOOL_CALL_OPENS}; got "
            f"{request.tool_choice!r}: ask for auto, or constrain the answer with a JSON schema"
        )
    return Constraint("grammar", _calls(request, _chosen(request)), "tool_choice")


def _chosen(request: Request) -> list[Mapping[str, Any]]:
    """The functions that may be called."""
    choice = request.tool_choice
    offered = [tool.get("function") or {} for tool in request.tools]
    if choice == "required":
        chosen = offered
    else:
        wanted = (choice.get("function") or {}).get("name") if isinstance(choice, Mapping) else None
        chosen = [function for function in offered if function.get("name") == wanted]
    if not chosen:
        names = ", ".join(str(function.get("name")) for function in offered) or "none"
        raise Unmet(f"tool_choice must name a function that is offered ({names}); got {choice!r}")
    return chosen


def _calls(request: Request, functions: Sequence[Mapping[str, Any]]) -> str:
    """A grammar of calls as Hermes and Qwen write them: one, or with `required` one or more."""
    body = {**call_schema(functions), "x-guidance": _JSON}
    one = request.tool_choice != "required" or request.extra.get("parallel_tool_calls") is False
    start = "start: call" if one else 'start: call ("\\n" call)*'
    return f"{start}\n{_CALL}{json.dumps(body)}"


def _short(error: str) -> str:
    return " ".join(error.split("<state>")[0].split())[:300].rstrip(" .")
