"""Races of real levers on fake models: who is stopped, what is learned on what, and which limits are kept."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.studies.conftest import Shop, gold, sums, sums_spec

from underdog.answerer import Answer, Request, TokenLogprob
from underdog.drive import Driver
from underdog.engines.fake import FakeEngine
from underdog.errors import StudyError
from underdog.levers.few_shot import FewShot
from underdog.store.sinks import MemoryBank
from underdog.studies.crossfit import FOLDS, in_order, lessons
from underdog.studies.findings import Findings
from underdog.studies.learning import School
from underdog.studies.measure import Bench
from underdog.studies.race import Book
from underdog.studies.run import run
from underdog.studies.session import Settings
from underdog.studies.spec import Spec

# The large model costs twenty times as much, as large models do.
RATES = {"small": (1e-6, 1e-6), "large": (20e-6, 20e-6)}


def hard(request: Request) -> bool:
    return gold(request) % 3 == 0


def unsure(request: Request) -> Answer:
    """Right and sure on two sums of three; on the third it draws lots, and its tokens say so."""
    total = gold(request)
    if hard(request):
        lot = sum(request.sample) if request.sample else 1
        return Answer(str(total + 1 + lot % 5), logprobs=(TokenLogprob("?", -1.5),))
    return Answer(str(total), logprobs=(TokenLogprob("!", -0.01),))


def able(request: Request) -> str:
    total = gold(request)
    return str(total) if total % 50 else "no idea"


def priced(settings: Settings, small: Any = unsure, large: Any = able, latency: float = 0.0) -> Settings:
    """The study's settings with these two models, priced."""
    engines = {
        f"fake/{name}": FakeEngine(reply, name=name, rates=RATES[name], latency=latency)
        for name, reply in (("small", small), ("large", large))
    }
    return replace(settings, bind=lambda model: engines[model.name])


def found(spec: Spec, settings: Settings) -> Findings:
    result = asyncio.run(run(spec, settings))
    assert result is not None
    return result.findings


def cascade(inner: str = "vote") -> dict[str, Any]:
    return {
        "shots": {"lever": "fewshot", "inner": "small", "k": 2},
        "vote": {"lever": "vote", "inner": "small", "n": 3},
        "cascade": {"lever": "cascade", "small": inner, "large": "large"},
    }


def test_arms_are_measured_as_far_as_needed_and_say_why_no_further(
    tmp_path: Path, settings: Settings
) -> None:
    """The cascade is worth it; each arm of the ladder has its own n and its reason."""
    task = sums(900)
    findings = found(sums_spec(tmp_path, levers=cascade(), task=task, margin=0.05), priced(settings))
    arms = {arm.name: arm for arm in findings.ladder}
    [only] = findings.rounds
    assert findings.winner == only.chosen == "cascade"
    assert arms["cascade"].stopped.startswith("chosen: ")
    assert arms["small"].stopped == "shown worse than cascade"
    assert arms["small"].score.n < only.units
    assert all(arm.stopped or arm.name == "large" for arm in findings.ladder)
    assert only.units == max(arm.score.n for arm in findings.ladder) == arms["large"].score.n
    assert only.calls < only.grid and only.of == len(task.split("tune"))
    assert findings.ended == "every lever that the study names has raced" or "shown" in findings.ended


def test_a_fitted_threshold_is_never_measured_on_what_it_was_chosen_on(
    tmp_path: Path, settings: Settings
) -> None:
    """The cascade starts one leg late, and hands over where votes do not agree."""
    findings = found(sums_spec(tmp_path, levers=cascade(), task=sums(500), margin=0.05), priced(settings))
    arms = {arm.name: arm for arm in findings.ladder}
    assert arms["cascade"].score.n <= arms["large"].score.n - 50
    assert findings.threshold is not None
    assert 0.2 < (arms["cascade"].escalated or 0) < 0.8


@pytest.mark.parametrize(("count", "folds"), [(300, FOLDS), (500, 0)])
def test_below_400_examples_fit_and_tune_are_one_pool_of_folds(count: int, folds: int) -> None:
    """Certify and test stay apart."""
    task = sums(count)
    taught = lessons(task)
    assert taught.count == folds
    assert len(taught.race) == len(task.split("tune")) + (len(task.split("fit")) if folds else 0)
    judged = {example.id for name in ("certify", "test") for example in task.split(name)}
    assert judged.isdisjoint(example.id for example in taught.seen)
    assert len(taught.seen) == len(task.split("fit")) + len(task.split("tune"))


