"""Constraints over small ranges: options that hold in every solution, and nothing run as code."""

from __future__ import annotations

import pytest

from underdog.solvers.csp import solve
from underdog.solvers.formulation import Unreadable

SHELF = """
Domain:
1: leftmost
3: rightmost
Variables:
red [IN] [1, 2, 3]
green [IN] [1, 2, 3]
blue [IN] [1, 2, 3]
Constraints:
AllDifferentConstraint([red, green, blue]) ::: All have different places.
{constraints}
Query:
A) red == 1 ::: The red book is leftmost.
B) red == 2
C) red == 3
"""


@pytest.mark.parametrize(
    ("constraints", "answer"),
    [
        ("red < green\ngreen < blue", "A"),
        ("red > green and red < blue", "B"),
        ("red - 1 == 2", "C"),
        ("abs == 1", None),
        ("not (red == 1 or red == 2)", "C"),
        ("1 < red < 3", "B"),
        ("red != 2", "unknown"),
        ("red == green", "infeasible"),
        ("red == 4", "infeasible"),
        ("2 == 2\nred == -(-1)", "A"),
    ],
)
def test_the_option_that_holds_in_every_solution_is_the_answer(constraints, answer):
    text = SHELF.format(constraints=constraints)
    if answer is None:
        with pytest.raises(Unreadable, match=r"'abs' .* is none of the variables red, green, blue"):
            solve(text)
    else:
        assert solve(text) == answer


@pytest.mark.parametrize(
    "line",
    [
        "__import__('os').system('true')",
        "red.real == 1",
        "red ** 99 == 1",
        "[x for x in range(9)]",
        "red == 'one'",
        "red <",
        "AllDifferentConstraint(red)",
        "(" * 300 + "red" + ")" * 300 + " == 1",
        "lambda: red",
    ],
)
def test_what_is_no_comparison_is_refused_and_never_run(line):
    with pytest.raises(Unreadable, match="a constraint"):
        solve(SHELF.format(constraints=line))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("red [IN] [1, 2, 3]", "red [IN] [left, right]", "like green_book"),
        ("A) red == 1", "red == 1", "an option must be like"),
        ("Query:", "Nothing:", "a section Query"),
    ],
)
def test_a_program_that_is_none_says_which_line(old, new, says):
    with pytest.raises(Unreadable, match=says):
        solve(SHELF.format(constraints="red < green").replace(old, new))


def test_a_search_that_does_not_end_soon_is_refused():
    names = [f"v{i}" for i in range(12)]
    ranges = "\n".join(f"{name} [IN] [1, 2, 3, 4, 5, 6]" for name in names)
    total = " + ".join(names)
    with pytest.raises(Unreadable, match="more than 100,000 steps"):
        solve(f"Variables:\n{ranges}\nConstraints:\n{total} == 999\nQuery:\nA) v0 == 1")
