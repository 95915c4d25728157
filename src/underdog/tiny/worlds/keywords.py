"""Keywords: one sentence that holds every keyword and keeps a few rules about the whole of it.

A rule about the whole (how many words, which word comes first, no word two times) takes planning ahead, and
the more constraints there are (`density`), the more chances there are to miss one; so this is the world for
drafting, checking and mending (CommonGen: arXiv:1911.03705; rules about the whole: arXiv:2307.08689). A
sentence is what the small grammar below can say, so a bare list of keywords is none. Many sentences can be
right; the target is the one that the item was made from. Held out are combinations of keywords and rules.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from underdog.example import Example
from underdog.scorers import Python, Scorer
from underdog.tiny.words import ANIMALS, COLOURS, FOODS, JOBS, METALS, ROOMS, listed
from underdog.tiny.world import World, fold, said

VERBS = listed("eats takes sells finds wants likes brings hides counts keeps")
THINGS = listed("spoon key box cup pan bell")
STARTS = ("the", "today", "now", "later", "once", "often")
FREE = ("the", "a")
"""The words that a sentence without repeats may still say more than once."""
FORMS = ("Use: {keywords}.", "With: {keywords}.", "Keywords: {keywords}.")
SLOTS = {
    "job colour": COLOURS,
    "job": JOBS,
    "food colour": COLOURS,
    "food": FOODS,
    "room": ROOMS,
    "metal": METALS,
    "animal colour": COLOURS,
    "animal": ANIMALS,
}
KEYWORDS = (2, 3, 4, 5, 6)
NEEDS = {"job colour": "job", "food colour": "food", "animal colour": "animal"}
"""A colour needs the noun that it colours."""
RULED = 0.5
"""How often each rule is set."""
FILLED = 0.35
"""How often the target says a slot that no keyword asks for."""
ECHOED = 0.5
"""How often a colour that no keyword asks for is one that the sentence already has, where it may be."""


def either(words: Sequence[str]) -> str:
    """A pattern for one of the words."""
    return f"(?:{'|'.join(words)})"


SENTENCE = re.compile(
    rf"(?:{either(STARTS[1:])} )?{either(FREE)} (?:{either(COLOURS)} )?{either(JOBS)} {either(VERBS)}"
    rf" {either(FREE)} (?:{either(COLOURS)} )?{either(FOODS)}"
    rf"(?: in {either(FREE)} {either(ROOMS)})?"
    rf"(?: with {either(FREE)} (?:{either(METALS)} )?{either(THINGS)})?"
    rf"(?: and {either(FREE)} (?:{either(COLOURS)} )?{either(ANIMALS)})?\.?"
)


@dataclass(frozen=True)
class Rules:
    """What the whole sentence must keep; `words` and `start` are None where nothing is asked."""

    words: int | None
    start: str | None
    distinct: bool

    def __str__(self) -> str:
        """The rules as a question says them."""
        parts = [f"Words: {self.words}."] if self.words else []
        parts += [f"Start: {self.start}."] if self.start else []
        parts += ["No repeats."] if self.distinct else []
        return " ".join(parts)

    def kept(self, words: Sequence[str]) -> list[bool]:
        """Whether each rule that is set is kept by a sentence of these words."""
        content = [word for word in words if word not in FREE]
        checks = [len(words) == self.words] if self.words else []
        checks += [words[:1] == [self.start]] if self.start else []
        checks += [len(set(content)) == len(content)] if self.distinct else []
        return checks


def constraints(text: str, example: Example) -> list[bool]:
    """Whether the text meets each constraint: first every keyword, then every rule."""
    words = re.findall(r"[a-z]+", text)
    rules = Rules(example.fields["words"], example.fields["start"], example.fields["distinct"])
    return [keyword in words for keyword in example.fields["keywords"]] + rules.kept(words)


def coverage(final: str, example: Example) -> float:
    """The share of the item's constraints that the answer meets, sentence or not."""
    met = constraints(final, example)
    return sum(met) / len(met)


