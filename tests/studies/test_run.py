"""A whole study on fake models: what it finds, what it costs, and what happens when it is interrupted."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tests.studies.conftest import Shop, gold, sums, sums_spec

import underdog
from underdog.answerer import Failure, Model, Request, play
from underdog.engines.fake import FakeEngine
from underdog.errors import BudgetSpent, StudyError
from underdog.plan import load, load_plan
from underdog.reading import Reading
from underdog.scorers import Judge
from underdog.studies.folder import read_trials
from underdog.studies.run import Result, run
from underdog.studies.session import Settings
from underdog.studies.verdict import Kind
from underdog.trial import Trial


def carried_out(spec: underdog.studies.Spec, settings: Settings) -> Result:
    result = asyncio.run(run(spec, settings))
    assert result is not None
    return result


def test_a_study_ends_in_a_verdict_a_certificate_and_a_plan(tmp_path: Path, settings: Settings) -> None:
    """The ladder is from tune, the verdict from test, and what is saved can be loaded and played."""
    result = carried_out(sums_spec(tmp_path), settings)
    findings = result.findings
    assert {arm.name for arm in findings.ladder} >= {"small", "large", "shots", "vote", "cascade"}
    assert {arm.name for arm in findings.test} >= {"small", "large", "large~lenient", "oracle"}
    assert findings.verdict.paired.n == len(sums().split("test"))
    assert findings.certificate is not None
    plan = load_plan(tmp_path / "run")
    assert plan.digest == result.plan.digest
    assert plan.evidence["verdict"]["kind"] == findings.verdict.kind.value
    saved = json.loads((tmp_path / "run" / "findings.json").read_text())
    assert saved["winner"] == findings.winner
    assert saved["verdict"]["paired"]["difference"] == findings.verdict.paired.difference


def test_a_plan_keeps_the_large_model_and_how_often_it_answered_otherwise(
    tmp_path: Path, settings: Settings
) -> None:
    """What a gateway watches the plan against, counted on test."""
    spec = sums_spec(tmp_path, levers={"vote": {"lever": "vote", "inner": "small", "n": 3}})
    winner = carried_out(spec, settings).findings.winner
    evidence = load_plan(tmp_path / "run").evidence
    test = {example.id for example in spec.task.split("test")}
    trials = [t for t in read_trials(tmp_path / "run") if t.example in test]
    finals = {name: {t.example: t.final for t in trials if t.answerer == name} for name in (winner, "large")}
    differing = sum(finals[winner][one] != finals["large"][one] for one in test)
    assert evidence["disagreement"] == {"differing": differing, "n": len(test)} and differing > 0
    assert load(evidence["large"]) == spec.read("large")


def test_the_splits_of_a_study_do_not_meet(tmp_path: Path, settings: Settings) -> None:
    """No example is used in two splits, and together they are the task."""
    task = sums_spec(tmp_path).task
    parts = [{example.group for example in task.split(name)} for name in ("fit", "tune", "certify", "test")]
    assert sum(map(len, parts)) == len(set().union(*parts)) == len(task.examples)
    carried_out(sums_spec(tmp_path), settings)


def test_a_second_run_pays_for_nothing_and_finds_the_same(
    tmp_path: Path, settings: Settings, shop: Shop
) -> None:
    """Every call of a finished study is in the bank."""
    first = carried_out(sums_spec(tmp_path), settings)
    asked = shop.asked
    second = carried_out(sums_spec(tmp_path), settings)
    assert shop.asked == asked
    assert second.findings.calls_sent == 0
    same = {"created": "", "calls_sent": 0, "calls_banked": 0, "spend": None, "forecast": None}
    assert msgspec.json.encode(replace(first.findings, **same)) == msgspec.json.encode(
        replace(second.findings, **same)
    )


def test_the_lenient_reading_costs_no_call(tmp_path: Path, settings: Settings, shop: Shop) -> None:
    """Strict and lenient are read from the same calls: one an example that was looked at."""
    findings = carried_out(sums_spec(tmp_path, levers={}), settings).findings
    raced = {arm.name: arm.score.n for arm in findings.ladder}
    judged = sum(len(sums().split(name)) for name in ("certify", "test"))
    for name, engine in shop.engines.items():
        seen = [(request.digest, request.sample) for request in engine.asked]
        assert len(seen) == len(set(seen)) == raced[name.removeprefix("fake/")] + judged


def test_trials_are_exported_with_what_they_cost(tmp_path: Path, settings: Settings) -> None:
    """trials.jsonl has one line a trial, each with its calls and their spend."""
    carried_out(sums_spec(tmp_path), settings)
    lines = (tmp_path / "run" / "trials.jsonl").read_bytes().splitlines()
    trials = [msgspec.json.decode(line, type=Trial) for line in lines]
    votes = [trial for trial in trials if trial.answerer == "vote"]
    assert votes and all(len(trial.calls) == 5 and trial.spend.calls == 5 for trial in votes)


def test_a_budget_stops_a_study_and_a_larger_one_resumes_it(
    tmp_path: Path, settings: Settings, shop: Shop
) -> None:
    """Nothing recorded before the stop is asked again."""
    with pytest.raises(BudgetSpent, match="tokens"):
        asyncio.run(run(sums_spec(tmp_path, budget={"tokens": 3_000}), settings))
    before = shop.asked
    assert before > 0
    result = carried_out(sums_spec(tmp_path), settings)
    assert shop.asked == before + result.findings.calls_sent
    fresh = Shop()
    other = replace(settings, store=tmp_path / "other.sqlite", bind=fresh)
    carried_out(sums_spec(tmp_path), other)
    assert shop.asked == fresh.asked


def test_a_declined_forecast_makes_no_call(tmp_path: Path, settings: Settings, shop: Shop) -> None:
    """`--dry-run` is consent refused."""
    seen = []
    refuse = replace(settings, consent=lambda forecast, proof: seen.append(forecast) is not None)
    assert asyncio.run(run(sums_spec(tmp_path), refuse)) is None
    assert shop.asked == 0 and seen[0].most_calls >= seen[0].least_calls > 0


def test_a_forecast_bounds_what_is_sent(tmp_path: Path, settings: Settings, shop: Shop) -> None:
    """The study sends no more calls than the forecast's upper bound."""
    result = carried_out(sums_spec(tmp_path), settings)
    assert result.findings.calls_sent == shop.asked <= result.findings.forecast.most_calls


