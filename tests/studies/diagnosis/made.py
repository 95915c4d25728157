"""Evidence made by hand: columns whose rights and wrongs a test decides. No model, no driver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from underdog.example import Example
from underdog.reading import Reading
from underdog.scorers import Exact
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.measure import Column
from underdog.task import Task
from underdog.trial import Outcome, Spend, Trial

Finals = Sequence[str | None]


def task(
    n: int,
    targets: Sequence[str] | None = None,
    fields: Sequence[Mapping[str, Any]] | None = None,
    **more: Any,
) -> Task:
    """`n` questions, each its own group, whose answers are numbers of three digits unless they are given."""
    golds = targets or [str(100 + i % 900) for i in range(n)]
    asked = more.pop("asked", [f"question number {i}" for i in range(n)])
    examples = tuple(
        Example(
            id=f"q{i}",
            group=f"g{i}",
            messages=({"role": "user", "content": asked[i]},),
            target=golds[i],
            fields=fields[i] if fields else {},
        )
        for i in range(n)
    )
    return Task("made", examples, Exact(), Reading("first_line"), **more)


def column(
    of: Task,
    name: str,
    finals: Sequence[str | Outcome | None],
    sure: Sequence[float] | None = None,
    **spend: Any,
) -> Column:
    """A column of those finals, scored by the task; an Outcome stands for an answer that ended so.

    More finals than examples are repeats, those of an example beside each other.
    """
    repeats = len(finals) // len(of.examples)
    trials = []
    for index, said in enumerate(finals):
        example = of.examples[index // repeats]
        final = None if isinstance(said, Outcome) else said
        score: float | None = 0.0 if final is None else float(Exact().score(final, example))
        outcome = Outcome.RIGHT if score else Outcome.WRONG
        if isinstance(said, Outcome):
            outcome, score = said, None if said is Outcome.FAILED else 0.0
        elif final is None:
            outcome = Outcome.UNREAD
        confidence = None if sure is None else sure[index]
        trials.append(
            Trial(name, example.id, index % repeats, outcome, score, final, confidence, Spend(1, **spend))
        )
    return Column(name, tuple(example.id for example in of.examples), trials)


def said(of: Task, right: Sequence[bool] | np.ndarray[Any, Any], wrong: str = "no") -> list[str | None]:
    """The gold answer where right, something else where not; different on every example, unless told."""
    return [
        str(example.target) if one else f"{wrong}{index if wrong == 'no' else ''}"
        for index, (example, one) in enumerate(zip(of.examples, right, strict=True))
    ]


def coins(n: int, p: float, seed: int = 0) -> np.ndarray[Any, Any]:
    """Which of n are right: a share p of them, to the nearest one, in a random order."""
    flags = np.arange(n) < round(p * n)
    return np.random.default_rng(seed).permutation(flags)


def evidence(of: Task, small: Finals, large: Finals, **more: Any) -> Evidence:
    """Evidence of two models by their finals; `others` are further ones."""
    others = more.pop("others", {})
    spend = more.pop("spend", {})
    finals = {"small": small, "large": large, **others}
    greedy = {name: column(of, name, each, **spend.get(name, {})) for name, each in finals.items()}
    return Evidence(of, of.examples, "small", "large", **({"greedy": greedy} | more))
