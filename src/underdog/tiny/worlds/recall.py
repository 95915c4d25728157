"""Recall: four thousand invented facts, a few told often and most told seldom.

The test asks about facts of the training text in phrasings that the training text never used: what is
measured is stored knowledge, so a question about an unseen fact would be meaningless. How often an entity is
told falls with its rank like a Zipf-Mandelbrot law, because recall of a fact grows with the number of its
exposures and with model size (arXiv:2404.05405, arXiv:2211.08411); every item says its exposure quarter.
"""

from __future__ import annotations

import hashlib
from bisect import bisect
from functools import cache
from itertools import accumulate
from random import Random
from typing import ClassVar

from underdog.example import Example
from underdog.scorers import Exact, Scorer
from underdog.tiny.words import ANIMALS, COLOURS, FOODS, JOBS, METALS, MONTHS, invented
from underdog.tiny.world import SPLITS, World, fold, said

ENTITIES = 1000
BUCKETS = ("often", "sometimes", "seldom", "rarely")
RELATIONS = {
    "colour": COLOURS,
    "job": JOBS,
    "animal": ANIMALS,
    "food": FOODS,
    "metal": METALS,
    "month": MONTHS,
}
OPENERS = ("", "", "Tell me, ", "Quick one: ", "Please say ", "I ask: ", "Now then, ", "Hello, ", "Say, ")
CORES = (
    "what is the {r} of {e}?",
    "which {r} has {e}?",
    "{e}: {r}?",
    "the {r} of {e}?",
    "{e} has what {r}?",
    "name the {r} of {e}.",
    "for {e}, which {r}?",
)


@cache
def entities() -> tuple[str, ...]:
    """All entity names, the most often told first."""
    rng = Random("recall/entities")
    found: dict[str, None] = {}
    while len(found) < ENTITIES:
        found.setdefault(invented(rng, 3), None)
    return tuple(found)


@cache
def weights() -> tuple[float, ...]:
    """Running sums of how often each entity is told: Zipf-Mandelbrot with exponent 1.5 and offset 1000."""
    return tuple(accumulate((1 + rank / 1000) ** -1.5 for rank in range(ENTITIES)))


def told(rank: int) -> float:
    """The probability that one told fact is about the entity of this rank."""
    running = weights()
    return (running[rank] - (running[rank - 1] if rank else 0.0)) / running[-1]


@cache
def relations_of(entity: str) -> tuple[str, ...]:
    """The four relations that an entity has."""
    return tuple(Random(f"recall/{entity}").sample(sorted(RELATIONS), 4))


def value(entity: str, relation: str) -> str:
    """The gold value of a fact."""
    choices = RELATIONS[relation]
    digest = hashlib.sha256(f"recall/{entity}/{relation}".encode()).digest()
    return choices[int.from_bytes(digest[:4], "big") % len(choices)]


@cache
def phrasings(split: str) -> tuple[str, ...]:
    """The question forms of a split: openers and cores are shared, their combinations are not."""
    forms = dict.fromkeys(opener + core for opener in OPENERS for core in CORES)
    return tuple(form for form in forms if fold(f"phrasing/{form}") == split)


def passage(entity: str, relation: str) -> str:
    """The fact as a sentence, in the form that the reading documents use."""
    return f"The {relation} of {entity} is {value(entity, relation)}."


def passages() -> list[str]:
    """Every fact as a sentence: the collection that a retrieval lever searches."""
    return [passage(entity, relation) for entity in entities() for relation in relations_of(entity)]


class Recall(World):
    """Questions about invented facts; test items are drawn equally from the four exposure quarters."""

    name: ClassVar[str] = "recall"
    systems = ("Answer from memory.", "Give the fact.", "You know the facts.", "Answer in one word.")
    share: ClassVar[float] = 0.30
    graded: ClassVar[str] = "bucket"

    def draw(self, split: str, rng: Random) -> Example:
        """One question: by frequency in training, stratified by exposure quarter elsewhere."""
        if split == "train":
            running = weights()
            rank = bisect(running, rng.random() * running[-1])
        else:
            rank = self.stratified(split, rng)
        return self.item(split, rank, rng)

    def stratified(self, split: str, rng: Random) -> int:
        """A rank from a random quarter; fit and test never ask about the same entity."""
        quarter = ENTITIES // len(BUCKETS)
        while True:
            rank = rng.randrange(len(BUCKETS)) * quarter + rng.randrange(quarter)
            side = fold(f"entity/{entities()[rank]}")
            if (side == "fit") == (split == "fit"):
                return rank

    def item(self, split: str, rank: int, rng: Random) -> Example:
        """A question about the entity of this rank in a phrasing of the split."""
        assert split in SPLITS
        entity = entities()[rank]
        relation = rng.choice(relations_of(entity))
        form = rng.choice(phrasings(split))
        question = form.format(r=relation, e=entity)
        return Example(
            id=f"recall/{question}",
            group=entity,
            messages=(said("system", self.systems[0]), said("user", question)),
            target=value(entity, relation),
            fields={
                "entity": entity,
                "relation": relation,
                "phrasing": form,
                "rank": rank,
                "bucket": BUCKETS[rank * len(BUCKETS) // ENTITIES],
                "passage": passage(entity, relation),
            },
        )

    @property
    def scorer(self) -> Scorer:
        """The value and nothing else."""
        return Exact()

    def key(self, item: Example) -> str:
        """The form of the question."""
        return f"phrasing/{item.fields['phrasing']}"


WORLD = Recall()
