"""Mixed-integer linear programs, stated as JSON and solved by HiGHS (Huangfu & Hall 2018) through scipy.

    {"maximize": {"a": 5, "b": 4},
     "subject_to": [{"terms": {"a": 3, "b": 2}, "at_most": 4}],
     "variables": {"a": {"upper": 1, "integer": true}, "b": {"upper": 1, "integer": true}}}

A variable is at least 0 unless it says otherwise. That there is no solution, or no bound to how good one can
be, is an answer and not an error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from underdog.answerer import Answer
from underdog.reading import Reading
from underdog.solvers.formulation import Unreadable

SOLVED, INFEASIBLE, UNBOUNDED, OUT_OF_TIME = "solved", "infeasible", "unbounded", "out_of_time"
MOST_VARIABLES, MOST_CONSTRAINTS = 2_000, 2_000
# scipy's words for how HiGHS ended; 4 is also "infeasible or unbounded", which a second run tells apart.
ENDED = {0: SOLVED, 1: OUT_OF_TIME, 2: INFEASIBLE, 3: UNBOUNDED}
FOUND = Reading("json", lenient=True)

Terms = dict[str, float]


class Variable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A variable's range; None is no bound."""

    lower: float | None = 0
    upper: float | None = None
    integer: bool = False


class Constraint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A bound on a weighted sum of variables."""

    terms: Terms
    at_most: float | None = None
    at_least: float | None = None
    equals: float | None = None


class Program(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One objective, constraints and the variables."""

    variables: dict[str, Variable]
    maximize: Terms | None = None
    minimize: Terms | None = None
    subject_to: list[Constraint] = []


@dataclass(frozen=True)
class Solution:
    """How the solver ended, and for a solved program its optimum and a point that reaches it."""

    status: str
    objective: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)


def solve(text: str, seconds: float = 10.0) -> Solution:
    """Solve the first JSON value in a text, in at most so many seconds.

    Raises:
        Unreadable: there is no JSON, or it states no program.
    """
    program = program_from(text)
    found = _run(program, seconds)
    if found.status:
        return found
    bare = msgspec.structs.replace(program, maximize=None, minimize={})
    return Solution(UNBOUNDED if _run(bare, seconds).status == SOLVED else INFEASIBLE)


def program_from(text: str) -> Program:
    """The program in a text.

    Raises:
        Unreadable: there is none.
    """
    written = FOUND.read(Answer(text))
    if written is None:
        raise Unreadable('a program must be a JSON object with "maximize", "subject_to" and "variables"')
    try:
        program = msgspec.json.decode(written, type=Program)
    except (msgspec.ValidationError, msgspec.DecodeError) as problem:
        raise Unreadable(f"the program is not as it must be: {problem}") from None
    if (program.maximize is None) == (program.minimize is None):
        raise Unreadable('a program must have one objective, "maximize" or "minimize"')
    if not 0 < len(program.variables) <= MOST_VARIABLES or len(program.subject_to) > MOST_CONSTRAINTS:
        raise Unreadable(
            f"1 to {MOST_VARIABLES} variables and up to {MOST_CONSTRAINTS} constraints are solved"
        )
    for terms in (program.maximize or program.minimize or {}, *(one.terms for one in program.subject_to)):
        if unknown := sorted(set(terms) - set(program.variables)):
            raise Unreadable(f"{unknown[0]!r} is none of the variables {', '.join(program.variables)}")
    for one in program.subject_to:
        if one.at_most is None and one.at_least is None and one.equals is None:
            raise Unreadable('a constraint must have "at_most", "at_least" or "equals"')
    return program


def _run(program: Program, seconds: float) -> Solution:
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp

    names, variables = list(program.variables), list(program.variables.values())
    sign = -1.0 if program.maximize is not None else 1.0
    objective = program.maximize if program.maximize is not None else program.minimize
    assert objective is not None
    rows = [[one.terms.get(name, 0.0) for name in names] for one in program.subject_to]
    result = milp(
        sign * np.array([objective.get(name, 0.0) for name in names]),
        integrality=np.array([int(one.integer) for one in variables]),
        bounds=Bounds(
            [-math.inf if one.lower is None else one.lower for one in variables],
            [math.inf if one.upper is None else one.upper for one in variables],
        ),
        constraints=LinearConstraint(rows, *_sides(program)) if rows else (),
        options={"time_limit": seconds},
    )
    status = ENDED.get(result.status, "")
    if status != SOLVED:
        return Solution(status)
    values = {
        name: round(float(value)) if one.integer else float(value)
        for name, one, value in zip(names, variables, result.x, strict=True)
    }
    return Solution(SOLVED, sign * float(result.fun), values)


def _sides(program: Program) -> tuple[list[float], list[float]]:
    """The least and the most that each constraint's sum may be."""
    lower, upper = [], []
    for one in program.subject_to:
        least = [side for side in (one.at_least, one.equals) if side is not None]
        most = [side for side in (one.at_most, one.equals) if side is not None]
        lower.append(max(least, default=-math.inf))
        upper.append(min(most, default=math.inf))
    return lower, upper