def test_failed_calls_are_not_wrong_answers(tmp_path: Path, settings: Settings) -> None:
    """A model that fails on a tenth of the examples leaves the verdict open, and says why."""

    def flaky(request: Request) -> str | Failure:
        total = sum(map(int, str(request.messages[-1]["content"]).split("+")))
        return Failure("server_error", "down") if total % 10 == 0 else str(total)

    engines = {"fake/small": FakeEngine(flaky, name="flaky"), "fake/large": Shop().engines["fake/large"]}
    result = carried_out(
        sums_spec(tmp_path, levers={}), replace(settings, bind=lambda model: engines[model.name])
    )
    assert result.findings.verdict.kind is Kind.CANNOT_TELL
    assert "failed" in result.findings.verdict.sentence
    arm = result.findings.arm("small")
    assert arm.outcomes["failed"] > 0 and arm.outcomes["wrong"] == 0 and arm.score.estimate == 1.0


def test_a_large_model_that_is_only_badly_read_is_not_beaten_in_silence(
    tmp_path: Path, settings: Settings
) -> None:
    """The caution says what the verdict would be if the answers were read leniently."""
    wordy = FakeEngine(lambda request: f"It is {gold(request)} I think", name="wordy")
    engines = {"fake/small": Shop().engines["fake/small"], "fake/large": wordy}
    result = carried_out(
        sums_spec(tmp_path, levers={}), replace(settings, bind=lambda model: engines[model.name])
    )
    assert result.findings.verdict.kind is Kind.BEATS
    assert any("leniently" in caution for caution in result.findings.cautions)


def test_without_fitting_the_whole_set_is_test_and_looks_are_corrected(
    tmp_path: Path, settings: Settings
) -> None:
    """`splits: test` judges every lever and widens the interval for their number."""
    levers = {
        "three": {"lever": "vote", "inner": "small", "n": 3},
        "five": {"lever": "vote", "inner": "small", "n": 5},
    }
    spec = sums_spec(tmp_path, task=sums(whole_test=True), levers=levers)
    result = carried_out(spec, settings)
    assert result.findings.verdict.looks == 2 and result.findings.ladder == []
    assert result.findings.verdict.paired.n == 300
    assert result.findings.verdict.paired.confidence == pytest.approx(0.975)


