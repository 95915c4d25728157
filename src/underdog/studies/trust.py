"""What must hold before scores are believed: a judge that does not let empty answers win, and targets.

Both cost calls, so they come after the forecast was agreed to.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from underdog.answerer import Answer, Failure
from underdog.errors import BudgetSpent, StudyError
from underdog.studies.measure import Bench
from underdog.studies.spec import Spec

# So many examples tell a judge that lets empty answers win from one that does not.
_CONTROLLED = 20
_EMPTY_MAY_SCORE = 0.1


async def insist_on_judge(bench: Bench) -> None:
    """Where a model judges, ask it about empty answers first.

    Raises:
        StudyError: empty answers win more than a tenth of the time, or the judge does not answer.
    """
    scorer: Any = bench.task.scorer
    if not hasattr(scorer, "control"):
        return
    shown = [example for example in bench.task.examples if example.target is not None][:_CONTROLLED]
    trail = await bench.driver.perform(scorer.control(shown))
    if isinstance(trail.result, Failure):
        if trail.result.kind == "budget":
            raise BudgetSpent(trail.result.message)
        raise StudyError(f"{bench.task.name}: the judge failed its control: {trail.result.message}")
    if trail.result > _EMPTY_MAY_SCORE:
        raise StudyError(
            f"{bench.task.name}: the judge gave empty answers {trail.result:.2f} of the score on "
            f"{len(shown)} examples, and at most {_EMPTY_MAY_SCORE} may be: "
            "take a better judge or another scorer"
        )


async def referred(spec: Spec, bench: Bench) -> Spec:
    """The study with a model's answers as targets, where the task has no gold and says `reference: MODEL`.

    Raises:
        StudyError: the reference is no model of the study.
    """
    name = spec.task.reference
    if name is None:
        return spec
    if name not in spec.models:
        listed = ", ".join(spec.models)
        raise StudyError(f"{spec.name}: `reference` must be one of the models ({listed}); got {name!r}")
    reader, examples = spec.read(name), spec.task.examples
    asks = (bench.driver.answer(reader, spec.task.request(example)) for example in examples)
    trails = await asyncio.gather(*asks)
    finals: dict[str, str] = {}
    for example, trail in zip(examples, trails, strict=True):
        if isinstance(trail.result, Failure) and trail.result.kind == "budget":
            raise BudgetSpent(trail.result.message)
        if isinstance(trail.result, Answer) and trail.result.final is not None:
            finals[example.id] = trail.result.final
    if not finals:
        raise StudyError(f"{spec.name}: no answer of the reference {name} could be read")
    return replace(spec, task=spec.task.referred(finals, name))
