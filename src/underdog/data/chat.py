"""Messages and tools as rows hold them: checked, and in OpenAI's form.

A row of OpenAI chat JSONL is a conversation whose last assistant message is the target.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from underdog.answerer import Message
from underdog.errors import DataError
from underdog.reading.json_text import parse

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
# Tool lists of older sets (BFCL among them) name types as Python does; JSON Schema's names are sent.
JSON_TYPES = {
    "dict": "object",
    "float": "number",
    "tuple": "array",
    "list": "array",
    "bool": "boolean",
    "int": "integer",
    "str": "string",
}


def messages_of(value: Any, where: str) -> tuple[Message, ...]:
    """A conversation.

    Raises:
        DataError: no list, a message without a role or with an unknown one, nothing said, or nothing asked.
    """
    if not isinstance(value, list | tuple) or not value:
        raise DataError(f"{where}: messages must be a list with at least one message; got {value!r:.60}")
    for index, message in enumerate(value, start=1):
        role = message.get("role") if isinstance(message, Mapping) else None
        if role not in ROLES:
            raise DataError(
                f"{where}: message {index} must have a role, one of {', '.join(ROLES)}; got {role!r}"
            )
        content = message.get("content")
        if not isinstance(content, str | list) and not message.get("tool_calls"):
            raise DataError(
                f"{where}: the content of message {index} must be a text or a list of parts; "
                f"got {type(content).__name__}"
            )
    if not any(said(message) for message in value if message["role"] not in ("system", "developer")):
        raise DataError(f"{where}: the input is empty; every message is blank")
    return tuple(value)


def said(message: Message) -> bool:
    """Whether a message says anything."""
    content = message.get("content")
    return bool(content.strip() if isinstance(content, str) else content or message.get("tool_calls"))


def last_turn(messages: tuple[Message, ...], where: str) -> tuple[tuple[Message, ...], Any]:
    """A conversation without its last assistant message, and that message as a target: text or tool calls.

    Raises:
        DataError: the conversation does not end with an answer.
    """
    *before, last = messages
    if last["role"] != "assistant" or not before:
        raise DataError(
            f"{where}: the last message must be the assistant's, it is the target; got {last['role']!r}: "
            "or name a target"
        )
    calls = last.get("tool_calls")
    if not calls:
        return tuple(before), last["content"]
    target = []
    for call in calls:
        function = call.get("function", {}) if isinstance(call, Mapping) else {}
        arguments = function.get("arguments", "{}")
        arguments = parse(arguments) if isinstance(arguments, str) else arguments
        if not isinstance(function.get("name"), str) or not isinstance(arguments, Mapping):
            raise DataError(
                f"{where}: every tool call of the target must have a function with a name and JSON "
                f"arguments; got {call!r:.80}"
            )
        target.append({"name": function["name"], "arguments": arguments})
    return tuple(before), target


def tools_of(value: Any, where: str) -> tuple[Mapping[str, Any], ...]:
    """Tools in OpenAI's form; a bare function ({"name", "parameters"}) is wrapped, one tool is a list of one.

    Raises:
        DataError: no list, or an element without a name.
    """
    tools = parse(value) if isinstance(value, str) else value
    if tools is None:
        return ()
    if isinstance(tools, Mapping):
        tools = [tools]
    if not isinstance(tools, list | tuple):
        raise DataError(f"{where}: tools must be a list of tools; got {value!r:.60}")
    found = []
    for index, tool in enumerate(tools, start=1):
        function = tool.get("function", tool) if isinstance(tool, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise DataError(f"{where}: tool {index} must have a name; got {tool!r:.80}")
        found.append({"type": "function", "function": schema(function)})
    return tuple(found)


def schema(value: Any) -> Any:
    """A schema with JSON Schema's names of types; "any" is no restriction."""
    if isinstance(value, list):
        return [schema(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    kind = value.get("type")
    made = {key: schema(one) for key, one in value.items()}
    if isinstance(kind, str):
        if kind.lower() == "any":
            del made["type"]
        else:
            made["type"] = JSON_TYPES.get(kind, kind)
    return made
