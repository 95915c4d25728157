"""Errands: a short request and a few plain words; three kinds of work behind one face.

The families `order`, `count` and `spell` need different skills (moving whole words, adding up, looking into a
word), yet no system line tells them apart and their requests share words: "turn the list around" orders,
"turn the second word around" spells. So this is the mixture where a few specialists can beat one model of
their size, and where what routes between them has to read the request (arXiv:2208.03306, arXiv:2406.18665).
Held out are combinations of a request and a list of words. It asks for no knowledge of the world but which
words name animals and foods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from underdog.example import Example
from underdog.scorers import Exact, Scorer
from underdog.tiny.words import ANIMALS, COLOURS, FOODS, JOBS, listed
from underdog.tiny.world import TURNS, Dialogue, World, fold, said

BOTH_WAYS = ("fish", "olive", "orange")  # each would belong to two of the lists
WORDS = tuple(word for word in ANIMALS + COLOURS + FOODS + JOBS if word not in BOTH_WAYS)
LENGTHS = (3, 4, 5, 6)
PLACES: Mapping[str, int] = {"first": 0, "second": 1, "third": 2, "last": -1}
SPELLED = 6
"""The most letters of a word that is to be spelled."""


@dataclass(frozen=True)
class Operation:
    """One errand: what it does with the words, and the ways to ask for it.

    `does` gets the words and an index, that of the place which the request names; `places` are those that it
    may name (as "{n}"), none of them when the errand is about the whole list. `category` is what it counts.
    """

    name: str
    does: Callable[[Sequence[str], int], str]
    asks: tuple[str, ...]
    places: tuple[str, ...] = ("",)
    category: tuple[str, ...] = ()


def counting(name: str, category: Sequence[str]) -> Operation:
    """How many of the words belong to the category."""
    counted = tuple(word for word in category if word in WORDS)
    asks = (
        f"how many {name} are in the list",
        f"count the {name}",
        f"give the number of {name}",
        f"how many of the words are {name}",
        f"say how many {name} you see",
        f"what number of {name} does the list have",
    )
    return Operation(name, lambda words, _: str(sum(word in counted for word in words)), asks, ("",), counted)


ORDER = (
    Operation(
        "reverse",
        lambda words, _: " ".join(reversed(words)),
        listed(
            "turn the list around|say the words from last to first|give the list backwards|"
            "write the list in the other direction|list the words from the end|reverse the words",
            "|",
        ),
    ),
    Operation(
        "alphabet",
        lambda words, _: " ".join(sorted(words)),
        listed(
            "put the words in alphabetical order|sort the list by letters|list the words from a to z|"
            "say the list in abc order|give the words in the order of their letters|"
            "turn the words into an abc list",
            "|",
        ),
    ),
    Operation(
        "swap",
        lambda words, _: " ".join([words[-1], *words[1:-1], words[0]]),
        listed(
            "swap the first and the last word|let the first and the last word change places|"
            "give the list with first and last word swapped|say the words, but switch the first and the last|"
            "put the last word first and the first word last|write the list with its two ends switched",
            "|",
        ),
    ),
    Operation(
        "rotate",
        lambda words, _: " ".join([*words[1:], words[0]]),
        listed(
            "move the first word to the end|put the first word last|let the first word go behind the others|"
            "say the list with its first word at the end|give the words, the first one last|"
            "start the list at the second word and end with the first",
            "|",
        ),
    ),
)
COUNT = (
    Operation(
        "words",
        lambda words, _: str(len(words)),
        listed(
            "how many words are in the list|count the words|give the number of words|"
            "say how long the list is|what is the length of the list|turn the list into its length",
            "|",
        ),
    ),
    counting("animals", ANIMALS),
    counting("foods", FOODS),
    Operation(
        "letters",
        lambda words, place: str(len(words[place])),
        listed(
            "how many letters has the {n} word|count the letters of the {n} word|"
            "give the length of the {n} word|say the number of letters in the {n} word|"
            "how long is the {n} word of the list|turn the {n} word into its length",
            "|",
        ),
        ("first", "last"),
    ),
)
SPELL = (
    Operation(
        "joined",
        lambda words, place: "".join(word[place] for word in words),
        listed(
            "join the {n} letters of the words|say the {n} letter of each word as one word|"
            "give the {n} letters in one piece|turn the list into one word of {n} letters|"
            "take the {n} letter of each word and join them|what word do the {n} letters of the list make",
            "|",
        ),
        ("first", "last"),
    ),
    Operation(
        "backwards",
        lambda words, place: words[place][::-1],
        listed(
            "spell the {n} word backwards|turn the {n} word around|reverse the {n} word|"
            "say the {n} word from its last letter to its first|write the {n} word in the other direction|"
            "give the {n} word backwards",
            "|",
        ),
        tuple(PLACES),
    ),
    Operation(
        "dashes",
        lambda words, place: "-".join(words[place]),
        listed(
            "spell the {n} word with dashes|put dashes between the letters of the {n} word|"
            "say the {n} word letter by letter with dashes|give the letters of the {n} word with dashes|"
            "write the {n} word with a dash between letters|turn the {n} word into letters and dashes",
            "|",
        ),
        tuple(PLACES),
    ),
)
FAMILIES: Mapping[str, tuple[Operation, ...]] = {"order": ORDER, "count": COUNT, "spell": SPELL}


def words_for(operation: Operation, place: str, rng: Random) -> list[str]:
    """Distinct words for the errand: any number of what it counts, and no long word where it spells one."""
    length = rng.choice(LENGTHS)
    if operation.category:
        counted = rng.sample(operation.category, rng.randint(0, length))
        others = [word for word in WORDS if word not in operation.category]
        words = counted + rng.sample(others, length - len(counted))
        rng.shuffle(words)
        return words
    while True:
        words = rng.sample(WORDS, length)
        if operation.name not in ("backwards", "dashes") or len(words[PLACES[place]]) <= SPELLED:
            return words


class Errands(World):
    """Three to six plain words and what to do with them."""

    name: ClassVar[str] = "errands"
    systems = ("Do the errand.", "Do what is asked.", "Answer the request.", "Help with the words.")
    share: ClassVar[float] = 0.15
    graded: ClassVar[str] = "family"

    def draw(self, split: str, rng: Random) -> Example:
        """One errand, all families alike."""
        return self.errand(rng.choice(tuple(FAMILIES)), split, rng)

    def errand(self, family: str, split: str, rng: Random) -> Example:
        """One errand of the family; the request and the words together are split."""
        while True:
            operation = rng.choice(FAMILIES[family])
            place = rng.choice(operation.places)
            asked = rng.choice(operation.asks).format(n=place)
            words = words_for(operation, place, rng)
            if fold(f"errand/{asked}/{' '.join(words)}") == split:
                break
        question = f"{asked.capitalize()}: {' '.join(words)}"
        return Example(
            id=f"errands/{question}",
            group=f"{asked}/{' '.join(words)}",
            messages=(said("system", self.systems[0]), said("user", question)),
            target=operation.does(words, PLACES.get(place, 0)),
            fields={
                "family": family,
                "operation": operation.name,
                "asked": asked,
                "words": words,
                "length": len(words),
            },
        )

    def dialogue(self, rng: Random) -> Dialogue:
        """One to five errands of any family."""
        return self.conversation(tuple(FAMILIES), rng)

    def family_lesson(self, family: str, rng: Random) -> Dialogue:
        """One training document for a specialist in one of FAMILIES."""
        return self.conversation((family,), rng)

    def conversation(self, families: Sequence[str], rng: Random) -> Dialogue:
        """One to five errands of these families."""
        messages = [said("system", rng.choice(self.systems))] if rng.random() < 0.4 else []
        for _ in range(rng.choice(TURNS)):
            item = self.errand(rng.choice(families), "train", rng)
            messages += [item.messages[-1], said("assistant", item.target)]
        return Dialogue(tuple(messages))

    @property
    def scorer(self) -> Scorer:
        """The words, the number or the letters, and nothing else."""
        return Exact()

    def key(self, item: Example) -> str:
        """The request and the words in their order."""
        return f"errand/{item.fields['asked']}/{' '.join(item.fields['words'])}"


WORLD = Errands()
