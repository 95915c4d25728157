"""Choice: of a few things with weights and values, take those worth the most within a limit of weight.

This is the knapsack problem with three to five things, small enough that the optimum is known exactly.
Whether an answer keeps within the limit is checked without knowing the optimum, so this is the world of
constraints: drawing several answers, dropping the ones that break the limit and keeping the most valuable of
the rest (arXiv:2407.21787 on repeated sampling with a verifier). Any optimal set is right. The split is by
the limit and the multiset of things: a tested choice occurs in training in no order of its things.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from random import Random
from typing import Any, ClassVar

from underdog.answerer import Message
from underdog.example import Example
from underdog.scorers import Python, Scorer
from underdog.tiny.world import World, fold, said

LETTERS = "abcde"
COUNTS = (3, 4, 4, 5, 5)
FORMS = (
    "limit {limit}: {things}",
    "{things}, limit {limit}",
    "Within {limit}: {things}",
    "Bag of {limit}. {things}",
)
SETS = {
    count: tuple(
        sorted(chosen for size in range(1, count + 1) for chosen in combinations(range(count), size))
    )
    for count in set(COUNTS)
}
"""For each number of things all their non-empty sets, in the order of their letters."""


def total(amounts: Sequence[int], chosen: Sequence[int]) -> int:
    """The sum of the chosen amounts."""
    return sum([amounts[index] for index in chosen])


def best(weights: Sequence[int], values: Sequence[int], limit: int) -> tuple[int, ...]:
    """The most valuable set within the limit, the first in order of letters if several are."""
    within = [chosen for chosen in SETS[len(weights)] if total(weights, chosen) <= limit]
    return max(within, key=lambda chosen: total(values, chosen))


def read(text: str, count: int) -> tuple[int, ...] | None:
    """The set that an answer names, letters in any order, a space between; None for anything else."""
    letters = LETTERS[:count]
    if not re.fullmatch(rf"[{letters}](?: [{letters}])*", text.strip()):
        return None
    chosen = tuple(LETTERS.index(letter) for letter in text.split())
    return chosen if len(set(chosen)) == len(chosen) else None


def worth(text: str, example: Example) -> int | None:
    """The value of the set that the answer names, or None when it is no set or breaks the limit."""
    weights, values = example.fields["weights"], example.fields["values"]
    chosen = read(text, len(weights))
    if chosen is None or total(weights, chosen) > example.fields["limit"]:
        return None
    return total(values, chosen)


def feasible(text: str, example: Example) -> bool:
    """Whether the answer names a set within the limit; what a check may know without the optimum."""
    return worth(text, example) is not None


def right(final: str, example: Example) -> bool:
    """Whether the final answer is feasible and of the highest value; the function that the scorer names."""
    return worth(final, example) == int(example.fields["best"])


def asked(text: str) -> tuple[list[int], list[int], int]:
    """The weights, the values and the limit of a choice as it is put in any of the forms."""
    things = re.findall(rf"\b[{LETTERS}] (\d+) for (\d+)", text)
    limit = re.search(r"(?:limit|Within|of) (\d+)", text)
    if not things or limit is None:
        raise ValueError("no choice is asked here")
    return [int(weight) for weight, _ in things], [int(value) for _, value in things], int(limit[1])


def formulation(text: str) -> dict[str, Any]:
    """A choice as the integer program that it is; for the lever Compute inside Solve."""
    weights, values, limit = asked(text)
    names = LETTERS[: len(weights)]
    return {
        "maximize": dict(zip(names, values, strict=True)),
        "subject_to": [{"terms": dict(zip(names, weights, strict=True)), "at_most": limit}],
        "variables": {name: {"upper": 1, "integer": True} for name in names},
    }


def check(messages: Sequence[Message], text: str) -> tuple[float, str]:
    """The share of all value that an answer takes within the limit, or 0 and what is wrong; for Check."""
    weights, values, limit = asked(str(messages[-1]["content"]))
    chosen = read(text, len(weights))
    if chosen is None:
        return 0.0, "Name things by their letters, a space between."
    if (weight := total(weights, chosen)) > limit:
        return 0.0, f"These weigh {weight} and the limit is {limit}."
    return total(values, chosen) / sum(values), ""


class Choice(World):
    """Three to five things of weight 1 to 9 and value 1 to 9; the limit is about half of all weights."""

    name: ClassVar[str] = "choice"
    systems = ("Choose the best.", "Stay within the limit.", "Take the most value.", "Which to take?")
    share: ClassVar[float] = 0.09
    graded: ClassVar[str] = "count"

    def draw(self, split: str, rng: Random) -> Example:
        """One choice of the split with its optimal set as target."""
        while True:
            count = rng.choice(COUNTS)
            things = [(rng.randint(1, 9), rng.randint(1, 9)) for _ in range(count)]
            weight = sum([thing[0] for thing in things])
            limit = max(weight // 2 + rng.choice((-1, 0, 1)), min(things)[0])
            if fold(group(things, limit)) == split:
                return self.item(things, limit, rng)

    def item(self, things: list[tuple[int, int]], limit: int, rng: Random) -> Example:
        """The choice written out."""
        weights, values = [weight for weight, _ in things], [value for _, value in things]
        chosen = best(weights, values, limit)
        shown = ", ".join(
            f"{letter} {weight} for {value}" for letter, (weight, value) in zip(LETTERS, things, strict=False)
        )
        return Example(
            id=f"choice/{limit}/{shown}",
            group=group(things, limit),
            messages=(
                said("system", self.systems[0]),
                said("user", rng.choice(FORMS).format(limit=limit, things=shown)),
            ),
            target=" ".join(LETTERS[index] for index in chosen),
            fields={
                "weights": weights,
                "values": values,
                "limit": limit,
                "best": total(values, chosen),
                "count": len(things),
            },
        )

    @property
    def scorer(self) -> Scorer:
        """Any set within the limit that is worth as much as the best."""
        return Python(f"{__name__}:right")

    def key(self, item: Example) -> str:
        """The limit and the multiset of things."""
        fields = item.fields
        return group(list(zip(fields["weights"], fields["values"], strict=True)), fields["limit"])


def group(things: Sequence[tuple[int, int]], limit: int) -> str:
    """The limit and the things in sorted order, which every order of the things has in common."""
    return f"things/{limit}/" + " ".join(f"{weight}:{value}" for weight, value in sorted(things))


WORLD = Choice()
