"""Route, do not route, or cannot tell: the advice on tables whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.routing.worlds import made, noise, specialists

from underdog.errors import DataError
from underdog.routing import Options, route
from underdog.routing.crossvalidation import Tried, best, certifiable, cheapest, tried
from underdog.routing.curve import Point
from underdog.routing.folds import folds
from underdog.routing.routers import CategoryTable, Clusters, Neighbours, Ridge
from underdog.routing.ruling import Goal, Kind, more
from underdog.routing.seen import Asked, Seen
from underdog.statistics import paired_difference
from underdog.statistics.certificate import Certificate

FEW = {"ridge": [Ridge(1.0), Ridge(10.0)], "guarded kNN": [Neighbours(20, 0.5)], "clusters": [Clusters(8, 1)]}
QUICK = Options(routers=FEW)


def said(table, **options):
    return route(table, options=replace(QUICK, **options))


def test_specialists_are_routed_between_and_the_numbers_are_those_of_held_out_questions() -> None:
    table = specialists(800)
    advice = said(table)
    assert advice.kind is Kind.ROUTE and advice.policy is not None
    [contender] = [one for one in advice.contenders if one.policy is advice.policy]
    assert contender.goal is Goal.BETTER and contender.pays
    assert str(advice).startswith("Route: ") and "points" in str(advice)
    assert advice.ground.learned + advice.ground.judged == 800 and 230 <= advice.ground.judged <= 250
    fresh = specialists(2_000, seed=9)
    choice = advice.policy.choose(fresh.questions)
    reached = fresh.scores[np.arange(2_000), choice].mean()
    assert reached == pytest.approx(contender.row.score.estimate, abs=0.07)
    assert reached > fresh.scores.mean(axis=0).max() + 0.1
    assert 0.3 < contender.figures.closed < 0.8 and contender.figures.saved == pytest.approx(0.5)


def test_where_the_question_tells_nothing_the_advice_is_not_to_route() -> None:
    advice = said(noise(3_000))
    assert advice.kind is Kind.DO_NOT and advice.policy is None and advice.use == "strong"
    assert str(advice).startswith("Do not route: strong alone scores")
    assert all(one.faults for one in advice.contenders)


def test_few_questions_cannot_tell_and_how_many_would_is_said() -> None:
    advice = said(specialists(60, sure=0.75, weak=0.55), margin=0.01)
    assert advice.kind is Kind.CANNOT_TELL and advice.policy is None
    assert "until then ask" in str(advice) and "would" in str(advice)


def test_a_route_that_only_saves_is_certified_and_says_that_nothing_scores_higher() -> None:
    """On sums the cheap one is as good as the dear one; elsewhere it is poor."""
    base = specialists(3_000)
    is_sum = np.array([one == "sums" for one in base.categories or ()])
    draw = np.random.default_rng(3)
    strong = (draw.random(3_000) < 0.9).astype(float)
    cheap = np.where(is_sum, strong, strong * (draw.random(3_000) < 0.4))
    table = made(np.column_stack([cheap, strong]), [[1.0, 10.0]] * 3_000, base.questions)
    advice = said(table)
    assert advice.kind is Kind.ROUTE and str(advice).startswith("Route to save: nothing was shown")
    [contender] = [one for one in advice.contenders if one.policy is advice.policy]
    assert contender.goal is Goal.CHEAPER and isinstance(contender.certificate, Certificate)
    assert contender.row.relative == pytest.approx(0.55, abs=0.06)


def test_a_single_answerer_that_is_as_good_and_cheaper_is_advised_instead() -> None:
    draw = np.random.default_rng(0)
    right = (draw.random(1_500) < 0.9).astype(float)
    other = np.where(draw.random(1_500) < 0.002, 1 - right, right)
    advice = said(made(np.column_stack([right, other]), [[10.0, 1.0]] * 1_500, answerers=("dear", "cheap")))
    assert advice.kind is Kind.DO_NOT
    assert advice.use == "cheap", str(advice)


def test_a_given_default_is_compared_with_and_kept_however_few_scores_it_has() -> None:
    table = specialists(400)
    advice = route(table, default="counter", options=QUICK)
    assert advice.ground.default.about == "counter"
    with pytest.raises(DataError, match="no answerer 'nobody'"):
        route(table, default="nobody")
    scores = table.scores.copy()
    scores[:, 0] = np.nan
    with pytest.raises(DataError, match="no score of counter"):
        route(replace(table, scores=scores), default="counter")


# Tables on which there is little or nothing to do: a clear answer each.


def test_one_answerer_leaves_nothing_to_choose() -> None:
    advice = said(specialists(100).only(["steady"]))
    assert advice.kind is Kind.DO_NOT and "steady is the only answerer" in str(advice)
    assert advice.use == "steady" and advice.contenders == ()


@pytest.mark.parametrize(("value", "word"), [(1.0, "right"), (0.0, "wrong")])
def test_all_right_or_all_wrong_is_told_and_the_cheapest_is_advised(value, word) -> None:
    advice = said(made(np.full((60, 2), value), [[3.0, 1.0]] * 60, answerers=("dear", "cheap")))
    assert advice.kind is Kind.DO_NOT and f"every answerer is {word}" in str(advice)
    assert advice.use == "cheap"


def test_copies_of_a_question_never_stand_on_both_sides() -> None:
    table = specialists(300)
    twice = table.rows(np.repeat(np.arange(300), 3))
    advice = said(twice)
    assert any("share a group" in note for note in advice.ground.notes)
    assert advice.ground.judged % 3 == 0
    against = advice.contenders[0].row.against
    assert against is not None and against.groups == len(set(twice.groups)) - advice.ground.learned // 3


def test_unknown_costs_leave_quality_and_are_said_to_be_unknown() -> None:
    table = specialists(800)
    costs = table.costs.copy()
    costs[:, 1] = np.nan
    advice = said(replace(table, costs=costs))
    assert any("no cost is known of poet" in note for note in advice.ground.notes)
    assert advice.kind is Kind.ROUTE and advice.ground.default.cost is None
    assert "cost" not in str(advice).split(";")[0]


def test_costs_of_zero_are_said_to_be_zero_and_quality_decides() -> None:
    table = specialists(800)
    advice = said(replace(table, costs=np.zeros(table.costs.shape)))
    assert any("every cost is zero" in note for note in advice.ground.notes)
    assert advice.kind is Kind.ROUTE


def test_missing_cells_are_counted_and_compared_where_both_are_known() -> None:
    table = specialists(900)
    scores = table.scores.copy()
    scores[np.random.default_rng(0).random(scores.shape) < 0.08] = np.nan
    advice = said(replace(table, scores=scores))
    assert any("scores are missing" in note for note in advice.ground.notes)
    assert advice.kind is Kind.ROUTE
    row = advice.contenders[0].row
    assert row.against is not None and row.against.dropped > 0
    assert row.against.n + row.against.dropped == advice.ground.judged


def test_an_answerer_with_few_scores_is_left_out_by_name() -> None:
    table = specialists(300)
    scores = table.scores.copy()
    scores[20:, 1] = np.nan
    advice = said(replace(table, scores=scores))
    assert any("less than 90%" in note and "poet" in note for note in advice.ground.notes)
    assert all("poet" not in row.shares for row in advice.routers)


def test_nothing_to_route_by_is_said() -> None:
    table = specialists(300)
    bare = replace(table, questions=("",) * 300, categories=None, groups=table.ids)
    advice = route(bare)
    assert advice.kind is Kind.DO_NOT and "neither texts nor categories" in str(advice)
    by_category = route(replace(bare, categories=table.categories))
    assert {row.name for row in by_category.routers} == {"category table"}
    assert by_category.kind is Kind.ROUTE and by_category.policy is not None
    assert by_category.policy.choose(["", ""], ["sums", "verse"]).tolist() == [0, 1]


@pytest.mark.parametrize("n", [1, 3])
def test_too_few_questions_are_refused(n) -> None:
    with pytest.raises(DataError, match="too few to hold 30% of them out"):
        said(specialists(n))


def test_questions_of_one_group_cannot_be_split() -> None:
    table = specialists(100)
    with pytest.raises(DataError, match="100 questions in 1 groups"):
        said(replace(table, groups=("all",) * 100))


@pytest.mark.parametrize("change", [{"margin": 0.0}, {"confidence": 1.0}, {"test": 1.5}])
def test_shares_outside_their_range_are_refused(change) -> None:
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        said(specialists(60), **change)
    with pytest.raises(ValueError, match="at least 2; got 1"):
        said(specialists(60), folds=1)


def test_vectors_of_ones_own_are_used_and_the_policy_says_whose_they_were() -> None:
    table = specialists(500)
    is_sum = np.array([[1.0, 0.0] if one == "sums" else [0.0, 1.0] for one in table.categories or ()])
    advice = route(table, vectors=is_sum.astype(np.float32), options=replace(QUICK, embedder="hf/some"))
    assert advice.kind is Kind.ROUTE and advice.policy is not None
    assert advice.policy.embedder == "hf/some" and advice.policy.embedding is None
    assert advice.policy.choose(["x", "y"], vectors=[[2.0, 0.0], [0.0, 3.0]]).tolist() == [0, 1]


def test_of_very_many_questions_a_part_is_cross_validated_and_judged() -> None:
    advice = said(specialists(900), most=100)
    assert advice.ground.learned > 600 and advice.ground.judged == 100
    assert advice.kind is Kind.ROUTE


# How a policy is picked.


def test_cross_validation_decides_every_question_without_having_seen_it() -> None:
    """A router that remembers everything would score 1 on what it saw; here it scores what chance does."""
    scores = np.random.default_rng(0).integers(0, 2, (200, 2)).astype(float)
    vectors = np.random.default_rng(1).standard_normal((200, 8)).astype(np.float32)
    seen = Seen(Asked(vectors), scores, np.zeros((200, 2)), 0, 0.0)
    fold = folds([str(i) for i in range(200)], None, 5)
    [one] = tried({"kNN": [Neighbours(1, 0.0)]}, seen, fold, (1.0,))
    assert abs((one.curve[0].score or 0.0) - 0.5) < 0.15


def test_the_best_is_the_cheaper_of_equals_and_the_cheapest_keeps_what_it_must() -> None:
    curve = (
        Point(0.1, 0.5, -0.10, 0.1, 0.3),
        Point(0.2, 0.6, -0.01, 0.4, 0.3),
        Point(0.5, 0.6, 0.0, 0.5, 0.1),
        Point(0.9, 0.7, 0.05, 0.9, 0.3),
        Point(1.0, 0.7, 0.05, 1.0, 0.3),
    )
    some = [Tried("r", CategoryTable(), curve)]
    knobs = [
        pick.point.knob if pick else None
        for pick in (best(some), cheapest(some), certifiable(some, 0.02, 900), certifiable(some, 0.02, 9))
    ]
    assert knobs == [0.9, 0.5, 0.5, 0.2]
    assert cheapest([Tried("r", CategoryTable(), curve[:1])]) is None


def test_a_small_gain_over_a_mix_of_fractions_still_says_how_many_questions_would_show_it() -> None:
    """Fractional differences are smaller when squared than as they are: once that was refused."""
    paired = paired_difference([0.6] * 30 + [0.45] * 20, [0.5] * 50)
    assert paired.second_moment is not None and paired.difference is not None
    assert paired.second_moment < paired.difference
    assert "about" in more(paired) and "of them would show" in more(paired)
