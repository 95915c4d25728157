"""The promise: certify a plan against the large model on examples that nothing was fitted on.

The statistics are in `statistics/certificate.py`; here is which scores go into them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from underdog.answerer import Answerer
from underdog.example import Example
from underdog.levers.cascade import Cascade
from underdog.statistics import Candidate, Certificate, Refusal, certify
from underdog.statistics.certificate import Test
from underdog.studies.findings import groups_of
from underdog.studies.fitting import cascaded, thresholds
from underdog.studies.measure import Bench, Column, Floats
from underdog.studies.spec import Spec

Ruling = Certificate | Refusal

TEST: Test = "score"
"""How 0/1 scores are tested, settled for all studies: on every population of benchmarks/truth it is sharper
than two Clopper-Pearson bounds and keeps its promises. Grouped or fractional scores are tested by betting."""


async def certify_whole(
    spec: Spec, bench: Bench, name: str, plan: Answerer, examples: Sequence[Example]
) -> Ruling:
    """One candidate, one test: the plan as it stands."""
    columns = await bench.measure({name: plan, "large": spec.read("large")}, examples, "certify")
    return rule(spec, name, columns[name].scores(), columns["large"].scores(), examples)


def rule(
    spec: Spec,
    name: str,
    plan: Floats,
    large: Floats,
    examples: Sequence[Example],
    confidence: float | None = None,
) -> Ruling:
    """The ruling on one plan's scores; `confidence` is the study's unless several plans were looked at."""
    candidate = Candidate.from_scores(name, plan, large, groups_of(examples))
    return certify([candidate], spec.margin, confidence or spec.confidence, TEST)


async def certify_steps(
    spec: Spec,
    bench: Bench,
    name: str,
    plan: Answerer,
    steps: Sequence[Answerer],
    examples: Sequence[Example],
) -> tuple[Answerer, Ruling]:
    """The boldest of the steps that keeps the promise; refused, `plan` stays as it is.

    The steps came from what the plan was fitted on, in order from the safest to the boldest. Each answers as
    it would be served; what they ask alike is asked once.
    """
    labels = [f"{name}: step {place + 1} of {len(steps)}" for place in range(len(steps))]
    arms = {**dict(zip(labels, steps, strict=True)), "large": spec.read("large")}
    columns = await bench.measure(arms, examples, "certify")
    large, groups = columns["large"].scores(), groups_of(examples)
    candidates = [Candidate.from_scores(label, columns[label].scores(), large, groups) for label in labels]
    ruling = certify(candidates, spec.margin, spec.confidence, TEST)
    return (plan if isinstance(ruling, Refusal) else steps[ruling.index]), ruling


async def certify_threshold(
    spec: Spec,
    bench: Bench,
    name: str,
    plan: Answerer,
    seen: Column,
    examples: Sequence[Example],
) -> tuple[Answerer, Ruling]:
    """The boldest threshold that keeps the promise, by fixed-sequence testing from the safest on.

    The candidates and their order come from `seen`, the first rung's trials in the race. Refused, the plan
    keeps the threshold that the race chose.
    """
    assert isinstance(plan, Cascade)
    grid = thresholds(seen.confidences())
    arms = {f"{name}: first": plan.small, "large": spec.read("large")}
    columns = await bench.measure(arms, examples, "certify")
    first, large = columns[f"{name}: first"], columns["large"].scores()
    candidates = [
        Candidate.from_scores(
            f"threshold {limit:.4g}", cascaded(first, large, limit), large, groups_of(examples)
        )
        for limit in grid
    ]
    if not candidates:
        return plan, Refusal(
            f"{name} never stated a confidence in the race, so no threshold could be tried",
            None,
            len(examples),
            spec.margin,
            spec.confidence,
        )
    ruling = certify(candidates, spec.margin, spec.confidence, TEST)
    if isinstance(ruling, Refusal):
        return plan, ruling
    return replace(plan, threshold=grid[ruling.index]), ruling
