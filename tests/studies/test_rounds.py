"""Rounds: what is raced first, what is wrapped around what, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tests.studies.conftest import sums, sums_spec
from tests.studies.test_race import found, gold, hard, priced, unsure

from underdog.answerer import Answer, Request
from underdog.levers.cascade import Cascade
from underdog.levers.few_shot import FewShot
from underdog.levers.vote import Vote
from underdog.studies.rounds import MOST_ROUNDS, possible, wraps
from underdog.studies.session import Settings


@dataclass(frozen=True)
class Said:
    """What a diagnosis says of levers."""

    names: tuple[str, ...]
    worth_trying: bool
    why: str


def taught(request: Request) -> Answer:
    """Wrong on every third sum until it is shown how; then draws of it agree, and are right."""
    return Answer(str(gold(request))) if len(request.messages) > 2 else unsure(request)


def test_a_lever_is_wrapped_by_a_vote_and_by_cascades(tmp_path: Path) -> None:
    """What already asks the large model is wrapped no more, and nothing is raced twice."""
    spec = sums_spec(tmp_path)
    shots = FewShot(spec.read("small"), 4)
    arms = {"small": spec.read("small"), "shots": shots, **spec.levers}
    around = wraps("shots", arms, spec)
    assert around["vote of shots"] == Vote(shots, 5)
    assert around["cascade of shots"] == Cascade(Vote(shots, 5), spec.read("large"))
    assert set(wraps("vote", arms, spec)) == {"vote, 15 draws"}, "the cascade of the vote has raced already"
    assert wraps("cascade", arms, spec) == {}


def test_a_forecast_knows_every_arm_that_later_rounds_might_race(tmp_path: Path) -> None:
    spec = sums_spec(tmp_path)
    later = possible(spec)
    assert {"vote of shots", "cascade of shots", "vote, 15 draws"} <= set(later)
    assert possible(sums_spec(tmp_path, levers={})) == {}


def test_the_second_round_wraps_what_the_first_one_chose(tmp_path: Path, settings: Settings) -> None:
    """Shown how, the small model does it all: the round after that finds nothing better and ends it."""
    findings = found(sums_spec(tmp_path, task=sums(500), margin=0.1), priced(settings, small=taught))
    first, *later = findings.rounds
    assert first.incumbent == "small" and first.chosen == "shots" and findings.winner == "shots"
    if later:
        assert later[0].incumbent == "shots" and "vote of shots" in later[0].arms
    assert len(findings.rounds) <= MOST_ROUNDS
    assert "shots" in findings.ended
    assert findings.arm("shots").score.n == len(sums(500).split("test"))


def test_a_study_where_nothing_helps_ends_after_one_round(tmp_path: Path, settings: Settings) -> None:
    """A small model that always says the same gains nothing from votes."""

    def stubborn(request: Request) -> Answer:
        return Answer(str(gold(request) + hard(request)))

    spec = sums_spec(tmp_path, levers={"vote": {"lever": "vote", "inner": "small", "n": 3}})
    findings = found(spec, priced(settings, small=stubborn))
    assert findings.winner == "small" and len(findings.rounds) == 1
    assert findings.rounds[0].claim == "nothing shown"


def test_a_diagnosis_orders_the_first_round_and_drops_what_will_not_pay(
    tmp_path: Path, settings: Settings
) -> None:
    """The reason is kept; levers that a study names are raced whatever it says."""
    advice = [
        Said(("cascade", "agree"), True, "it knows when it errs"),
        Said(("vote", "fewshot"), False, "draws never differ"),
    ]
    advised = replace(priced(settings), advice=advice)
    findings = found(sums_spec(tmp_path), advised)
    assert findings.dropped == {"vote": "draws never differ", "shots": "draws never differ"}
    assert not {"vote", "shots"} & set(findings.rounds[0].arms)
    assert list(findings.rounds[0].arms)[:3] == ["small", "confident", "cascade"]
    named = sums_spec(tmp_path, levers={"vote": {"lever": "vote", "inner": "small", "n": 3}})
    assert "vote" in found(named, advised).rounds[0].arms


def test_a_budget_without_room_for_another_round_ends_the_rounds_and_not_the_study(
    tmp_path: Path, settings: Settings
) -> None:
    """What must follow the race is certify and test; they are still paid for."""
    generous = found(sums_spec(tmp_path, task=sums(500)), priced(settings, small=taught))
    assert len(generous.rounds) == 2
    tight = replace(settings, store=tmp_path / "tight.sqlite")
    spec = sums_spec(tmp_path, task=sums(500), budget={"tokens": 150_000})
    findings = found(spec, priced(tight, small=taught))
    assert len(findings.rounds) == 1 and "no room" in findings.ended
    assert findings.winner == generous.winner
