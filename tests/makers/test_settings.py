"""What makers can be told, and the plan of steps that follows from it."""

from __future__ import annotations

import pytest

from underdog.errors import StudyError
from underdog.makers import Distil, Dpo, Grpo, Lora, maker_from


def test_the_first_candidate_is_what_was_asked_for():
    first, *others = Lora(rank=8, rate=1e-3, tries=4).candidates(width=96)
    assert (first.rank, first.rate) == (8, 1e-3)
    assert len(others) == 3 and first not in others


def test_a_rate_that_was_not_asked_for_falls_with_the_width_and_is_lower_for_preferences():
    narrow, wide = (Lora().candidates(width)[0].rate for width in (96, 4096))
    assert narrow > 10 * wide
    assert Dpo().candidates(96)[0].rate == pytest.approx(narrow / 20)


def test_halving_runs_the_last_try_alone_and_says_beforehand_how_many_steps_it_takes():
    settings = Lora(steps=160, checks=8, tries=4)
    assert settings.marks == (20, 40, 60, 80, 100, 120, 140, 160)
    assert settings.rungs == (40, 80, 160)
    assert settings.most_steps == 4 * 40 + 2 * 40 + 80


def test_one_try_is_no_search():
    settings = Lora(steps=30, checks=3, tries=1)
    assert (settings.rungs, settings.most_steps) == ((30,), 30)


@pytest.mark.parametrize(
    ("kind", "settings", "says"),
    [
        (Lora, {"rank": 0}, "`rank` must be at least 1; got 0"),
        (Lora, {"rate": 0.0}, "`rate` must be above 0"),
        (Lora, {"steps": 4, "checks": 8}, r"at least `checks` \(8\)"),
        (Lora, {"tries": 8, "checks": 4}, "`tries` must be at most 4 with 4 checks"),
        (Lora, {"batch": 16, "micro_batch": 5}, r"multiple of `micro_batch` \(5\)"),
        (Lora, {"held_out": 0.9}, "`held_out` must be from 0.05 to 0.5"),
        (Distil, {"draws": 4}, "need a `temperature`"),
        (Dpo, {"beta": 0.0}, "`beta` must be above 0"),
        (Dpo, {"teacher": "gold"}, "`teacher` must be large or small"),
        (Grpo, {"batch": 60}, r"multiple of `group` \(8\)"),
        (Grpo, {"right": 0.0}, "`right` must be above 0"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_what_is_allowed(kind, settings, says):
    with pytest.raises(StudyError, match=says):
        kind(**settings)


def test_a_maker_is_named_with_its_settings():
    assert maker_from({"maker": "dpo", "rank": 8, "beta": 0.2}, "tuned") == Dpo(rank=8, beta=0.2)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"maker": "lorra"}, "`maker` must be one of lora, distil, dpo, grpo, quantize, prune; got 'lorra'"),
        ({"maker": "lora", "ranks": 4}, "did you mean 'rank'"),
        ({"maker": "lora", "rank": "many"}, "Expected `int`"),
        ({"maker": "lora", "group": 4}, "lora has no setting 'group'"),
    ],
)
def test_a_maker_that_cannot_be_named_is_told_in_a_sentence(body, says):
    with pytest.raises(StudyError, match=says):
        maker_from(body, "makers.tuned")


def test_the_recipe_holds_every_setting():
    recipe = Grpo(rank=4).recipe()
    assert recipe["maker"] == "grpo" and recipe["rank"] == 4 and recipe["group"] == 8
    assert maker_from(recipe, "recipe") == Grpo(rank=4)
