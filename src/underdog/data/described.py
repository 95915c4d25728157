"""A task's description (the mapping in a study file) as examples: which column is what, checked row by row.

Makes Examples out of rows; what the task's words mean for splits, scoring and reading is in `task.py`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from underdog.answerer import Message, digest
from underdog.data import load_rows
from underdog.data.chat import last_turn, messages_of, tools_of
from underdog.data.rows import Row
from underdog.data.template import Maker, deep, is_template, maker
from underdog.errors import DataError, StudyError
from underdog.example import Example

Make = Callable[[Row], Any]


@dataclass(frozen=True)
class Columns:
    """What makes each part of an example out of a row; None where the description names nothing."""

    messages: Callable[[Row], tuple[Message, ...]]
    chat: bool
    target: Make | None
    tools: Make | None
    response_format: Make | None
    id: Make | None
    group: Make | None
    split: Make | None


def examples_from(description: Mapping[str, Any], base: Path) -> tuple[Example, ...]:
    """The examples that a description's data hold.

    Raises:
        DataError: a row is not what the description says; names the file and line.
        StudyError: the description asks for what cannot be done.
    """
    rows = load_rows(data_of(description), base, description.get("format"))
    limit = count(description, "limit")
    columns = columns_of(description)
    wanted = filter_of(description)
    skipped = {str(one) for one in description.get("skip", ())}
    needs_target = description.get("reference") is None
    examples: dict[str, Example] = {}
    for row in islice((row for row in rows if wanted(row)), limit):
        example = example_from(row, columns, needs_target)
        if example.id in skipped:
            skipped.discard(example.id)
            continue
        if example.id in examples:
            other = examples[example.id].where
            raise DataError(f"{row.where}: ids must differ; {example.id!r} is also the id at {other}")
        examples[example.id] = example
    if skipped:
        raise StudyError(f"skip: every id must be in the data; {sorted(skipped)[0]!r} is not")
    return sampled(tuple(examples.values()), count(description, "sample"), description.get("seed", 0))


def data_of(description: Mapping[str, Any]) -> str | list[str]:
    """Where the data are."""
    data = description.get("data")
    if isinstance(data, str) or (isinstance(data, list) and data and all(isinstance(d, str) for d in data)):
        return data
    raise StudyError(f"data: must be a path, a glob pattern, a list of them or hf://org/name; got {data!r}")


def filter_of(description: Mapping[str, Any]) -> Callable[[Row], bool]:
    """Which rows are taken: those whose columns have one of the values that `where` lists.

    Raises:
        StudyError: `where` is no mapping of columns to values.
    """
    where = description.get("where", {})
    if not isinstance(where, Mapping):
        raise StudyError(f"where: must map columns to the values to keep; got {where!r:.60}")
    allowed = [
        (maker("where", str(name)), values if isinstance(values, list) else [values])
        for name, values in where.items()
    ]
    return lambda row: all(make(row) in values for make, values in allowed)


def count(description: Mapping[str, Any], key: str) -> int | None:
    """A number of rows, or None."""
    value = description.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise StudyError(f"{key}: must be a whole number from 1; got {value!r}")
    return value


def sampled(examples: tuple[Example, ...], n: int | None, seed: int) -> tuple[Example, ...]:
    """`n` of the examples, the same ones for the same seed whatever their order; all when n is None."""
    if n is None or n >= len(examples):
        return examples
    ranked = sorted(examples, key=lambda e: hashlib.sha256(f"{seed}/{e.id}".encode()).digest())
    chosen = {example.id for example in ranked[:n]}
    return tuple(example for example in examples if example.id in chosen)


def columns_of(description: Mapping[str, Any]) -> Columns:
    """What the description's keys say of columns.

    Raises:
        StudyError: two ways of asking, or a template that does not parse.
    """

    def named(key: str) -> Maker | None:
        value = description.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise StudyError(f"{key}: must be a column's name or a template; got {value!r}")
        return maker(key, value)

    ways = [key for key in ("input", "messages") if key in description]
    if len(ways) > 1:
        raise StudyError("input: a task has an input or messages, not both; leave one out")
    return Columns(
        messages=messages_maker(description),
        chat=not ways,
        target=named("target"),
        tools=column_or_value(description, "tools"),
        response_format=column_or_value(description, "response_format"),
        id=named("id"),
        group=named("group"),
        split=named("split"),
    )


def column_or_value(description: Mapping[str, Any], key: str) -> Make | None:
    """A column's name, or the same value for every row."""
    value = description.get(key)
    if value is None:
        return None
    return maker(key, value) if isinstance(value, str) else lambda row: value


