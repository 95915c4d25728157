"""The pretraining text: dialogues of every world, passages to read, copying and small sums, as token batches.

The stream is a pure function of a seed and a pool number, so a run that resumes reads on where it stopped and
every model reads the same text. A copy curriculum comes first: without it models of this size do not learn to
copy within the budget.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from underdog.tiny import chat, worlds
from underdog.tiny.words import COLOURS, FOODS, JOBS, invented
from underdog.tiny.world import Dialogue, said
from underdog.tiny.worlds import errands
from underdog.tiny.worlds.recall import RELATIONS, phrasings

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BATCH_TOKENS = 4096
POOL_BATCHES = 32
GENERIC = {"notes": 0.04, "copy": 0.03, "sums": 0.07}
COPYING = {"copy": 0.55, "notes": 0.35, "sums": 0.10}


class Batch(NamedTuple):
    """Padded token ids, row by row, and which positions are the assistant's words."""

    ids: list[list[int]]
    width: int
    tokens: int


def mixture(only: Sequence[str] = ()) -> dict[str, float]:
    """How often each kind of document is drawn; `only`: from these alone, families of errands among them."""
    every = {name: worlds.world(name).share for name in worlds.names()} | GENERIC
    return {kind: every.get(kind, 1.0) for kind in only or every}


def document(kind: str, rng: Random) -> Dialogue:
    """One document: a world's dialogue, errands of one family ("errands/spell"), or a generic one."""
    if kind == "notes":
        return notes(rng)
    if kind == "copy":
        return copy(rng)
    if kind == "sums":
        return sums(rng)
    if kind.startswith("errands/"):
        return errands.WORLD.family_lesson(kind.removeprefix("errands/"), rng)
    return worlds.world(kind).dialogue(rng)


def notes(rng: Random) -> Dialogue:
    """One to five sentences about fresh entities and one to three questions that they answer."""
    facts: dict[tuple[str, str], str] = {}
    subjects = [invented(rng, 3) for _ in range(rng.choice((1, 2, 3, 4)))]
    for _ in range(rng.choice((1, 1, 2, 3, 4, 5))):
        relation = rng.choice(sorted(RELATIONS))
        facts[rng.choice(subjects), relation] = rng.choice(RELATIONS[relation])
    told = "\n".join(f"The {relation} of {name} is {value}." for (name, relation), value in facts.items())
    messages = [said("system", "Read the notes.")] if rng.random() < 0.3 else []
    for turn in range(rng.choice((1, 1, 2, 3))):
        name, relation = rng.choice(list(facts))
        question = rng.choice(phrasings("train")).format(r=relation, e=name)
        asked = f"{told}\n{question}" if turn == 0 else question
        messages += [said("user", asked), said("assistant", facts[name, relation])]
    return Dialogue(tuple(messages))


def copy(rng: Random) -> Dialogue:
    """Repeat what was said: names, words and numbers."""
    pieces = [
        rng.choice((invented(rng), str(rng.randint(0, 999)), rng.choice(COLOURS + JOBS + FOODS)))
        for _ in range(rng.randint(1, 6))
    ]
    text = " ".join(pieces)
    return Dialogue((said("user", f"Repeat: {text}"), said("assistant", text)))


def sums(rng: Random) -> Dialogue:
    """A few small sums of two numbers."""
    messages = []
    for _ in range(rng.choice((1, 2, 3, 4, 5))):
        a, b = rng.randint(1, 20), rng.randint(1, 20)
        operation = rng.choice("+-*/")
        if operation == "/":
            a *= b
        if operation == "-" and a < b:
            a, b = b, a
        result = {"+": a + b, "-": a - b, "*": a * b, "/": a // b}[operation]
        messages += [said("user", f"{a}{operation}{b}"), said("assistant", str(result))]
    return Dialogue(tuple(messages))


def sample(kinds: dict[str, float], n: int, rng: Random) -> list[tuple[str, str]]:
    """`n` documents as (kind, text)."""
    drawn = rng.choices(list(kinds), list(kinds.values()), k=n)
    texts = []
    for kind in drawn:
        dialogue = document(kind, rng)
        texts.append((kind, chat.render(dialogue.messages, dialogue.tools)))
    return texts


def pools(
    tokenizer: Tokenizer, kinds: dict[str, float], seed: str, first: int = 0
) -> Iterator[tuple[list[Batch], Counter[str]]]:
    """Pools of length-bucketed batches from pool number `first` on, with the token count of each kind."""
    number = first
    mean = 60.0
    while True:
        rng = Random(f"{seed}/{number}")
        drawn = sample(kinds, int(POOL_BATCHES * BATCH_TOKENS / mean), rng)
        encoded = tokenizer.encode_batch_fast([text for _, text in drawn])
        rows = [encoding.ids for encoding in encoded]
        counts: Counter[str] = Counter()
        for (kind, _), row in zip(drawn, rows, strict=True):
            counts[kind] += len(row)
            counts[f"{kind} documents"] += 1
        batches = bucketed(rows)
        rng.shuffle(batches)
        yield batches, counts
        number += 1


def bucketed(rows: list[list[int]]) -> list[Batch]:
    """Rows of like length together, at most BATCH_TOKENS with padding, padded on the right with 0."""
    rows = sorted((row for row in rows if len(row) <= 512), key=len)
    batches: list[Batch] = []
    start = 0
    for end in range(1, len(rows) + 1):
        if end == len(rows) or (end + 1 - start) * len(rows[end]) > BATCH_TOKENS:
            chunk = rows[start:end]
            width = len(chunk[-1])
            padded = [row + [0] * (width - len(row)) for row in chunk]
            batches.append(Batch(padded, width, sum(map(len, chunk))))
            start = end
    return batches
