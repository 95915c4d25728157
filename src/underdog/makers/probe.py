"""A small algorithmic probe: copying, counting and addition, drawn from a seed and scored exactly.

Compression that a task's own score does not show is often seen here first: a wrong digit in a long number is
a wrong answer (quantised and pruned models lose arithmetic and sorting before they lose benchmarks,
arXiv 2502.11569). It is a check of damage and no measure of ability.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from underdog.answerer import Sampling
from underdog.example import Example
from underdog.scorers import Number
from underdog.task import Task

EXACT = Number(relative=0.0)


def copying(rng: random.Random) -> tuple[str, int]:
    """A number of 5 to 12 digits to be written again."""
    digits = rng.choice("123456789") + "".join(rng.choice("0123456789") for _ in range(rng.randint(4, 11)))
    return f"Write this number once more, and nothing else: {digits}", int(digits)


def counting(rng: random.Random) -> tuple[str, int]:
    """How often a letter occurs among 6 to 16."""
    letters = [rng.choice("abc") for _ in range(rng.randint(6, 16))]
    wanted = rng.choice("abc")
    text = " ".join(letters)
    return f"How many times is {wanted} in this list? Answer with the number only. {text}", letters.count(
        wanted
    )


def adding(rng: random.Random) -> tuple[str, int]:
    """Two numbers of 2 to 4 digits to be added."""
    digits = rng.randint(2, 4)
    low, high = 10 ** (digits - 1), 10**digits - 1
    a, b = rng.randint(low, high), rng.randint(low, high)
    return f"What is {a} + {b}? Answer with the number only.", a + b


KINDS: dict[str, Callable[[random.Random], tuple[str, int]]] = {
    "copy": copying,
    "count": counting,
    "add": adding,
}


def probe(n: int = 300, seed: int = 0) -> Task:
    """`n` distinct items, a third of each kind; the same ones for the same seed."""
    rng = random.Random(f"probe/{seed}")
    found: dict[str, Example] = {}
    while len(found) < n:
        kind = list(KINDS)[len(found) % len(KINDS)]
        asked, gold = KINDS[kind](rng)
        item = Example(
            id=f"probe/{kind}/{asked}",
            group=asked,
            messages=({"role": "user", "content": asked},),
            target=str(gold),
            fields={"kind": kind},
        )
        found.setdefault(item.id, item)
    return Task(
        name="algorithmic probe",
        examples=tuple(found.values()),
        scorer=EXACT,
        reading=EXACT.reading,
        sampling=Sampling(max_tokens=64),
        whole_test=True,
    )
