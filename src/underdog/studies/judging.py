"""The one look at test: the candidates and the baselines, compared with the large model.

Nothing is fitted here, and nothing learnt here may flow back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from underdog.answerer import Answerer
from underdog.example import Example
from underdog.proof import best_constant
from underdog.statistics import (
    Interval,
    bonferroni,
    mean_interval,
    metric_interval,
    oracle,
    paired_difference,
    static_mix,
)
from underdog.studies.certifying import Ruling, rule
from underdog.studies.choosing import LENIENT, choose, lenient_twins
from underdog.studies.cost import Unit, per_request, shared_unit
from underdog.studies.findings import Arm, Comparison, arms_of, groups_of
from underdog.studies.measure import Bench, Column, Floats
from underdog.studies.spec import Spec
from underdog.studies.verdict import Verdict, judge
from underdog.trial import Outcome


@dataclass(frozen=True)
class Judged:
    """What test said: the winner, its plan and ruling, every arm looked at, and the verdict.

    `differing` is in how many of how many trials the winner's final answer was not the large model's.
    """

    winner: str
    plan: Answerer
    certificate: Ruling | None
    unit: Unit | None
    arms: list[Arm]
    comparisons: list[Comparison]
    verdict: Verdict
    cautions: list[str]
    metrics: dict[str, dict[str, Interval]]
    differing: tuple[int, int]


async def judge_test(
    spec: Spec,
    bench: Bench,
    test: Sequence[Example],
    candidates: Mapping[str, Answerer],
    certificate: Ruling | None,
    seen: Sequence[Example],
) -> Judged:
    """Measure candidates and baselines on test and judge the best candidate.

    With several candidates (nothing was fitted, so the whole set is test) the winner is picked here: its
    interval is then widened for the number looked at, and its certificate is ruled on the same examples at
    that corrected level.
    """
    answerers = {**spec.baselines, **lenient_twins(spec), **candidates}
    columns = await bench.measure(answerers, test, "test")
    unit = shared_unit(list(columns.values()))
    arms = arms_of(columns, test, answerers, unit, spec.confidence)
    looks = len(candidates)
    level = bonferroni(spec.confidence, looks)
    winner = next(iter(candidates))
    if looks > 1:
        pool = [arm for arm in arms if arm.name in candidates or arm.name == "large"]
        winner = choose(pool, spec.margin)
    scores = {name: column.scores() for name, column in columns.items() if LENIENT not in name}
    if certificate is None and not seen and winner != "large":
        certificate = rule(spec, winner, scores[winner], scores["large"], test, level)
    groups = groups_of(test)
    paired = paired_difference(scores[winner], scores["large"], level, groups)
    comparisons = [
        Comparison(name, "large", paired_difference(scores[name], scores["large"], level, groups))
        for name in scores
        if name != "large"
    ]
    costs = {name: per_request(column, unit) for name, column in columns.items()}
    extra, against_mix = _computed(spec, test, seen, scores, costs, winner)
    verdict = judge(
        paired, spec.margin, plan=winner, cost_plan=costs[winner], cost_large=costs["large"], looks=looks
    )
    against_lenient = paired_difference(scores[winner], columns["large" + LENIENT].scores(), level, groups)
    return Judged(
        winner=winner,
        plan=answerers[winner],
        certificate=certificate,
        unit=unit,
        arms=[*arms, *extra],
        comparisons=[*comparisons, *against_mix],
        verdict=verdict,
        cautions=_cautions(spec, verdict, judge(against_lenient, spec.margin, looks=looks)),
        metrics=_metrics(spec, columns, test),
        differing=_differing(columns[winner], columns["large"]),
    )


def _differing(plan: Column, large: Column) -> tuple[int, int]:
    """Trials that answered both, by their final answers: what a gateway can see without labels."""
    pairs = [
        (a.final, b.final)
        for a, b in zip(plan.trials, large.trials, strict=True)
        if Outcome.FAILED not in (a.outcome, b.outcome)
    ]
    return sum(a != b for a, b in pairs), len(pairs)


def _computed(
    spec: Spec,
    test: Sequence[Example],
    seen: Sequence[Example],
    scores: Mapping[str, Floats],
    costs: Mapping[str, float | None],
    winner: str,
) -> tuple[list[Arm], list[Comparison]]:
    """The baselines that need no call, and the winner against the equal-cost mix."""
    groups, arms, comparisons = groups_of(test), [], []
    final, _ = best_constant(spec.task, seen or test)
    if final is not None:
        score = spec.task.scorer.score  # type: ignore[union-attr]  # a constant is found where this scores
        interval = mean_interval([score(final, example) for example in test], spec.confidence, groups)
        arms.append(Arm("constant", interval, 0.0, note=f"always {final!r}"))
    single = {name: scores[name] for name in spec.models}
    budget = costs[winner]
    if budget is not None and winner not in single:
        means = {n: mean_interval(s, spec.confidence).estimate for n, s in single.items()}
        mix = static_mix(means, {n: costs[n] for n in single}, budget)
        if mix.weights:
            expected = mix.per_item(single)
            note = " + ".join(f"{weight:.0%} {name}" for name, weight in mix.weights.items())
            arms.append(Arm("mix", mean_interval(expected, spec.confidence, groups), mix.cost, note=note))
            paired = paired_difference(scores[winner], expected, spec.confidence, groups)
            comparisons.append(Comparison(winner, "mix", paired))
    best = mean_interval(oracle(scores), spec.confidence, groups)
    arms.append(Arm("oracle", best, note="the best arm on every example: a ceiling, not a plan"))
    return arms, comparisons


def _cautions(spec: Spec, verdict: Verdict, lenient: Verdict) -> list[str]:
    """What a reader of the verdict must not miss."""
    cautions = [spec.task.caution] if spec.task.caution else []
    if lenient.kind is not verdict.kind and lenient.paired.b_mean is not None:
        cautions.append(
            f"Mind the format: read leniently, the same answers of the large model score "
            f"{lenient.paired.b_mean:.3f} instead of {verdict.paired.b_mean:.3f}, and against that the "
            f"verdict would be {lenient.kind.value!r}. What differs is how the answer is written; ask for "
            "another form, or read leniently."
        )
    return cautions


def _metrics(
    spec: Spec, columns: Mapping[str, Column], test: Sequence[Example]
) -> dict[str, dict[str, Interval]]:
    """Metrics that are not means over items, where the task asks for them; intervals by bootstrap."""
    if not spec.task.metrics or spec.repeats > 1:
        return {}
    golds: list[Any] = [spec.task.label(example) for example in test]
    return {
        name: {
            metric: metric_interval(metric, column.finals(), golds, spec.confidence, groups_of(test))
            for metric in spec.task.metrics
        }
        for name, column in columns.items()
        if LENIENT not in name
    }
