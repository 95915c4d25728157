"""Countdown: make the target from the numbers, each used exactly once, with + - * / and brackets.

Many answers are right and an exact check is cheap, so this is the world where drawing several answers and
keeping a verified one can pay (arXiv:2404.03683 trains models on this game; arXiv:2407.21787 on repeated
sampling). The split is by the multiset of numbers: a tested set of numbers never occurs in training.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from random import Random
from typing import ClassVar

from underdog.answerer import Message
from underdog.example import Example
from underdog.scorers import Python, Scorer
from underdog.tiny.world import World, fold, said

FORMS = (
    "{numbers} -> {target}",
    "Numbers {numbers}. Target {target}.",
    "Make {target} from {numbers}.",
    "Use {numbers} to get {target}.",
)
PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}
Tree = tuple[str, int, int]
"""An expression: its text, its value, and the precedence of its outermost operation (3 for a number)."""


def joined(left: Tree, right: Tree, operation: str) -> Tree | None:
    """The two expressions combined, or None when the value would be negative, broken or over 200."""
    (a, x, inner), (b, y, outer) = left, right
    level = PRECEDENCE[operation]
    values = {"+": x + y, "-": x - y, "*": x * y, "/": x // y if y and x % y == 0 else -1}
    result = values[operation]
    if not 0 <= result <= 200 or (operation in "*/" and 1 in (x, y) and inner + outer < 6):
        return None
    first = f"({a})" if inner < level else a
    second = f"({b})" if outer < level or (outer == level and operation in "-/") else b
    return f"{first}{operation}{second}", result, level


def solution(numbers: list[int], rng: Random) -> tuple[str, int] | None:
    """A random expression over all numbers with its value, or None when the random try failed."""
    trees: list[Tree] = [(str(number), number, 3) for number in numbers]
    while len(trees) > 1:
        rng.shuffle(trees)
        made = joined(trees.pop(), trees.pop(), rng.choice("++-**/"))
        if made is None:
            return None
        trees.append(made)
    return trees[0][0], trees[0][1]


def value(text: str) -> Fraction | None:
    """The exact value of an expression of numbers, + - * / and brackets, or None if it is anything else."""
    if not re.fullmatch(r"[0-9+\-*/() ]{1,60}", text):
        return None
    try:
        return computed(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError):
        return None


def computed(node: ast.expr) -> Fraction:
    """The value of one node; anything but the four operations raises ValueError."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return Fraction(node.value)
    if not isinstance(node, ast.BinOp):
        raise ValueError("not one of the four operations")
    left, right = computed(node.left), computed(node.right)
    if isinstance(node.op, ast.Add):
        return left + right
    if isinstance(node.op, ast.Sub):
        return left - right
    if isinstance(node.op, ast.Mult):
        return left * right
    if isinstance(node.op, ast.Div):
        return left / right
    raise ValueError("not one of the four operations")


def solves(text: str, numbers: list[int], target: int) -> bool:
    """Whether the expression uses exactly these numbers and has exactly this value."""
    used = Counter(int(number) for number in re.findall(r"\d+", text))
    return used == Counter(numbers) and value(text) == target


def right(final: str, example: Example) -> bool:
    """Whether the final answer solves the game; the function that the scorer names."""
    return solves(final, list(example.fields["numbers"]), int(example.fields["goal"]))


def asked(text: str) -> tuple[list[int], int]:
    """The numbers and the target of a game as it is put in any of the forms."""
    found = [int(number) for number in re.findall(r"\d+", text)]
    return (found[1:], found[0]) if text.startswith("Make") else (found[:-1], found[-1])


def check(messages: Sequence[Message], text: str) -> tuple[bool, str]:
    """Whether an answer solves the game that was asked, and what is wrong with it; for the lever Check."""
    numbers, target = asked(str(messages[-1]["content"]))
    used = [int(number) for number in re.findall(r"\d+", text)]
    made = value(text.strip())
    if made is None:
        return False, "This is no expression of numbers, + - * / and brackets."
    if Counter(used) != Counter(numbers):
        return False, f"It must use {' '.join(map(str, numbers))} once each."
    return made == target, "" if made == target else f"Its value is {made} and not {target}."


class Countdown(World):
    """Three numbers of 1 to 20, or one time in four four numbers of 1 to 10, and a target up to 100."""

    name: ClassVar[str] = "countdown"
    systems = ("Use each number once.", "Solve the game.", "Answer with one expression.", "Countdown.")
    share: ClassVar[float] = 0.22
    graded: ClassVar[str] = "count"

    def draw(self, split: str, rng: Random) -> Example:
        """One game with the solution that it was made from as target."""
        while True:
            count = rng.choice((3, 3, 3, 4))
            numbers = [rng.randint(1, 20 if count == 3 else 10) for _ in range(count)]
            key = " ".join(map(str, sorted(numbers)))
            if fold(f"numbers/{key}") != split:
                continue
            solved = solution(numbers, rng)
            if solved is not None and 1 <= solved[1] <= 100:
                return self.item(numbers, key, solved, rng)

    def item(self, numbers: list[int], key: str, solved: tuple[str, int], rng: Random) -> Example:
        """The game written out, its numbers in random order."""
        expression, target = solved
        rng.shuffle(numbers)
        shown = " ".join(map(str, numbers))
        return Example(
            id=f"countdown/{key}/{target}",
            group=key,
            messages=(
                said("system", self.systems[0]),
                said("user", rng.choice(FORMS).format(numbers=shown, target=target)),
            ),
            target=expression,
            fields={"numbers": numbers, "goal": target, "count": len(numbers)},
        )

    @property
    def scorer(self) -> Scorer:
        """Any expression that uses the numbers once each and has the value."""
        return Python(f"{__name__}:right")

    def key(self, item: Example) -> str:
        """The multiset of numbers."""
        return "numbers/" + " ".join(map(str, sorted(item.fields["numbers"])))


WORLD = Countdown()
