"""From numbers to words: each kind of verdict, what must not be left out, and when nothing can be told."""

from __future__ import annotations

import numpy as np
import pytest

from underdog.statistics import Paired, bonferroni, paired_difference
from underdog.studies.verdict import Kind, judge


def counted(helps: int, harms: int, n: int, confidence: float = 0.95, dropped: int = 0) -> Paired:
    both = n - helps - harms
    a = [*np.repeat([1.0, 0.0, 1.0], [helps, harms, both]).tolist(), *[None] * dropped]
    b = [*np.repeat([0.0, 1.0, 1.0], [helps, harms, both]).tolist(), *[1.0] * dropped]
    return paired_difference(a, b, confidence)


def test_a_clear_lead_beats_and_a_higher_cost_is_said_in_the_headline() -> None:
    verdict = judge(counted(60, 20, 400), 0.03, cost_plan=7.0, cost_large=2.0)
    assert verdict.kind is Kind.BEATS and verdict.headline == "beats, at higher cost"
    assert "+10.0 points" in verdict.sentence and "400 examples" in verdict.sentence
    assert "3.5 times what the large model costs" in verdict.sentence
    assert verdict.needed is None


@pytest.mark.parametrize(
    ("plan", "large", "headline", "words"),
    [
        (1.0, 4.0, "beats", "25 % of what"),
        (None, 4.0, "beats, at unknown cost", "plan costs is not known"),
        (1.0, None, "beats, at unknown cost", "large model costs is not known"),
        (None, None, "beats, at unknown cost", "Neither cost is known"),
        (0.0, 0.0, "beats", "Both cost the same"),
        (0.0, 1.0, "beats", "costs nothing"),
        (1.0, 0.0, "beats, at higher cost", "large model costs nothing"),
    ],
)
def test_every_cost_is_said(plan: float | None, large: float | None, headline: str, words: str) -> None:
    verdict = judge(counted(60, 20, 400), 0.03, cost_plan=plan, cost_large=large)
    assert verdict.headline == headline and words in verdict.sentence


def test_an_interval_above_nought_does_not_beat_when_the_exact_test_disagrees() -> None:
    paired = counted(5, 0, 400)
    assert paired.low is not None and paired.low > 0 and paired.p == 0.0625
    assert judge(paired, 0.03).kind is Kind.RIVALS


def test_level_answerers_rival_and_say_the_margin() -> None:
    verdict = judge(counted(10, 10, 600), 0.03, "vote of five", 1.0, 2.0)
    assert verdict.headline == "rivals"
    assert (
        "vote of five rivals the large model" in verdict.sentence and "margin of 3 points" in verdict.sentence
    )


def test_worse_by_less_than_the_margin_rivals_and_says_that_it_is_worse() -> None:
    verdict = judge(counted(2, 20, 1500), 0.05)
    assert verdict.kind is Kind.RIVALS and "worse, but by less than the margin" in verdict.sentence


def test_a_lead_smaller_than_the_margin_still_beats_and_says_so() -> None:
    verdict = judge(counted(40, 10, 2000), 0.03)
    assert verdict.kind is Kind.BEATS and "smaller than the margin" in verdict.sentence


def test_far_below_the_margin_falls_short() -> None:
    verdict = judge(counted(5, 80, 400), 0.03, cost_plan=1.0, cost_large=9.0)
    assert verdict.headline == "falls short" and "by more than 3 points" in verdict.sentence


def test_too_few_examples_cannot_tell_and_name_how_many_would() -> None:
    verdict = judge(counted(3, 4, 60), 0.03)
    assert verdict.kind is Kind.CANNOT_TELL and verdict.needed is not None
    assert f"About {verdict.needed.more:,} more examples" in verdict.sentence


def test_worse_but_unclear_by_how_much_is_told_as_far_as_it_can_be() -> None:
    verdict = judge(counted(3, 22, 300), 0.05)
    assert verdict.kind is Kind.CANNOT_TELL and "it is worse, but by anything from" in verdict.sentence


def test_a_difference_on_the_margin_says_that_no_number_would_tell() -> None:
    verdict = judge(counted(0, 3, 100), 0.03)
    assert verdict.kind is Kind.CANNOT_TELL and "no practical number" in verdict.sentence


def test_many_failures_forbid_a_verdict_and_few_are_mentioned() -> None:
    many = judge(counted(60, 20, 400, dropped=20), 0.03)
    assert many.kind is Kind.CANNOT_TELL and "20 of 420 pairs failed" in many.sentence and many.needed is None
    few = judge(counted(60, 20, 400, dropped=1), 0.03)
    assert few.kind is Kind.BEATS and "1 pair failed and was left out" in few.sentence


def test_no_examples_cannot_tell_and_say_so() -> None:
    verdict = judge(paired_difference([], []), 0.03)
    assert verdict.kind is Kind.CANNOT_TELL and "no pairs" in verdict.sentence


def test_looking_at_more_arms_takes_more_evidence() -> None:
    one = judge(counted(30, 14, 400), 0.03)
    many = judge(counted(30, 14, 400, bonferroni(0.95, 10)), 0.03, looks=10)
    assert one.kind is Kind.BEATS and many.kind is not Kind.BEATS
    assert many.confidence == 0.95 and "corrected for the 10 arms looked at" in many.sentence


def test_groups_are_named_in_the_sentence() -> None:
    paired = paired_difference([1.0] * 300, [0.0] * 150 + [1.0] * 150, groups=[i // 3 for i in range(300)])
    assert "300 examples in 100 groups" in judge(paired, 0.03).sentence


@pytest.mark.parametrize(
    ("margin", "looks", "words"), [(0.0, 1, "margin"), (3.0, 1, "margin"), (0.03, 20, "bonferroni")]
)
def test_terms_that_make_no_sense_are_refused(margin: float, looks: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        judge(counted(5, 5, 100), margin, looks=looks)


def test_when_nothing_differs_a_false_lead_is_rare_and_a_false_verdict_of_rivals_rarer() -> None:
    """At no true difference BEATS stays under 2.5 %; at a true -3 points RIVALS at 3 points under 5 %."""
    generator = np.random.default_rng(17)
    level = generator.multinomial(150, [0.1, 0.1, 0.8], size=600)
    beats = sum(judge(counted(b, c, 150), 0.03).kind is Kind.BEATS for b, c, _ in level.tolist())
    below = generator.multinomial(600, [0.04, 0.07, 0.89], size=600)
    rivals = sum(judge(counted(b, c, 600), 0.03).kind is Kind.RIVALS for b, c, _ in below.tolist())
    assert beats <= 25 and rivals <= 30