def messages_maker(description: Mapping[str, Any]) -> Callable[[Row], tuple[Message, ...]]:
    """What makes a row's messages: `input`, a list of templates, or the row's own conversation."""
    system = description.get("system")
    if system is not None and not isinstance(system, str):
        raise StudyError(f"system: must be a text or a template; got {system!r}")
    opening = deep("system", system) if system is not None else None
    turns = turns_maker(description)

    def make(row: Row) -> tuple[Message, ...]:
        turned = turns(row)
        if opening is not None and isinstance(turned, list | tuple):
            turned = [{"role": "system", "content": opening(row)}, *turned]
        return messages_of(turned, row.where)

    return make


def turns_maker(description: Mapping[str, Any]) -> Make:
    """What makes the messages after the system's."""
    source = description.get("input")
    if source is not None:
        if not isinstance(source, str):
            raise StudyError(f"input: must be a column's name or a template; got {source!r}")
        text = maker("input", source)
        return lambda row: [{"role": "user", "content": worded(text(row), row)}]
    source = description.get("messages")
    if isinstance(source, list):
        return deep("messages", source)
    if source is None or (isinstance(source, str) and not is_template(source)):
        return maker("messages", source or "messages")
    raise StudyError(f"messages: must be a list of messages or a column's name; got {source!r:.60}")


def worded(value: Any, row: Row) -> str | list[Any]:
    """An input's content: a text, a number as text, or a list of parts (texts and images)."""
    if isinstance(value, str | list):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return str(value)
    raise DataError(f"{row.where}: the input must be a text or a list of parts; got {value!r:.60}")


def example_from(row: Row, columns: Columns, needs_target: bool) -> Example:
    """The example that a row is."""
    messages = columns.messages(row)
    target = None
    if columns.target is not None:
        target = columns.target(row)
        if columns.chat and messages[-1]["role"] == "assistant":
            messages = messages[:-1]
    elif columns.chat:
        messages, target = last_turn(messages, row.where)
    target = checked(target, row.where, needs_target)
    tools = tools_of(columns.tools(row), row.where) if columns.tools else own_tools(row, columns)
    response_format = columns.response_format(row) if columns.response_format else None
    if response_format is not None and not isinstance(response_format, Mapping):
        raise DataError(f"{row.where}: response_format must be an object; got {response_format!r:.60}")
    return Example(
        id=text_at(columns.id, "id", row) if columns.id else row.where,
        group=text_at(columns.group, "group", row) if columns.group else digest([messages, tools]),
        messages=messages,
        target=target,
        tools=tools,
        response_format=response_format,
        fields=row.values,
        where=row.where,
        placed=text_at(columns.split, "split", row) if columns.split else None,
    )


def own_tools(row: Row, columns: Columns) -> tuple[Mapping[str, Any], ...]:
    """The tools that a row of OpenAI chat JSONL brings along."""
    return tools_of(row.values.get("tools"), row.where) if columns.chat else ()


def checked(target: Any, where: str, needed: bool) -> Any:
    """The target, when it is one.

    Raises:
        DataError: it is NaN, or null although the task needs one.
    """
    if isinstance(target, float) and not math.isfinite(target):
        raise DataError(f"{where}: the target must be a JSON value; got {target}: leave such rows out")
    if needed and (target is None or target == ""):
        raise DataError(
            f"{where}: there is no target; name its column with target:, leave the row out with skip:, or "
            "say reference: to measure agreement with a model instead"
        )
    return target


def text_at(make: Make, key: str, row: Row) -> str:
    """An id, group or split: a text or a number."""
    value = make(row)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise DataError(f"{row.where}: the {key} must be a text or a number; got {value!r:.60}")
    return str(value)
