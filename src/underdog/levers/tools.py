"""Tools: a function-calling loop. The model calls, the tool runs, the result goes back, until it answers.

Tools are typed Python functions of the user's and those of an MCP server. One call a step, as the agents do
that small models were taught with (arXiv 2410.18890): what it asks for besides is told to wait. Tools that
the client's own request brings are the client's to run: a call of one ends the turn.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from underdog.answerer import (
    Act,
    Answer,
    Answerer,
    Ask,
    Failure,
    Message,
    Request,
    Steps,
    Tool,
    ToolCall,
    act,
    ask,
    digest,
)
from underdog.errors import StudyError
from underdog.levers.candidate import said
from underdog.levers.program import Program

LATER = "Not done: one call a step. Ask for it again."

Declared = Mapping[str, Any]


@dataclass(frozen=True)
class Tools:
    """`inner` with tools: at most `most` calls, then it must answer without them.

    A name is the client's tool first, then a function's, then the server's. What goes wrong with a call
    (no such tool, arguments that do not fit, an exception, a time-out) is told to the model as its result.
    When a client's tool is called, the turn ends with that call, and what was done before stands in the text,
    so that it is in the messages that come back.

    Attributes:
        functions: functions by name, "tools.py:lookup"; types and docstring are what the model is told.
        server: the alias of an MCP server of the user's configuration, or nothing.
        most: calls at most.

    Raises:
        StudyError: there are no tools, or two functions of the same name.
    """

    inner: Answerer
    functions: tuple[Program, ...] = ()
    server: str = ""
    most: int = 8

    def __post_init__(self) -> None:
        names = [one.function for one in self.functions]
        if not names and not self.server:
            raise StudyError("tools: give `functions`, `server` or both; got neither")
        if len(set(names)) < len(names):
            raise StudyError(f"tools: each function needs a name of its own; got {', '.join(names)}")

    def steps(self, request: Request) -> Steps:
        if request.tool_choice == "none":
            return Ask(self.inner, request)
        declared = yield from self.declared()
        theirs = {name_of(tool) for tool in request.tools}
        ours = {name: tool for name, tool in declared.items() if name not in theirs}
        asked, done = replace(request, tools=(*request.tools, *ours.values())), list[str]()
        for _ in range(self.most):
            answer = yield from ask(self.inner, asked)
            if not answer.tool_calls:
                return answer
            call, *later = identified(answer.tool_calls, len(done))
            if call.name in theirs:
                return handed(answer, call, done)
            result = yield from self.called(call, [*theirs, *ours], asked)
            done.append(f"{call.name}({call.arguments}) -> {result}")
            answer = replace(answer, tool_calls=(call, *later))
            told = [tool_message(call, result), *(tool_message(one, LATER) for one in later)]
            asked = replace(asked, messages=(*asked.messages, said(answer), *told), tool_choice=None)
        answer = yield from ask(self.inner, replace(asked, tools=request.tools))
        return handed(answer, answer.tool_calls[0], done) if answer.tool_calls else answer

    def declared(self) -> Generator[Any, Any, dict[str, Declared]]:
        """All tools of this lever by name, as models are told of them."""
        found: dict[str, Declared] = {}
        for one in self.functions:
            found[one.function] = yield from act(
                Tool("describe", one.digest), program=one.name, digest=one.digest
            )
        if self.server:
            for tool in (yield from act(Tool("offer"), server=self.server)):
                found.setdefault(name_of(tool), tool)
        return found

    def called(self, call: ToolCall, known: Sequence[str], asked: Request) -> Generator[Any, Any, str]:
        """What the model is told that its call came to."""
        if call.name not in known:
            return f"Error: there is no tool {call.name!r}; there are {', '.join(known)}"
        arguments = arguments_of(call)
        if isinstance(arguments, str):
            return arguments
        result = yield self.act_of(call.name, arguments, asked)
        if isinstance(result, Failure):
            return f"Error: {result.message}"
        if isinstance(result, Mapping):
            return f"Error: {result['text']}" if result["error"] else str(result["text"])
        return str(result)

    def act_of(self, name: str, arguments: Mapping[str, Any], asked: Request) -> Act:
        """The act behind a call: of a function, or else of the server."""
        for one in self.functions:
            if one.function == name:
                given = {"program": one.name, "digest": one.digest, "arguments": arguments}
                return Act(Tool("call", one.digest), given)
        turn = digest([asked.messages, asked.sample])
        return Act(Tool("use"), {"server": self.server, "tool": name, "arguments": arguments, "turn": turn})


def name_of(tool: Declared) -> str:
    """The name of a tool as OpenAI's are declared."""
    return str(tool.get("function", tool).get("name", ""))


def identified(calls: Sequence[ToolCall], step: int) -> list[ToolCall]:
    """The calls, each with an id, which results are matched by; some servers give none."""
    return [call if call.id else replace(call, id=f"call_{step}_{place}") for place, call in enumerate(calls)]


def arguments_of(call: ToolCall) -> dict[str, Any] | str:
    """The arguments of a call, or what is wrong with them."""
    try:
        arguments = msgspec.json.decode(call.arguments or "{}")
    except msgspec.DecodeError as problem:
        return f"Error: the arguments are not JSON: {problem}"
    if not isinstance(arguments, dict):
        return f"Error: the arguments must be a JSON object; got {call.arguments}"
    return arguments


def tool_message(call: ToolCall, text: str) -> Message:
    """A result as it goes back to the model."""
    return {"role": "tool", "tool_call_id": call.id, "name": call.name, "content": text}


def handed(answer: Answer, call: ToolCall, done: Sequence[str]) -> Answer:
    """The turn ends with a call that the client runs; what was done before it stands in the text."""
    text = "\n".join([*done, *([answer.text] if answer.text else [])])
    return replace(answer, text=text, tool_calls=(call,), finish="tool_calls")
