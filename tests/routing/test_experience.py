"""What is learned from outcomes: the policy that pays, or a sentence that says why none does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.routing.worlds import SUBJECTS, made, noise, specialists

from underdog.answerer import Model
from underdog.errors import Declined
from underdog.levers import CascadeRoute, Ladder, Prompt, Render, Route, Scored, Sticky
from underdog.levers.learner import changed, inside, learns, unfitted
from underdog.routing import OutcomeTable
from underdog.routing.experience import LEAST, Experience
from underdog.routing.planner import Aim
from underdog.routing.policy import policy_of

A, B, C = Model("fake/a"), Model("fake/b"), Model("fake/c")


def seen(table: OutcomeTable, **aim: Any) -> Experience:
    """The table as what a lever learns from; nothing is known of tokens and confidences."""
    unknown = np.full(table.scores.shape, np.nan)
    return Experience(table, unknown, unknown, Aim(**{"margin": 0.05, "labels": 300, **aim}))


def agreeing(n: int = 400, seed: int = 0) -> OutcomeTable:
    """Two cheap ones that err alone, each in its own way, and a dear one that hardly errs."""
    draw = np.random.default_rng(seed)
    right = draw.random((n, 3)) < [0.75, 0.75, 0.97]
    said = np.where(right, 7, 100 + np.arange(3) + 10 * draw.integers(0, 9, (n, 1)))
    table = made(right.astype(float), [[1.0, 1.0, 20.0]] * n, answerers=("one", "two", "dear"))
    return replace(table, answers=tuple(tuple(map(str, column)) for column in said.T))


def test_each_subject_goes_to_the_cheap_one_that_knows_it() -> None:
    """`steady` is last, so it is the default; the policy is cheaper and better than it."""
    lever = Route((A, B, C)).fit_on(seen(replace(specialists(400), categories=None)))
    assert lever.members == (A, B, C) and not learns(lever) and lever.router is not None
    texts = [SUBJECTS[name].format(a=3, b=4) for name in ("sums", "verse")]
    assert policy_of(lever.router).choose(texts).tolist() == [0, 1]


def test_where_the_question_tells_nothing_no_route_is_made() -> None:
    with pytest.raises(Declined, match=r"do not route: on 600 examples no choice .* than strong alone"):
        Route((A, B)).fit_on(seen(noise(600)))


def test_a_cheaper_member_that_is_as_good_needs_no_router() -> None:
    same = np.tile((np.random.default_rng(0).random((300, 1)) < 0.8).astype(float), 2)
    with pytest.raises(Declined, match=r"than a alone, .* which came within the margin of b"):
        Route((A, B)).fit_on(seen(made(same, [[1.0, 5.0]] * 300)))


def test_without_any_cost_only_a_better_policy_is_a_policy() -> None:
    table = specialists(600)
    free = replace(table, costs=np.full(table.costs.shape, np.nan))
    assert Route((A, B, C)).fit_on(seen(free)).router is not None
    with pytest.raises(Declined, match="do not route"):
        Route((A, B)).fit_on(seen(replace(noise(600), costs=np.full((600, 2), np.nan))))


def test_a_ladder_keeps_what_agrees_and_has_steps_from_safe_to_bold() -> None:
    experience = seen(agreeing())
    lever = Ladder((A, B), C).fit_on(experience)
    assert set(lever.members) <= {A, B} and lever.otherwise == C and not learns(lever)
    steps = lever.at(experience.cascade)
    assert lever in steps and len(steps) == len(experience.cascade.policies) > 1
    assert experience.cascade.cost < 0.8 * experience.cascade.large_cost


def test_a_ladder_that_saves_nothing_is_declined_with_the_sums() -> None:
    table = agreeing()
    dear = replace(table, costs=np.full(table.costs.shape, 20.0))
    with pytest.raises(Declined, match=r"do not cascade: .* 20 for dear alone"):
        Ladder((A, B), C).fit_on(seen(dear))


def test_a_score_needs_no_costs_and_ranks_agreement_first() -> None:
    table = agreeing().only(("one", "two"))
    lever = Scored((A, B)).fit_on(seen(replace(table, costs=np.full(table.costs.shape, np.nan))))
    assert lever.score is not None
    weights = dict(zip(lever.score.names, lever.score.weights, strict=True))
    assert weights["agreeing"] > 0


def test_cascade_routing_keeps_a_price_and_finds_one_where_it_has_none() -> None:
    experience = seen(agreeing())
    priced = CascadeRoute((A, B, C), price=0.001).fit_on(experience)
    found = CascadeRoute((A, B, C)).fit_on(experience)
    assert priced.price == 0.001 and found.price is not None and found.estimates == priced.estimates
    free = replace(agreeing(), costs=np.array([[1.0, 1.0, 0.0]] * 400))
    with pytest.raises(Declined, match="dear costs nothing here"):
        CascadeRoute((A, B, C)).fit_on(seen(free))


@pytest.mark.parametrize("groups", [LEAST - 1, 4])
def test_too_little_to_learn_from_is_said_with_what_it_takes(groups: int) -> None:
    """Too few examples, or many in too few groups to be cross-validated."""
    n = groups if groups > 4 else 100
    table = replace(made(np.ones((n, 2))), groups=tuple(f"g{i % groups}" for i in range(n)))
    with pytest.raises(Declined, match=f"{n} examples in {groups} groups are too few .* at least 40 in 5"):
        seen(table)


def test_a_member_that_fails_leaves_gaps_and_they_are_not_learned_from() -> None:
    table = agreeing()
    gaps = table.scores.copy()
    gaps[:350, 0] = np.nan
    assert len(seen(replace(table, scores=gaps)).answered(table.answerers).table) == 50
    gaps[:370, 0] = np.nan
    with pytest.raises(Declined, match="only 30 of 400 examples have a score and a cost of one, two, dear"):
        seen(replace(table, scores=gaps)).answered(table.answerers)


def test_learners_are_found_outermost_first_and_changed_innermost_first() -> None:
    inner = Route((A, B))
    whole = Sticky(Render(Scored((inner, Prompt(C, system="s")))))
    assert [type(one).__name__ for one in inside(whole)] == [
        *("Sticky", "Render", "Scored", "Route", "Model", "Model", "Prompt", "Model"),
    ]
    assert list(unfitted(whole)) == [whole.inner.inner, inner]
    order: list[str] = []
    same = changed(whole, lambda one: order.append(type(one).__name__) or one)
    assert same == whole and order[-3:] == ["Scored", "Render", "Sticky"]
    assert changed(whole, lambda one: B if one == A else one) == Sticky(
        Render(Scored((Route((B, B)), Prompt(C, system="s"))))
    )
