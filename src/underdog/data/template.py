"""How a row becomes text: sandboxed Jinja templates, or the name of a column.

A string with `{{` or `{%` is a template, any other names a column ("answer", or "answer.text" inside an
object). Templates are strict: what a row does not have, or a null printed as if it were text, is an error
and never the word "None" in a prompt.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from underdog.data.rows import Row
from underdog.errors import DataError, StudyError
from underdog.reading import near
from underdog.reading.json_text import MISSING, at_path

Maker = Callable[[Row], Any]


def is_template(source: str) -> bool:
    return "{{" in source or "{%" in source


def maker(key: str, source: str) -> Maker:
    """What makes the value of a task's key out of a row, by template or column.

    Raises:
        StudyError: the template does not parse.
    """
    return templated(key, source) if is_template(source) else column(key, source)


def column(key: str, name: str) -> Maker:
    """The value in a column, or at a dotted place inside one."""

    def make(row: Row) -> Any:
        value = row.values.get(name, MISSING)
        if value is MISSING:
            value = at_path(row.values, name)
        if value is MISSING:
            raise DataError(
                f"{row.where}: {key} names the column {name!r}, which the row does not have"
                f"{near(name, list(row.values))}; it has {', '.join(map(str, row.values)) or 'none'}"
            )
        return value

    return make


def templated(key: str, source: str) -> Maker:
    """The text that a template makes of a row."""
    import jinja2  # 70 ms, and many tasks need no template

    try:
        template = environment().from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise StudyError(f"{key}: the template must be Jinja; line {error.lineno}: {error.message}") from None

    def make(row: Row) -> str:
        try:
            return str(template.render(row.values))
        except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            names = ", ".join(map(str, row.values))
            reason = error.message if isinstance(error, jinja2.TemplateError) else error
            raise DataError(
                f"{row.where}: the template of {key} failed: {reason}; the row has {names}"
            ) from None

    return make


@cache
def environment() -> Any:
    """The one Jinja environment: sandboxed, strict, and with a `tojson` that is not meant for HTML."""
    import jinja2
    import jinja2.sandbox

    def printed(value: Any) -> Any:
        if value is None:
            raise jinja2.UndefinedError("it prints a null; write {{ x or '' }} where that is meant")
        return value

    made = jinja2.sandbox.ImmutableSandboxedEnvironment(
        undefined=jinja2.StrictUndefined, autoescape=False, finalize=printed, keep_trailing_newline=True
    )
    made.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    return made


def deep(key: str, value: Any) -> Maker:
    """The same JSON value with every text in it that is a template filled in."""
    if isinstance(value, str):
        return templated(key, value) if is_template(value) else lambda row: value
    if isinstance(value, Mapping):
        inside = {name: deep(f"{key}.{name}", one) for name, one in value.items()}
        return lambda row: {name: make(row) for name, make in inside.items()}
    if isinstance(value, list | tuple):
        makers = [deep(f"{key}.{index}", one) for index, one in enumerate(value)]
        return lambda row: [make(row) for make in makers]
    return lambda row: value
