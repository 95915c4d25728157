"""Constraints over small ranges of whole numbers, as Logic-LM's programs for LogicalDeduction state them.

    Variables:
    green_book [IN] [1, 2, 3]
    Constraints:
    green_book > blue_book
    AllDifferentConstraint([green_book, blue_book, white_book])
    Query:
    A) green_book == 2

Statements are Python comparisons of variables, numbers and + - * over them, joined by and, or, not. They are
read as syntax and interpreted here: nothing is evaluated as code.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from underdog.solvers.formulation import Unreadable, needed, sections

VARIABLE = re.compile(r"^([^\W\d]\w*)\s*\[IN\]\s*\[([-\d,\s]+)\]$")
OPTION = re.compile(r"^\(?([A-Z])\)\s*(.+)$")
DIFFERENT = "AllDifferentConstraint"
MOST_STEPS = 100_000
INFEASIBLE, UNKNOWN = "infeasible", "unknown"

OPERATIONS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}

ALLOWED = {*OPERATIONS, ast.Compare, ast.BoolOp, ast.BinOp, ast.UnaryOp, ast.And, ast.Or, ast.Name, ast.Load}

Values = Mapping[str, int]


@dataclass(frozen=True)
class Constraint:
    """A condition and the variables that it is about."""

    expression: ast.expr
    names: frozenset[str]

    def holds(self, values: Values) -> bool:
        """Whether it holds; all its variables must have values."""
        return bool(_value(self.expression, values))


@dataclass(frozen=True)
class Program:
    """Ranges, constraints and the options that are asked about."""

    ranges: Mapping[str, tuple[int, ...]]
    constraints: tuple[Constraint, ...]
    options: Mapping[str, Constraint]


def solve(text: str) -> str:
    """The first option that holds in every solution; "infeasible" where there is no solution, else "unknown".

    Raises:
        Unreadable: a line is no variable, constraint or option, or the search is too long.
    """
    program = program_from(text)
    open_options, any_solution = dict(program.options), False
    for values in solutions(program.ranges, program.constraints):
        any_solution = True
        open_options = {name: one for name, one in open_options.items() if one.holds(values)}
        if not open_options:
            return UNKNOWN
    return next(iter(open_options)) if any_solution else INFEASIBLE


def program_from(text: str) -> Program:
    """A program out of its text.

    Raises:
        Unreadable: a section is missing or a statement is none.
    """
    found = sections(text)
    ranges = {}
    for line in needed(found, "Variable"):
        read = VARIABLE.match(line)
        numbers = re.findall(r"-?\d+", read[2]) if read else []
        if read is None or not numbers:
            raise Unreadable(f"a variable must be like green_book [IN] [1, 2, 3]; got {line!r}")
        ranges[read[1]] = tuple(int(number) for number in numbers)
    options = {}
    for line in needed(found, "Query"):
        option = OPTION.match(line)
        if option is None:
            raise Unreadable(f"an option must be like A) green_book == 2; got {line!r}")
        options[option[1]] = constraint_from(option[2], ranges)
    constraints = [constraint_from(line, ranges) for line in found.get("Constraint", [])]
    return Program(ranges, tuple(part for one in constraints for part in _parts(one)), options)


def constraint_from(text: str, ranges: Mapping[str, Any]) -> Constraint:
    """A condition out of its text.

    Raises:
        Unreadable: it is no comparison, or speaks of what is no variable.
    """
    try:
        expression = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        raise Unreadable(f"a constraint must be a comparison; got {text!r}") from None
    _check(expression, text)
    found = _names(expression)
    if unknown := sorted(found - set(ranges)):
        raise Unreadable(f"{unknown[0]!r} in {text!r} is none of the variables {', '.join(ranges)}")
    return Constraint(expression, found)


def solutions(
    ranges: Mapping[str, Sequence[int]], constraints: Sequence[Constraint]
) -> Iterator[dict[str, int]]:
    """Every assignment that satisfies all constraints; each is tested as soon as its variables are set.

    Raises:
        Unreadable: the search takes more steps than a small problem does.
    """
    names = list(ranges)
    last = {name: place for place, name in enumerate(names)}
    due: list[list[Constraint]] = [[] for _ in names]
    for one in constraints:
        due[max((last[name] for name in one.names), default=0)].append(one)
    steps = 0

    def deeper(depth: int, values: dict[str, int]) -> Iterator[dict[str, int]]:
        nonlocal steps
        if depth == len(names):
            yield dict(values)
            return
        for value in ranges[names[depth]]:
            steps += 1
            if steps > MOST_STEPS:
                raise Unreadable(f"the search takes more than {MOST_STEPS:,} steps")
            values[names[depth]] = value
            if all(one.holds(values) for one in due[depth]):
                yield from deeper(depth + 1, values)
        del values[names[depth]]

    yield from deeper(0, {})


def _parts(one: Constraint) -> list[Constraint]:
    """All different as its pairs, each of which is tested as early as it can be; others as they are."""
    if not isinstance(one.expression, ast.Call):
        return [one]
    listed: Any = one.expression.args[0]
    return [
        Constraint(ast.Compare(a, [ast.NotEq()], [b]), _names(a) | _names(b))
        for a, b in combinations(listed.elts, 2)
    ]


def _names(expression: ast.expr) -> frozenset[str]:
    found = (node.id for node in ast.walk(expression) if isinstance(node, ast.Name))
    return frozenset(found) - {DIFFERENT}


def _check(expression: ast.expr, text: str) -> None:
    """Only comparisons, boolean words, small arithmetic and AllDifferentConstraint([...])."""
    different = set[ast.AST]()  # what belongs to a call that is allowed
    for node in ast.walk(expression):  # breadth first: a call comes before its parts
        if isinstance(node, ast.Call):
            named = isinstance(node.func, ast.Name) and node.func.id == DIFFERENT
            if not named or len(node.args) != 1 or not isinstance(node.args[0], ast.List) or node.keywords:
                raise Unreadable(f"only {DIFFERENT}([...]) may be called in a constraint; got {text!r}")
            different |= {node, node.args[0]}
        whole = isinstance(node, ast.Constant) and isinstance(node.value, int)
        if not whole and node not in different and type(node) not in ALLOWED:
            raise Unreadable(f"a constraint may hold comparisons, and, or, not, + - *; got {text!r}")


def _value(node: Any, values: Values) -> Any:
    """The value of a checked expression."""
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Call):
        listed: Any = node.args[0]
        found = [_value(one, values) for one in listed.elts]
        return len(set(found)) == len(found)
    if isinstance(node, ast.BoolOp):
        held = (_value(one, values) for one in node.values)
        return all(held) if isinstance(node.op, ast.And) else any(held)
    if isinstance(node, ast.UnaryOp):
        return OPERATIONS[type(node.op)](_value(node.operand, values))
    if isinstance(node, ast.BinOp):
        return OPERATIONS[type(node.op)](_value(node.left, values), _value(node.right, values))
    sides = [_value(one, values) for one in (node.left, *node.comparators)]
    return all(
        OPERATIONS[type(op)](left, right) for op, left, right in zip(node.ops, sides, sides[1:], strict=False)
    )
