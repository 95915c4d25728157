"""The levers of a study that names none: they follow from what the study has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.studies.conftest import small, sums, sums_spec
from tests.studies.test_race import found, priced

from underdog.answerer import Answer, Failure, Request
from underdog.errors import StudyError
from underdog.levers import Agree, BestOf, Check, Constrain, Retrieve, Route, Vote
from underdog.reading import Reading
from underdog.studies.rounds import wraps
from underdog.studies.session import Settings
from underdog.studies.spec import Spec

CHECKER = """
def right(messages, text, final):
    left, right = messages[-1]["content"].split("+")
    return int(final or -1) == int(left) + int(right), "add once more"
"""


def offering(tmp_path: Path, **keys: object) -> Spec:
    (tmp_path / "checks.py").write_text(CHECKER, encoding="utf-8")
    (tmp_path / "notes").mkdir(exist_ok=True)
    (tmp_path / "notes" / "a.txt").write_text("One and one is two.", encoding="utf-8")
    return sums_spec(tmp_path, **keys)


def test_without_more_than_two_models_they_are_shots_votes_and_cascades(tmp_path: Path) -> None:
    assert list(sums_spec(tmp_path).levers) == ["shots", "vote", "confident", "cascade"]


def test_other_models_are_routed_to_and_asked_whether_they_agree(tmp_path: Path) -> None:
    models = {"small": "fake/small", "large": "fake/large", "coder": "fake/coder"}
    spec = sums_spec(tmp_path, models=models)
    small, large, coder = (spec.read(name) for name in ("small", "large", "coder"))
    assert spec.levers["route"] == Route((small, coder, large))
    assert spec.levers["agree"] == Agree((small, coder), large)


def test_labels_are_held_to_documents_searched_and_checkers_asked(tmp_path: Path) -> None:
    spec = offering(tmp_path, documents="notes", checker="checks.py:right")
    assert isinstance(spec.levers["retrieve"], Retrieve)
    best, repair = spec.levers["best of 8"], spec.levers["repair"]
    assert isinstance(best, BestOf) and isinstance(best.verifier, Check)
    assert best.verifier.program.name == "checks.py:right" and best.verifier.reading == Reading("number")
    assert repair.verifier == best.verifier
    labelled = sums(30)
    labelled = replace(labelled, reading=Reading("label", labels=("a", "b")))
    constrained = offering(tmp_path, task=labelled).levers["constrained"]
    assert isinstance(constrained, Constrain) and constrained.choices == "labels"


def test_what_a_race_chose_is_wrapped_by_the_best_of_its_draws_where_they_can_be_checked(
    tmp_path: Path,
) -> None:
    spec = offering(tmp_path, checker="checks.py:right")
    arms = {"small": spec.read("small"), **spec.levers}
    around = wraps("shots", arms, spec)
    assert around["best of shots"] == BestOf(spec.levers["shots"], 8, spec.offers.check, batch=2)
    assert around["vote of shots"] == Vote(spec.levers["shots"], 5)
    assert not any(name.startswith("best of") for name in wraps("repair", arms, spec))


def test_documents_and_a_checker_are_refused_beside_levers_that_are_named(tmp_path: Path) -> None:
    vote = {"vote": {"lever": "vote", "inner": "small", "n": 3}}
    with pytest.raises(StudyError, match="`checker` is for the usual levers"):
        offering(tmp_path, checker="checks.py:right", levers=vote)
    with pytest.raises(StudyError, match="`checker` must be a program"):
        offering(tmp_path, checker=["checks.py"])


def test_a_study_with_a_checker_finds_the_draws_that_pass(tmp_path: Path, settings: Settings) -> None:
    """Draws are right two times in three, so a vote errs on some sums and the best of eight on none."""
    spec = offering(tmp_path, task=sums(500), margin=0.1, checker="checks.py:right")

    def steady(request: Request) -> Answer:
        return small(replace(request, messages=request.messages[:1]))

    findings = found(spec, replace(priced(settings, small=steady), allow_code=True))
    ladder = {arm.name: arm.score.estimate for arm in findings.ladder}
    assert ladder["best of 8"] == 1.0
    assert findings.winner in ("best of 8", "repair", "best of shots") or findings.winner.startswith("best")


def test_an_arm_of_which_every_answer_fails_leaves_the_race_with_the_reason(
    tmp_path: Path, settings: Settings
) -> None:
    def refuses(request: Request) -> Answer | Failure:
        formed = "structured_outputs" in request.extra
        return Failure("bad_request", "no grammars here") if formed else small(request)

    levers = {"held": {"lever": "constrain", "inner": "small", "regex": "[0-9]+"}}
    spec = sums_spec(tmp_path, task=sums(400), margin=0.1, levers=levers)
    findings = found(spec, priced(settings, small=refuses))
    assert findings.winner == "small"
    held = next(arm for arm in findings.ladder if arm.name == "held")
    assert "every answer failed" in held.stopped and "no grammars here" in held.stopped
    assert sum(held.outcomes.values()) <= 60, "it left after the first leg"
