"""Arithmetic: a chain of small sums from left to right, answered at once or with written steps.

"7+5-3+8" has the answer "17" under the line that the items carry, and the same answer as the last of several
lines ("7+5=12", "12-3=9", ...) under a line that asks for steps. Each step is a sum that a tiny model can do
in one go; the whole chain is not, so this is the world where writing the steps pays, the more the longer the
chain (arXiv:2201.11903). The split is by the expression: a tested chain never occurs in training.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import ClassVar

from underdog.answerer import Message
from underdog.example import Example
from underdog.scorers import Number, Scorer
from underdog.tiny.world import Dialogue, World, fold, said

HIGHEST = 60
LENGTHS = (3, 4, 4, 5, 5, 6, 6, 7, 7)
MINUS_SHARE = 0.4
FORMS = (
    "{chain}",
    "{chain}",
    "{chain}=?",
    "What is {chain}?",
    "Work out {chain}.",
    "How much is {chain}?",
    "Find {chain}.",
    "The sum {chain}?",
)
STEPPED = ("Write the steps.", "Step by step.", "Show each step.", "Steps first, result last.")
"""System lines that ask for the steps; only under one of them does the training text write any."""
STEPPED_TURNS = (1, 1, 1, 2, 2, 3)
STEPPED_SHARE = 0.5


def chained(rng: Random) -> tuple[int, ...]:
    """The signed numbers of a chain of 3 to 7, every running total within 0 and HIGHEST."""
    total = rng.randint(2, 9)
    numbers = [total]
    for _ in range(rng.choice(LENGTHS) - 1):
        number = rng.randint(2, 9)
        minus = total + number > HIGHEST or (total >= number and rng.random() < MINUS_SHARE)
        numbers.append(-number if minus else number)
        total += numbers[-1]
    return tuple(numbers)


def written(numbers: tuple[int, ...]) -> str:
    """The chain as it is asked: "7+5-3"."""
    return f"{numbers[0]}" + "".join(f"{number:+d}" for number in numbers[1:])


def stepped(numbers: tuple[int, ...]) -> str:
    """The answer with its steps, a line each, and the result as the last line."""
    totals = list(accumulate(numbers))
    steps = [
        f"{before}{number:+d}={after}"
        for before, number, after in zip(totals, numbers[1:], totals[1:], strict=False)
    ]
    return "\n".join([*steps, str(totals[-1])])


def check(messages: Sequence[Message], text: str) -> tuple[bool, str]:
    """Whether the steps written so far are those of the chain that was asked; for the lever Check.

    It adds up by itself, so it judges a beginning as exactly as a whole answer.
    """
    asked = re.findall(r"\d+(?:[+-]\d+)+", str(messages[-1]["content"]))
    numbers = tuple(int(number) for number in re.findall(r"[+-]?\d+", asked[-1]))
    right, said = stepped(numbers).splitlines(), text.strip().splitlines()
    wrong = next((at for at, line in enumerate(said) if line not in right[at : at + 1]), None)
    return wrong is None, "" if wrong is None else f"Step {wrong + 1} is not right."


class Arithmetic(World):
    """Three to seven numbers of 2 to 9, added and taken away."""

    name: ClassVar[str] = "arithmetic"
    systems = ("Only the result.", "Answer at once.", "Just the number.", "No steps.")
    share: ClassVar[float] = 0.17
    graded: ClassVar[str] = "length"

    def draw(self, split: str, rng: Random) -> Example:
        """One chain of the split; its target is the result alone."""
        while True:
            numbers = chained(rng)
            chain = written(numbers)
            if fold(f"chain/{chain}") == split:
                break
        return Example(
            id=f"arithmetic/{chain}",
            group=chain,
            messages=(said("system", self.systems[0]), said("user", rng.choice(FORMS).format(chain=chain))),
            target=str(sum(numbers)),
            fields={"chain": chain, "length": len(numbers), "steps": stepped(numbers)},
        )

    def dialogue(self, rng: Random) -> Dialogue:
        """Half at once, as in every world; half with steps, and then always under a line that says so."""
        if rng.random() >= STEPPED_SHARE:
            return super().dialogue(rng)
        messages = [said("system", rng.choice(STEPPED))]
        for _ in range(rng.choice(STEPPED_TURNS)):
            item = self.draw("train", rng)
            messages += [item.messages[-1], said("assistant", item.fields["steps"])]
        return Dialogue(tuple(messages))

    def mean_turns(self) -> float:
        """Questions in an average training document."""
        with_steps = sum(STEPPED_TURNS) / len(STEPPED_TURNS)
        return STEPPED_SHARE * with_steps + (1 - STEPPED_SHARE) * super().mean_turns()

    @property
    def scorer(self) -> Scorer:
        """The result, as the last line."""
        return Number()

    def key(self, item: Example) -> str:
        """The chain."""
        return f"chain/{item.fields['chain']}"


WORLD = Arithmetic()