@pytest.mark.parametrize("levers", [{"c": {"lever": "cascade", "small": "small", "large": "large"}}, None])
def test_what_must_be_fitted_is_refused_where_nothing_is_left_to_fit_on(
    tmp_path: Path, settings: Settings, levers: dict[str, object] | None
) -> None:
    """An unfitted threshold, or demonstrations still to be drawn, need a fit or tune split."""
    with pytest.raises(StudyError, match="must be fitted"):
        asyncio.run(run(sums_spec(tmp_path, task=sums(whole_test=True), levers=levers), settings))


def test_too_few_examples_are_refused_with_what_to_do(tmp_path: Path, settings: Settings) -> None:
    """One example cannot be tuned and tested on."""
    with pytest.raises(StudyError, match="bring more"):
        asyncio.run(run(sums_spec(tmp_path, task=sums(1)), settings))


def test_the_library_call_does_what_the_file_does(tmp_path: Path, settings: Settings) -> None:
    """`underdog.study` and a study file share one Spec."""
    result = underdog.study(
        sums(), small="fake/small", large="fake/large", levers={}, margin=0.05, settings=settings
    )
    assert result is not None and result.findings.margin == 0.05 and str(result)


def test_the_saved_plan_answers_as_the_study_did(tmp_path: Path, settings: Settings, shop: Shop) -> None:
    """Played without an engine, the plan gives the finals that the trials recorded."""
    result = carried_out(sums_spec(tmp_path), settings)
    finals = {
        (t.answerer, t.example): t.final
        for line in (tmp_path / "run" / "trials.jsonl").read_bytes().splitlines()
        if (t := msgspec.json.decode(line, type=Trial))
    }
    task, plan = sums(), load_plan(tmp_path / "run")
    replies = {"fake/small": shop.engines["fake/small"].reply, "fake/large": shop.engines["fake/large"].reply}
    for example in task.split("test")[:50]:
        answer = play(plan.answerer, task.request(example), lambda ask: _reply(replies, ask))
        assert answer.final == finals[result.findings.winner, example.id]  # type: ignore[union-attr]


def _reply(replies: dict[str, object], ask: object) -> object:
    model: Model = ask.answerer  # type: ignore[attr-defined]
    return replies[model.name](ask.request)  # type: ignore[attr-defined, operator]


def test_without_gold_answers_agreement_with_the_reference_is_measured_and_said(
    tmp_path: Path, settings: Settings
) -> None:
    """`reference: large` makes the large model's answers the targets."""
    bare = sums(reference="large")
    bare = replace(bare, examples=tuple(replace(example, target=None) for example in bare.examples))
    result = carried_out(sums_spec(tmp_path, task=bare, levers={}), settings)
    assert result.findings.arm("large").score.estimate == 1.0
    assert 0 < result.findings.arm("small").score.estimate < 1  # type: ignore[operator]
    assert any("agreement with large" in caution for caution in result.findings.cautions)
    with pytest.raises(StudyError, match="one of the models"):
        asyncio.run(run(sums_spec(tmp_path, task=replace(bare, reference="x"), levers={}), settings))


@pytest.mark.parametrize(("says", "fine"), [("VERDICT: EQUAL", False), ("VERDICT: reference", True)])
def test_a_judge_that_lets_empty_answers_win_is_not_believed(
    tmp_path: Path, settings: Settings, shop: Shop, says: str, fine: bool
) -> None:
    """Its control comes before anything is measured with it."""

    def judged(request: Request) -> str:
        text = str(request.messages[-1]["content"])
        empty = "<answer_1>\n\n" in text
        return says.replace("reference", "2" if empty else "1")

    task = replace(sums(), scorer=Judge(Model("fake/judge")), reading=Reading("text"))
    shop.engines["fake/judge"] = FakeEngine(judged, name="judge")
    asked = run(sums_spec(tmp_path, task=task, levers={}), settings)
    if fine:
        assert asyncio.run(asked) is not None
    else:
        with pytest.raises(StudyError, match="empty answers"):
            asyncio.run(asked)
