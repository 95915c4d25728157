"""The diagnosis that a study opens with when it names no levers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from tests.studies.conftest import Shop, sums, sums_spec

from underdog.studies.diagnosis.record import FILE, advice_in
from underdog.studies.forecast import Forecast
from underdog.studies.run import run
from underdog.studies.session import Settings
from underdog.studies.spec import Spec


def opened(spec: Spec, settings: Settings) -> tuple[set[str], set[str], int]:
    """The levers that raced first and those that did not, and how many calls were sent."""
    result = asyncio.run(run(spec, replace(settings, advice=None)))
    assert result is not None
    findings = result.findings
    return set(findings.rounds[0].arms), set(findings.dropped), findings.calls_sent


def test_a_study_that_names_no_levers_diagnoses_first_and_says_what_it_found(
    tmp_path: Path, settings: Settings
) -> None:
    spec = sums_spec(tmp_path, task=sums(600), margin=0.1)
    raced, dropped, _ = opened(spec, settings)
    assert raced | dropped >= set(spec.levers) and not raced & dropped
    advice = advice_in(tmp_path / "run", spec.digest)
    assert advice is not None
    ruled_out = {name for one in advice if not one.worth_trying for name in one.names}
    assert ("vote" in dropped) == ("vote" in ruled_out)


def test_a_study_that_names_its_levers_asks_for_no_diagnosis(tmp_path: Path, settings: Settings) -> None:
    spec = sums_spec(tmp_path, levers={"vote": {"lever": "vote", "inner": "small", "n": 3}})
    opened(spec, settings)
    assert not (tmp_path / "run" / FILE).exists()


def test_what_a_diagnosis_asked_the_study_does_not_pay_again(
    tmp_path: Path, settings: Settings, shop: Shop
) -> None:
    spec = sums_spec(tmp_path, task=sums(600), margin=0.1)
    _, _, sent = opened(spec, settings)
    assert sent == shop.asked, "every call that was sent reached an engine once"
    _, _, again = opened(spec, settings)
    assert again == 0 and sent == shop.asked


def test_the_forecast_holds_the_diagnosis_too(tmp_path: Path, settings: Settings) -> None:
    spec, seen = sums_spec(tmp_path, task=sums(600)), []

    def refuse(forecast: Forecast, proof: object) -> bool:
        seen.append(forecast)
        return False

    asking = replace(settings, consent=refuse)
    asyncio.run(run(spec, asking))
    asyncio.run(run(spec, replace(asking, advice=None)))
    without, whole = seen
    assert whole.most_calls > without.most_calls and whole.tokens > without.tokens


def test_the_forecast_of_a_study_with_its_diagnosis_bounds_what_is_sent(
    tmp_path: Path, settings: Settings
) -> None:
    spec, seen = sums_spec(tmp_path, task=sums(600), margin=0.1), []

    def agree(forecast: Forecast, proof: object) -> bool:
        seen.append(forecast)
        return True

    _, _, sent = opened(spec, replace(settings, consent=agree))
    assert seen[0].least_calls <= sent <= seen[0].most_calls
