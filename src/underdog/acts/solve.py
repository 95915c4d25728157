"""The act `solve`: a formulation goes to the solver of its kind. The solvers are in `solvers/`."""

from __future__ import annotations

from typing import Any

from underdog.solvers import chainer, csp, milp
from underdog.solvers.formulation import Unreadable

SOLVED, UNREADABLE, UNDECIDED = "solved", "unreadable", "undecided"

SAID = {
    csp.INFEASIBLE: "no values of the variables satisfy all constraints",
    milp.UNBOUNDED: "the objective has no bound: a constraint is missing",
    milp.OUT_OF_TIME: "the solver did not end in its time",
    UNDECIDED: "none of the options follows from the constraints",
}


def solve(kind: str, program: str) -> dict[str, Any]:
    """What the solver of a kind (rules, constraints or milp) says of a program.

    `status` is solved, infeasible, unbounded, undecided (no option follows), out_of_time or unreadable;
    `answer` a word, a letter or the optimum, as text; `values` the variables of an optimum; `message` what is
    wrong with a program that is not solved.
    """
    values: dict[str, float] = {}
    try:
        if kind == "rules":
            status, answer = SOLVED, chainer.solve(program)
        elif kind == "constraints":
            answer = csp.solve(program)
            status = {csp.INFEASIBLE: csp.INFEASIBLE, csp.UNKNOWN: UNDECIDED}.get(answer, SOLVED)
        else:
            found = milp.solve(program)
            status, answer, values = found.status, _written(found.objective), dict(found.values)
    except Unreadable as problem:
        return {"status": UNREADABLE, "answer": None, "values": {}, "message": str(problem)}
    if status != SOLVED:
        return {"status": status, "answer": None, "values": {}, "message": SAID[status]}
    return {"status": SOLVED, "answer": answer, "values": values, "message": ""}


def _written(objective: float | None) -> str:
    """An optimum as text, exact for whole numbers; HiGHS works in floating point."""
    return "" if objective is None else f"{round(objective, 9) + 0.0:.12g}"
