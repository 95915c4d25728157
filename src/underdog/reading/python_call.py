"""Tool calls written as Python, `[f(a=1), pkg.g(b="x")]`, parsed to plain values without running anything.

Not a reading rule; tool_call.py stands on it. The meaning of what is not a literal follows BFCL's own
decoder, so that its verdicts can be reproduced: a name is its text, an expression is its source.
"""

from __future__ import annotations

import ast
import warnings
from typing import Any

MAX_CHARS = 50_000
JSON_NAMES = {"true": True, "false": False, "null": None}

Call = dict[str, Any]


class NotACall(ValueError):
    """The text is Python, but not a list of calls with keyword arguments."""


def parse(text: str, signatures: dict[str, list[str]], lenient: bool = False) -> list[Call] | None:
    """The calls that the whole text is, as {"name", "arguments"}; None when it is something else.

    The text may be one call, calls between commas or a list of calls. Positional arguments are named by
    `signatures` (tool name -> its parameters in order), and refused where there is none.
    """
    text = text.strip().rstrip(";").strip()
    if len(text) > MAX_CHARS or "(" not in text:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a model's "\d" is no warning of ours
            body = ast.parse(text, mode="eval").body
        nodes = body.elts if isinstance(body, ast.List | ast.Tuple) else [body]
        return [call(node, signatures, lenient) for node in nodes] or None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def call(node: ast.expr, signatures: dict[str, list[str]], lenient: bool) -> Call:
    """One call as a name and arguments."""
    if not isinstance(node, ast.Call):
        raise NotACall
    name = dotted(node.func)
    arguments: dict[str, Any] = {}
    if node.args:
        order = signatures.get(name, [])
        if len(node.args) > len(order):
            raise NotACall
        arguments.update((key, literal(value, lenient)) for key, value in zip(order, node.args, strict=False))
    for keyword in node.keywords:
        if keyword.arg is None:
            raise NotACall
        arguments[keyword.arg] = literal(keyword.value, lenient)
    return {"name": name, "arguments": arguments}


def dotted(node: ast.expr) -> str:
    """The name of what is called: `f` or `pkg.mod.f`."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise NotACall
    return ".".join([node.id, *reversed(parts)])


def literal(node: ast.expr, lenient: bool) -> Any:
    """The JSON value of an argument; what is no literal is its source text."""
    match node:
        case ast.Constant(value=str() | bool() | int() | float() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            return [literal(part, lenient) for part in parts]
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {
                str(literal(key, lenient)): literal(value, lenient)
                for key, value in zip(keys, values, strict=True)
                if key is not None
            }
        case ast.Name(id=name) if lenient and name in JSON_NAMES:
            return JSON_NAMES[name]
        case ast.Name(id=name):
            return name
        case ast.Call(func=func, args=[], keywords=keywords) if all(k.arg for k in keywords):
            return {dotted(func): {str(k.arg): literal(k.value, lenient) for k in keywords}}
    return ast.unparse(node)
