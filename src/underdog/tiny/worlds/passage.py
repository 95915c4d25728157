"""Passage: answer from a few sentences most of which are beside the point.

Every distractor shares something with the sentence asked for: another relation of the same name, the same
relation of a name one syllable off, or a value that is out of date ("The colour of X was blue."). So this is
the world where finding, quoting or re-reading the right sentence first can pay, and where a model is led
astray by what is irrelevant (arXiv:2302.00093, arXiv:2310.01558). Names are held out by hash, and so are the
phrasings of the question, which are those of the recall world; the values can only come from the passage.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from underdog.example import Example
from underdog.scorers import Exact, Scorer
from underdog.tiny.words import ONSETS, VOWELS, held
from underdog.tiny.world import Dialogue, World, fold, said
from underdog.tiny.worlds.recall import RELATIONS, phrasings

SENTENCES = (4, 5, 6, 7, 8, 9)
PASSAGES = (1, 1, 1, 1, 1, 1, 2, 4)
FOLLOWING = (0, 1, 2)
LURES = ("other relation", "similar name", "outdated")
SYLLABLE = re.compile(r"[^aeiou]+[aeiou]")


@dataclass(frozen=True)
class Fact:
    """One sentence of a passage."""

    name: str
    relation: str
    value: str
    present: bool = True

    def __str__(self) -> str:
        return f"The {self.relation} of {self.name} {'is' if self.present else 'was'} {self.value}."


def similar(name: str, split: str, rng: Random) -> str:
    """Another name of the split that differs from this one in a single syllable."""
    syllables = SYLLABLE.findall(name.lower())
    coda = name[sum(map(len, syllables)) :]
    while True:
        changed = list(syllables)
        changed[rng.randrange(len(changed))] = rng.choice(ONSETS) + rng.choice(VOWELS)
        other = ("".join(changed) + coda).capitalize()
        if other != name and fold(f"name/{other}") == split:
            return other


def told(split: str, rng: Random) -> tuple[Fact, list[Fact]]:
    """The fact to ask for and its distractors: first one of each sort, in the order of LURES, then any."""
    name, relation = held(rng, split), rng.choice(tuple(RELATIONS))
    near, other = similar(name, split, rng), held(rng, split)
    beside = [each for each in RELATIONS if each != relation]
    chosen = [
        (name, relation, True),
        (name, rng.choice(beside), True),
        (near, relation, True),
        (name, relation, False),
    ]
    spare = [
        (who, what, present)
        for who in (name, near, other)
        for what in (relation, *rng.sample(beside, 2))
        for present in (True, False)
    ]
    rng.shuffle(spare)
    chosen = list(dict.fromkeys(chosen + spare))[: rng.choice(SENTENCES)]
    values: dict[tuple[str, str], list[str]] = {}
    facts = []
    for who, what, present in chosen:
        drawn = values.setdefault((who, what), rng.sample(RELATIONS[what], 2))  # present and past differ
        facts.append(Fact(who, what, drawn[0] if present else drawn[1], present))
    return facts[0], facts[1:]


class Passage(World):
    """Four to nine sentences about three invented names, and a question that one of them answers."""

    name: ClassVar[str] = "passage"
    systems = (
        "Read the notes.",
        "Answer from the notes.",
        "Only the notes count.",
        "Look it up in the notes.",
    )
    share: ClassVar[float] = 0.07
    graded: ClassVar[str] = "distractors"

    def draw(self, split: str, rng: Random) -> Example:
        """One passage with one question; the asked name and the phrasing are of the split."""
        gold, distractors = told(split, rng)
        return self.item(gold, distractors, split, rng)

    def item(self, gold: Fact, distractors: Sequence[Fact], split: str, rng: Random) -> Example:
        """The sentences in random order and the question after them."""
        facts = [gold, *distractors]
        rng.shuffle(facts)
        sentences = [str(fact) for fact in facts]
        question = self.question(gold, split, rng)
        return Example(
            id=f"passage/{question}/{' '.join(sentences)}",
            group=gold.name,
            messages=(
                said("system", self.systems[0]),
                said("user", "\n".join([*sentences, question])),
            ),
            target=gold.value,
            fields={
                "entity": gold.name,
                "relation": gold.relation,
                "question": question,
                "facts": sentences,
                "passage": str(gold),
                "distractors": len(distractors),
                "lures": {sort: fact.value for sort, fact in zip(LURES, distractors, strict=False)},
            },
        )

    def question(self, fact: Fact, split: str, rng: Random) -> str:
        """The fact asked for in a phrasing of the split."""
        return rng.choice(phrasings(split)).format(r=fact.relation, e=fact.name)

    def dialogue(self, rng: Random) -> Dialogue:
        """One to four passages, each with its question and up to two more about what it says."""
        messages = [said("system", rng.choice(self.systems))] if rng.random() < 0.4 else []
        for _ in range(rng.choice(PASSAGES)):
            gold, distractors = told("train", rng)
            item = self.item(gold, distractors, "train", rng)
            messages += [item.messages[-1], said("assistant", item.target)]
            present = [fact for fact in distractors if fact.present]
            for fact in rng.sample(present, min(len(present), rng.choice(FOLLOWING))):
                asked = self.question(fact, "train", rng)
                messages += [said("user", asked), said("assistant", fact.value)]
        return Dialogue(tuple(messages))

    def mean_turns(self) -> float:
        """Questions in an average training document; every passage has facts enough for two more."""
        return sum(PASSAGES) / len(PASSAGES) * (1 + sum(FOLLOWING) / len(FOLLOWING))

    @property
    def scorer(self) -> Scorer:
        """The present value and nothing else."""
        return Exact()

    def key(self, item: Example) -> str:
        """The name asked about."""
        return f"name/{item.fields['entity']}"


WORLD = Passage()