def right(final: str, example: Example) -> bool:
    """Whether the answer is a sentence and meets every constraint; the function that the scorer names."""
    return SENTENCE.fullmatch(final.strip()) is not None and all(constraints(final, example))


def filled(slots: dict[str, str], distinct: bool, rng: Random) -> dict[str, str]:
    """The keywords' slots with what the grammar needs besides, and at random a little more."""
    full = dict(slots)
    for slot in ("job", "food"):
        full.setdefault(slot, rng.choice(SLOTS[slot]))
    for slot, noun in NEEDS.items():
        if slot in slots:
            full.setdefault(noun, rng.choice(SLOTS[noun]))
    for slot, words in SLOTS.items():
        if slot in full or NEEDS.get(slot, "job") not in full or rng.random() >= FILLED:
            continue
        used = [word for word in full.values() if word in words]
        if used and not distinct and rng.random() < ECHOED:
            full[slot] = rng.choice(used)
        else:
            full[slot] = rng.choice([word for word in words if word not in used])
    return full


def sentence(slots: dict[str, str], start: str, rng: Random) -> str:
    """The sentence that says the slots, in the grammar's order."""

    def phrase(noun: str, colour: str = "") -> str:
        return " ".join(["the", *([slots[colour]] if colour in slots else []), noun])

    parts = [] if start == "the" else [start]
    parts += [phrase(slots["job"], "job colour"), rng.choice(VERBS), phrase(slots["food"], "food colour")]
    if "room" in slots:
        parts.append(f"in {phrase(slots['room'])}")
    if "metal" in slots:
        parts.append(f"with {phrase(rng.choice(THINGS), 'metal')}")
    if "animal" in slots:
        parts.append(f"and {phrase(slots['animal'], 'animal colour')}")
    return " ".join(parts) + "."


class Keywords(World):
    """Two to six keywords and up to three rules."""

    name: ClassVar[str] = "keywords"
    systems = (
        "Write one sentence.",
        "One sentence with all keywords.",
        "Keep every rule.",
        "Use the keywords.",
    )
    share: ClassVar[float] = 0.08
    graded: ClassVar[str] = "density"

    def draw(self, split: str, rng: Random) -> Example:
        """One item, made from a sentence that is right; the keywords and rules together are split."""
        while True:
            slots = {slot: rng.choice(SLOTS[slot]) for slot in rng.sample(tuple(SLOTS), rng.choice(KEYWORDS))}
            if len(set(slots.values())) < len(slots):
                continue
            distinct = rng.random() < RULED
            start = rng.choice(STARTS) if rng.random() < RULED else None
            target = sentence(filled(slots, distinct, rng), start or "the", rng)
            words = len(target.split()) if rng.random() < RULED else None
            rules = Rules(words, start, distinct)
            if fold(identity(list(slots.values()), rules)) == split:
                return self.item(list(slots.values()), rules, target, rng)

    def item(self, keywords: list[str], rules: Rules, target: str, rng: Random) -> Example:
        """The keywords in random order and the rules after them."""
        rng.shuffle(keywords)
        asked = f"{rng.choice(FORMS).format(keywords=', '.join(keywords))} {rules}".strip()
        return Example(
            id=f"keywords/{asked}",
            group=identity(keywords, rules),
            messages=(said("system", self.systems[0]), said("user", asked)),
            target=target,
            fields={
                "keywords": keywords,
                "words": rules.words,
                "start": rules.start,
                "distinct": rules.distinct,
                "density": len(keywords) + len(rules.kept([])),
            },
        )

    @property
    def scorer(self) -> Scorer:
        """Any sentence that meets every constraint."""
        return Python(f"{__name__}:right")

    def key(self, item: Example) -> str:
        """The keywords in alphabetical order and the rules."""
        fields = item.fields
        return identity(fields["keywords"], Rules(fields["words"], fields["start"], fields["distinct"]))


def identity(keywords: Sequence[str], rules: Rules) -> str:
    """What decides the split of an item."""
    return f"keywords/{' '.join(sorted(keywords))}/{rules}"


WORLD = Keywords()
