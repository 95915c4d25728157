"""Tally: the user says numbers one turn at a time and asks for the total at the end.

Quiet, the assistant says "ok" to each number and must find the total in the whole conversation at once;
aloud, it says the running total, so each turn needs only the one before. It is the world of memory over a
conversation: a written state that is carried along makes one long sum into short ones (arXiv:2507.02259
carries a memory that is overwritten as text is read). The split is by the sequence of signed numbers; an item
shows the quiet conversation, and `aloud` asks it again turn by turn with what the model itself has said.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import ClassVar

from underdog.answerer import Message
from underdog.example import Example
from underdog.scorers import Number, Scorer
from underdog.tiny.world import Dialogue, World, fold, said

HIGHEST = 60
TURNS = (3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8)
MORE = ("add {n}", "plus {n}", "{n} more", "and {n}", "put in {n}")
LESS = ("take away {n}", "minus {n}", "{n} less", "drop {n}", "take out {n}")
ASKS = ("total?", "the total?", "what is the total?", "how many now?", "the count?")
OPENERS = ("", "", "", "start: ", "new count: ")
AGAIN = "start again: "
QUIET = "ok"
ALOUD = ("Say the count each time.", "Count aloud.", "Give the total at every turn.", "Say each total.")
"""System lines that ask for the running total; only under one of them does the training text say it."""
ALOUD_SHARE = 0.5
TWICE_SHARE = 0.2


def counted(rng: Random) -> tuple[int, ...]:
    """3 to 8 signed numbers of 1 to 9, every running total within 0 and HIGHEST."""
    total = 0
    numbers: list[int] = []
    for _ in range(rng.choice(TURNS)):
        number = rng.randint(1, 9)
        minus = total + number > HIGHEST or (total >= number and rng.random() < 0.4)
        numbers.append(-number if minus else number)
        total += numbers[-1]
    return tuple(numbers)


def conversation(numbers: Sequence[int], opener: str, loud: bool, rng: Random) -> list[Message]:
    """The turns with the numbers, each answered quietly or with the running total, and the last question."""
    messages: list[Message] = []
    for number, total in zip(numbers, accumulate(numbers), strict=True):
        form = rng.choice(MORE if number > 0 else LESS)
        messages += [
            said("user", opener + form.format(n=abs(number))),
            said("assistant", str(total) if loud else QUIET),
        ]
        opener = ""
    return [*messages, said("user", rng.choice(ASKS))]


def aloud(item: Example, totals: Sequence[str] = ()) -> tuple[Message, ...]:
    """The item asked aloud: the messages to send once the model has answered `totals` to the first turns.

    None of the item's own assistant turns are kept: the user's first turn alone is sent first, then what the
    model said to it and the second turn, and so on to the question, whose answer is the final one.

    Raises:
        ValueError: there are no fewer totals than user turns.
    """
    turns = [message for message in item.messages if message["role"] == "user"]
    if len(totals) >= len(turns):
        raise ValueError(f"totals must be fewer than the {len(turns)} user turns. Got {len(totals)} instead.")
    messages = [said("system", ALOUD[0])]
    for turn, total in zip(turns, totals, strict=False):
        messages += [turn, said("assistant", total)]
    return (*messages, turns[len(totals)])


class Tally(World):
    """Three to eight numbers of 1 to 9, added and taken away turn by turn."""

    name: ClassVar[str] = "tally"
    systems = ("Keep count.", "Keep the count to yourself.", "Count quietly.", "Say ok until asked.")
    share: ClassVar[float] = 0.08
    graded: ClassVar[str] = "length"

    def numbers(self, split: str, rng: Random) -> tuple[int, ...]:
        """A sequence of the split."""
        while True:
            numbers = counted(rng)
            if fold(f"numbers/{signed(numbers)}") == split:
                return numbers

    def draw(self, split: str, rng: Random) -> Example:
        """One quiet conversation; its target is the answer to the last question."""
        numbers = self.numbers(split, rng)
        return Example(
            id=f"tally/{signed(numbers)}",
            group=signed(numbers),
            messages=(
                said("system", self.systems[0]),
                *conversation(numbers, rng.choice(OPENERS), loud=False, rng=rng),
            ),
            target=str(sum(numbers)),
            fields={"numbers": list(numbers), "length": len(numbers)},
        )

    def dialogue(self, rng: Random) -> Dialogue:
        """A tally or two, half of them quiet, half aloud and then always under a line that says so."""
        loud = rng.random() < ALOUD_SHARE
        told = loud or rng.random() < 0.4
        messages = [said("system", rng.choice(ALOUD if loud else self.systems))] if told else []
        openers = [rng.choice(OPENERS)] + [AGAIN] * (rng.random() < TWICE_SHARE)
        for opener in openers:
            numbers = self.numbers("train", rng)
            messages += conversation(numbers, opener, loud, rng)
            messages.append(said("assistant", str(sum(numbers))))
        return Dialogue(tuple(messages))

    def mean_turns(self) -> float:
        """Tallies in an average training document."""
        return 1 + TWICE_SHARE

    @property
    def scorer(self) -> Scorer:
        """The total."""
        return Number()

    def key(self, item: Example) -> str:
        """The sequence of signed numbers."""
        return f"numbers/{signed(item.fields['numbers'])}"


def signed(numbers: Sequence[int]) -> str:
    """The numbers with their signs: "+4 +7 -3"."""
    return " ".join(f"{number:+d}" for number in numbers)


WORLD = Tally()
