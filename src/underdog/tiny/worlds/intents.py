"""Intents: a short message, often with something beside the point in it, into one of 32 labels.

A label is what to do and with what ("cancel flight"). Both halves are said in many ways, a few common and
most rare, brand names among them; training sees the ways by a Zipf law and the test sees them equally, in
combinations (and with senders' names) that training never saw. So the test is generalisation to held-out
combinations of rare words, as with the long tail of real intents (arXiv:1909.02027, arXiv:2003.04807).
"""

from __future__ import annotations

from functools import cache
from itertools import accumulate
from random import Random
from typing import ClassVar

from underdog.example import Example
from underdog.scorers import Label, Scorer
from underdog.tiny.words import held, invented, listed
from underdog.tiny.world import World, fold, said

TOPICS = {
    "card": listed("card plastic visa chip debit wallet"),
    "flight": listed("flight plane seat jet gate airline"),
    "hotel": listed("hotel room suite stay inn lodge"),
    "phone": listed("phone mobile sim handset line number"),
    "parcel": listed("parcel box package post mail delivery"),
    "bill": listed("bill invoice fee payment charge debt"),
    "class": listed("class course lesson lecture seminar training"),
    "doctor": listed("doctor dentist clinic checkup nurse surgeon"),
}
ACTIONS = {
    "cancel": listed(
        "cancel|stop|drop|call off|get rid of|end|scrap|no longer want|undo|kill|do without|quit", "|"
    ),
    "book": listed(
        "book|order|get|reserve|arrange|sign me up for|want|set up|organise|apply for|buy|need", "|"
    ),
    "check": listed(
        "check|look up|find|see|ask about|know about|view|read|track|hear about|review|inspect", "|"
    ),
    "change": listed("change|move|shift|update|swap|edit|alter|adjust|replace|fix|switch|modify", "|"),
}
BRANDS = 10
BEFORE = ("", "", "please ", "can you ", "I must ", "help me ", "I would like to ", "time to ", "let us ")
AFTER = ("", "", " today", " now", " for me", " this week", ", thanks", " as I said", " when you can")
ASIDE = (
    "my {o} is fine. ",
    "not the {o}: ",
    "forget the {o}, ",
    "I did {a} the {o}, next ",
    "you {a} the {o} for my friend; for me, ",
    "no need to {a} the {o}. ",
)
LATER = (
    ", not the {o}",
    ", and leave the {o} alone",
    ", the {o} can wait",
    "; {a} the {o} another day",
)


@cache
def ways(topic: str) -> tuple[str, ...]:
    """How a topic is said, the most common way first: plain words, then invented brands."""
    rng = Random(f"intents/{topic}")
    return (*TOPICS[topic], *(invented(rng, 2) for _ in range(BRANDS)))


@cache
def zipf(count: int) -> tuple[float, ...]:
    """Running sums of 1/rank."""
    return tuple(accumulate(1 / rank for rank in range(1, count + 1)))


def pick(choices: tuple[str, ...], split: str, rng: Random) -> str:
    """A way to say it: by Zipf's law in training, all alike elsewhere."""
    if split != "train":
        return rng.choice(choices)
    return rng.choices(choices, cum_weights=zipf(len(choices)))[0]


class Intents(World):
    """Messages to a help desk; eight topics times four actions."""

    name: ClassVar[str] = "intents"
    systems = ("Label the message.", "Which intent?", "Say what the user wants.", "Classify.")
    share: ClassVar[float] = 0.15
    graded: ClassVar[str] = "brand"

    def labels(self) -> list[str]:
        """All labels."""
        return [f"{action} {topic}" for topic in TOPICS for action in ACTIONS]

    def draw(self, split: str, rng: Random) -> Example:
        """One message with its label; the pair (way to say the action, way to say the topic) is split."""
        while True:
            action, topic = rng.choice(list(ACTIONS)), rng.choice(list(TOPICS))
            act, thing = pick(ACTIONS[action], split, rng), pick(ways(topic), split, rng)
            if fold(f"pair/{act}/{thing}") == split:
                break
        text = self.message(act, thing, topic, split, rng)
        return Example(
            id=f"intents/{text}",
            group=f"{act}/{thing}",
            messages=(said("system", self.systems[0]), said("user", text)),
            target=f"{action} {topic}",
            fields={"act": act, "thing": thing, "brand": thing[0].isupper()},
        )

    def message(self, act: str, thing: str, topic: str, split: str, rng: Random) -> str:
        """The message around the two words: a sender, a politeness, and most often something else."""
        core = f"{rng.choice(BEFORE)}{act} the {thing}{rng.choice(AFTER)}"
        other = rng.choice([name for name in TOPICS if name != topic])
        words = {
            "o": pick(ways(other), split, rng),
            "a": pick(ACTIONS[rng.choice(list(ACTIONS))], split, rng),
        }
        chance = rng.random()
        if chance < 0.4:
            core = rng.choice(ASIDE).format(**words) + core
        elif chance < 0.7:
            core += rng.choice(LATER).format(**words)
        return f"{held(rng, split)} here, {core}" if rng.random() < 0.3 else core

    @property
    def scorer(self) -> Scorer:
        """The label and nothing else."""
        return Label(tuple(self.labels()))

    def key(self, item: Example) -> str:
        """The two words that carry the label."""
        return f"pair/{item.fields['act']}/{item.fields['thing']}"


WORLD = Intents()