def test_a_fold_is_answered_by_a_lever_that_learned_from_the_others(tmp_path: Path) -> None:
    """No demonstration is of the fold that it is shown to; the served lever may use all of them."""
    spec = sums_spec(tmp_path)
    taught = lessons(spec.task)
    lever = FewShot(spec.read("small"), 4)
    bench = Bench(spec.task, Driver(Shop(), MemoryBank()), MemoryBank())
    school = School(spec, Book(bench), 0)
    entry = asyncio.run(school.entry(lever, taught))
    texts = {example.id: example.messages[-1]["content"] for example in taught.race}
    for example in taught.race:
        answering = entry.entered(example)
        assert isinstance(answering, FewShot) and len(answering.demonstrations) == 4
        fold = {texts[e.id] for e in taught.race if taught.folds[e.group] == taught.folds[example.group]}
        assert fold.isdisjoint(user for user, _ in answering.demonstrations)
    assert isinstance(entry.served, FewShot) and len(entry.served.demonstrations) == 4
    plain = asyncio.run(school.entry(spec.read("small"), taught))
    assert plain.entered.by_fold == (spec.read("small"),)


def test_the_findings_say_in_how_many_folds_levers_were_raced(tmp_path: Path, settings: Settings) -> None:
    levers = {"shots": {"lever": "fewshot", "inner": "small", "k": 2}}
    assert found(sums_spec(tmp_path, levers=levers), priced(settings)).folds == FOLDS


def test_the_order_of_a_race_follows_from_names_and_seed_alone() -> None:
    """Groups stay together; scores and the order of the file do not matter."""
    task = sums(40)
    examples = [replace(example, group=f"g{i // 2}") for i, example in enumerate(task.examples)]
    order = in_order(examples, 0)
    assert all(len({example.group for example in unit}) == 1 and len(unit) == 2 for unit in order)
    assert [u[0].group for u in order] == [u[0].group for u in in_order(examples[::-1], 0)]
    assert order != in_order(examples, 1)


def test_grouped_examples_race_by_group(tmp_path: Path, settings: Settings) -> None:
    task = sums(400)
    grouped = tuple(replace(example, group=f"g{i // 4}") for i, example in enumerate(task.examples))
    findings = found(sums_spec(tmp_path, levers={}, task=replace(task, examples=grouped)), priced(settings))
    [only] = findings.rounds
    large = next(arm for arm in findings.ladder if arm.name == "large")
    assert large.score.n == 4 * only.units


def test_an_arm_that_breaks_a_limit_leaves_the_race(tmp_path: Path, settings: Settings) -> None:
    """The vote costs three times what is allowed; what is chosen keeps the limit."""
    spec = sums_spec(tmp_path, levers=cascade(), limits={"dollars_per_request": 5e-6})
    findings = found(spec, priced(settings))
    arms = {arm.name: arm for arm in findings.ladder}
    assert "dollars an answer" in arms["vote"].stopped and "at most 5e-06" in arms["vote"].stopped
    assert findings.winner == "small"
    assert findings.limits.dollars_per_request == 5e-6


def test_a_latency_that_nobody_measured_is_not_kept(tmp_path: Path, settings: Settings) -> None:
    """Where no arm may be served the study says so in one sentence."""
    spec = sums_spec(tmp_path, levers={}, limits={"latency_seconds": 1.0})
    with pytest.raises(StudyError, match=r"no arm may be served .* not known"):
        found(spec, priced(settings))
    live = replace(priced(settings, latency=1e-4), store=tmp_path / "live.sqlite")
    findings = found(spec, live)
    point = next(point for point in findings.frontier if point.arm == "small")
    assert point.needs.seconds == pytest.approx(1e-4)


def test_the_frontier_holds_what_no_other_arm_betters_in_both(tmp_path: Path, settings: Settings) -> None:
    findings = found(sums_spec(tmp_path, levers=cascade(), task=sums(500)), priced(settings))
    points = findings.frontier
    assert [point.cost for point in points] == sorted(point.cost for point in points)  # type: ignore[type-var]
    for point in points:
        better = [
            other
            for other in points
            if (other.cost or 0) <= (point.cost or 0)
            and (other.score.estimate or 0) >= (point.score.estimate or 0)
            and other is not point
        ]
        assert point.best == (not better)


def test_a_cascade_whose_first_rung_states_no_confidence_is_told_so(
    tmp_path: Path, settings: Settings, shop: Shop
) -> None:
    """These fakes give no log-probabilities, so there is nothing to hand over by."""
    findings = found(sums_spec(tmp_path), settings)
    assert "states no confidence" in findings.dropped["confident"]
