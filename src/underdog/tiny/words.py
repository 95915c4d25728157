"""Words for the worlds: pronounceable invented names and a few fixed lists of plain words.

Invented names can be split by hash like everything else, so a test can ask about names that no training
document holds, although their syllables are all known to the tokenizer.
"""

from __future__ import annotations

from random import Random

from underdog.tiny.world import fold


def listed(text: str, mark: str = " ") -> tuple[str, ...]:
    """The words of a text, or its parts between marks."""
    return tuple(text.split(mark))


ONSETS = ("b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "br", "dr", "st", "tr")
VOWELS = ("a", "e", "i", "o", "u")
CODAS = ("", "", "", "l", "n", "r", "s", "k")

COLOURS = listed(
    "red blue green black white grey brown pink gold silver orange purple amber ivory olive teal"
)
JOBS = listed(
    "baker pilot nurse judge miner tailor farmer clerk singer poet guard sailor smith cook painter teacher "
    "lawyer driver hunter weaver"
)
ANIMALS = listed(
    "wolf fox bear hawk otter crow horse goat snake tiger whale mouse swan frog eagle rabbit camel zebra "
    "lizard badger"
)
FOODS = listed(
    "bread rice soup cheese apple honey fish beans lemon cake salad plum onion pasta olives figs nuts "
    "butter pepper melon"
)
METALS = listed("iron copper tin lead zinc nickel chrome steel bronze brass cobalt platinum")
MONTHS = listed("January February March April May June July August September October November December")
DAYS = listed("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
ROOMS = listed("kitchen bedroom hall garage office attic bathroom cellar studio porch")


def invented(rng: Random, syllables: int = 0) -> str:
    """A capitalised invented name of two or three syllables."""
    count = syllables or rng.choice((2, 2, 3))
    parts = [rng.choice(ONSETS) + rng.choice(VOWELS) for _ in range(count)]
    return ("".join(parts) + rng.choice(CODAS)).capitalize()


def held(rng: Random, split: str) -> str:
    """An invented name that belongs to the split: names of one split never occur in another."""
    while True:
        name = invented(rng)
        if fold(f"name/{name}") == split:
            return name
