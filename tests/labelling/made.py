"""Contests made up from shares of harm, help and ties, with the truth beside them. Not a test."""

from __future__ import annotations

import numpy as np

from underdog.labelling.book import Label
from underdog.labelling.pairs import Contest, Pair
from underdog.studies.folder import Asked
from underdog.trial import Outcome, Spend, Trial


def said_of(label: Label) -> int:
    """The difference that a label makes."""
    return {Label.BETTER: 1, Label.WORSE: -1}.get(label, 0)


def trial(final: str) -> Trial:
    return Trial("arm", "q", 0, Outcome.RIGHT, 1.0, final, None, Spend())


def made(
    generator: np.random.Generator,
    seed: int,
    *,
    n: int,
    harm: float,
    help_: float,
    tie: float,
    margin: float = 0.05,
    groups: int = 1,
    leans: bool = False,
) -> tuple[Contest, dict[str, Label]]:
    """A contest of n examples of these shares, `groups` alike at a time; with `leans`, told by gold."""
    kinds = [Label.WORSE, Label.BETTER, Label.NEITHER, Label.UNDONE]
    drawn = generator.choice(4, n // groups, p=[harm, help_, tie, 1 - harm - help_ - tie])
    truth, pairs = {}, []
    for number, kind in enumerate(np.repeat(drawn, groups).tolist()):
        item, label = f"q{number}", kinds[kind]
        example = Asked(item, f"g{number // groups}", "test", item, ())
        if label is Label.UNDONE:
            pairs.append(Pair(item, example, trial("same"), trial("same"), 0, 0))
            continue
        truth[item] = label
        pairs.append(Pair(item, example, trial("a"), trial("b"), -1, 1, said_of(label) if leans else 0))
    return Contest("made", "arm", "large", margin, 0.95, str(seed), tuple(pairs), leans), truth
