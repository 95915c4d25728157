"""The study files of recorded models come out as published; they skip where the data are not at hand."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from underdog.statistics import Certificate, Refusal
from underdog.studies.findings import Findings
from underdog.studies.run import run
from underdog.studies.session import Settings
from underdog.studies.spec import load_study
from underdog.studies.verdict import Kind

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"


def found(name: str, folder: Path) -> Findings:
    """What the study file finds, run as `underdog study` runs it."""
    if not DATA.exists():
        pytest.skip("recorded data absent: shared/data beside the repository")
    spec = load_study(ROOT / "examples" / "recorded" / f"{name}.yaml")
    result = asyncio.run(run(spec, Settings(store=folder / "store.sqlite")))
    assert result is not None
    return result.findings


def score(findings: Findings, arm: str) -> float:
    estimate = findings.arm(arm).score.estimate
    assert estimate is not None
    return estimate


def test_gpt3_6b_with_its_verifier_beats_plain_175b_at_higher_cost(tmp_path: Path) -> None:
    """GSM8K, 1,319 questions: .390 against .347, exact p about .003, a hundred samples a question."""
    findings = found("gsm8k_verifier", tmp_path)
    assert score(findings, "small") == pytest.approx(0.390, abs=5e-4)
    assert score(findings, "large") == pytest.approx(0.347, abs=5e-4)
    assert findings.verdict.paired.p == pytest.approx(0.00315, abs=5e-5)
    assert findings.verdict.headline == "beats, at higher cost"
    assert findings.unit == "FLOPs" and findings.spend.calls == 0


def test_seven_small_models_vote_past_their_best_member(tmp_path: Path) -> None:
    """ZeroEval's GSM8K: about .92 against .874."""
    findings = found("zeroeval_panel", tmp_path)
    assert score(findings, "panel") == pytest.approx(0.921, abs=0.003)
    assert score(findings, "large") == pytest.approx(0.874, abs=0.002)
    assert findings.verdict.headline == "beats, at higher cost"


def test_three_small_models_that_agree_spare_two_thirds_of_gpt_4o(tmp_path: Path) -> None:
    """About .96 at about a third escalated, certified at 3 points."""
    findings = found("zeroeval_agree", tmp_path)
    assert score(findings, "agree") == pytest.approx(0.960, abs=0.003)
    assert findings.arm("agree").escalated == pytest.approx(0.3, abs=0.05)
    assert findings.verdict.kind is Kind.RIVALS and findings.verdict.dearer is False
    assert isinstance(findings.certificate, Certificate) and findings.certificate.margin == 0.03


def test_xlam_7b_rivals_gpt_4_at_three_points_and_cannot_be_told_at_two(tmp_path: Path) -> None:
    """BFCL, seven categories, by our own argument check.

    At two points the verdict, whose two-sided bound holds at any n, cannot tell; the certificate's one-sided
    exact test promises it.
    """
    findings = found("bfcl_xlam", tmp_path)
    assert findings.verdict.paired.n == 1389 and findings.verdict.kind is Kind.RIVALS
    assert isinstance(findings.certificate, Certificate)
    narrower = found("bfcl_xlam_2_points", tmp_path)
    assert narrower.verdict.kind is Kind.CANNOT_TELL and isinstance(narrower.certificate, Certificate)
    assert narrower.verdict.needed is not None and narrower.verdict.needed.more is not None


def test_most_answers_of_llama_8b_on_reasoning_gym_cannot_be_read(tmp_path: Path) -> None:
    """79 % unread, and the lenient reading stands beside the strict one."""
    findings = found("rg_easy_unread", tmp_path)
    small = findings.arm("small")
    assert small.outcomes["unread"] / small.score.n == pytest.approx(0.79, abs=0.01)
    assert isinstance(findings.certificate, Refusal)
    both = found("rg_easy_format", tmp_path)
    assert score(both, "small~lenient") > 2 * score(both, "small")


def test_a_ladder_fitted_inside_the_study_is_certified_at_a_quarter_of_the_price(tmp_path: Path) -> None:
    """Three small models before GPT-4o; test alone is too small to tell, and says so."""
    findings = found("zeroeval_learned", tmp_path)
    ladder, large = findings.arm("ladder"), findings.arm("large")
    assert findings.winner == "ladder" and isinstance(findings.certificate, Certificate)
    assert findings.certificate.margin == 0.03
    assert findings.certificate.method == "exact unconditional score test"
    assert (ladder.cost or 1.0) < 0.3 * (large.cost or 0.0)
    assert score(findings, "large") - score(findings, "ladder") < 0.03
    assert {"routed", "any_order"} <= {arm.name for arm in findings.ladder} | set(findings.dropped)
    assert findings.verdict.kind is Kind.CANNOT_TELL
    assert findings.calls_sent <= findings.forecast.most_calls
