"""What an arm needs, as far as it is known, and which limits it breaks."""

from __future__ import annotations

from typing import Any

import pytest
from tests.studies.conftest import sums_spec

from underdog.answerer import Model
from underdog.errors import StudyError
from underdog.levers import Vote
from underdog.studies.limits import Limits, Needs, needs, size
from underdog.studies.measure import Column
from underdog.trial import Outcome, Spend, Trial

SMALL, OTHER = Model("hf/small"), Model("hf/other")


def column(*spends: Spend) -> Column:
    ids = tuple(f"e{place}" for place in range(len(spends)))
    trials = [
        Trial("arm", key, 0, Outcome.RIGHT, 1.0, "x", None, one) for key, one in zip(ids, spends, strict=True)
    ]
    return Column("arm", ids, trials)


def test_latency_is_the_time_that_95_of_100_answers_stay_within() -> None:
    """One slow answer in twenty is allowed for; recorded answers have no time, and one of them is enough."""
    timed = column(*[Spend(seconds=1.0)] * 19, Spend(seconds=9.0))
    assert needs(timed, SMALL, {}).seconds == pytest.approx(1.4)
    assert needs(column(Spend(seconds=1.0), Spend()), SMALL, {}).seconds is None
    assert needs(column(), SMALL, {}) == Needs(None, None, None)


def test_the_parameters_of_all_local_models_that_an_answer_needs_are_added() -> None:
    """A model is counted once, however often it is asked; one that runs elsewhere takes no room."""
    sizes = {SMALL: 1e9, OTHER: 0.0}
    assert needs(column(Spend()), Vote(SMALL, 5), sizes).parameters == 1e9
    assert needs(column(Spend()), OTHER, sizes).parameters == 0.0
    assert needs(column(Spend()), Model("hf/unseen"), sizes).parameters is None


def test_a_models_size_follows_from_what_it_computed_for_its_tokens() -> None:
    """Two operations a parameter and token; tokens read from a cache took none."""
    assert size(Spend(tokens_in=70, tokens_cached=20, tokens_out=50, flops=2 * 3e8 * 100)) == pytest.approx(
        3e8
    )
    assert size(Spend(tokens_in=70, tokens_out=50)) == 0.0 == size(Spend())


def test_what_is_not_known_is_not_kept() -> None:
    limits = Limits(latency_seconds=2, dollars_per_request=0.01, parameters=1e9)
    assert limits.any and not Limits().any
    assert limits.broken(Needs(1.0, 0.005, 1e9)) is None
    assert "seconds" in (limits.broken(Needs(3.0, 0.005, 1e9)) or "")
    assert "dollars an answer: 0.02, and at most 0.01" in (limits.broken(Needs(1.0, 0.02, 1e9)) or "")
    assert "parameters of local models: not known" in (limits.broken(Needs(1.0, 0.01, None)) or "")
    assert Limits().broken(Needs(None, None, None)) is None


@pytest.mark.parametrize("limits", [{"latency": 1}, {"parameters": 0}, {"latency_seconds": True}, 3])
def test_a_mistake_in_limits_is_one_sentence(tmp_path: Any, limits: Any) -> None:
    with pytest.raises(StudyError, match="limits") as error:
        sums_spec(tmp_path, limits=limits)
    assert "\n" not in str(error.value)


def test_limits_are_part_of_what_a_study_is(tmp_path: Any) -> None:
    """A study without them keeps the digest it had."""
    plain, empty = sums_spec(tmp_path), sums_spec(tmp_path, limits={})
    assert plain.digest == empty.digest != sums_spec(tmp_path, limits={"parameters": 1e9}).digest
