"""Cascade routing (arXiv 2410.10347): what is asked next, and when the best answer so far is returned."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.routing.test_cascades import answered, halves

from underdog.answerer import Answer, Failure, Model, Request, play
from underdog.errors import DataError, StudyError
from underdog.levers import CascadeRoute
from underdog.plan import dump, load
from underdog.routing.accept import Answered
from underdog.routing.cascade_routing import MOST, _expected_best, cascade_route, fit_estimates
from underdog.trial import Spend

POOL = ("tiny", "mini", "large")


def pool(n: int, seed: int = 0, skill=(0.6, 0.75, 0.9)) -> tuple[Answered, Answered]:
    one = answered(n, seed=seed, skill=skill)
    return halves(Answered(one.table, POOL, "large", written=one.written))


def test_a_price_of_nothing_asks_more_and_a_high_one_only_the_cheapest() -> None:
    old, new = pool(900)
    estimates = fit_estimates(old)
    free, dear = (cascade_route(estimates, new, price) for price in (0.0, 10.0))
    assert free.asked.mean() > 0.9 and (dear.asked == [True, False, False]).all()
    assert free.scores.mean() > dear.scores.mean() + 0.1
    assert dear.costs == pytest.approx(new.costs[:, 0]) and (dear.returned == 0).all()


def test_it_costs_less_than_the_large_model_at_nearly_its_score() -> None:
    old, new = pool(2400)
    done = cascade_route(fit_estimates(old), new, 0.005)
    large = new.large_scores.mean()
    assert done.scores.mean() > large - 0.05 and done.costs.mean() < 0.75 * new.large_costs.mean()
    shares = done.asked.mean(axis=0)
    assert 0.05 < shares[2] < 0.8, "the large model is asked where it is needed"


def test_the_sums_are_those_of_who_was_asked_and_whose_answer_was_returned() -> None:
    old, new = pool(600)
    done = cascade_route(fit_estimates(old), new, 0.003)
    rows = np.arange(len(new.table))
    assert done.asked.any(axis=1).all() and done.asked[rows, done.returned].all()
    assert done.costs == pytest.approx((new.costs * done.asked).sum(axis=1))
    assert (done.scores == new.scores[rows, done.returned]).all()


def test_equal_questions_are_decided_alike_whatever_stands_beside_them() -> None:
    old, new = pool(600)
    estimates = fit_estimates(old)
    whole = cascade_route(estimates, new, 0.004)
    some = np.arange(0, 300, 7)
    part = cascade_route(estimates, new.rows(some), 0.004)
    assert (part.asked == whole.asked[some]).all() and (part.returned == whole.returned[some]).all()


def test_the_best_of_several_is_worth_more_than_each_and_certain_ones_no_more() -> None:
    known, means = np.array([0.5]), np.array([[0.5, 0.5]])
    assert _expected_best(known, means, np.array([0.0, 0.0])) == pytest.approx(0.5)
    one = _expected_best(known, means[:, :1], np.array([0.2]))
    two = _expected_best(known, means, np.array([0.2, 0.2]))
    assert one == pytest.approx(0.5 + 0.2 / np.sqrt(2 * np.pi), abs=0.004) and two > one + 0.02
    assert _expected_best(np.array([-1.0]), means[:, :1], np.array([0.2])) == pytest.approx(0.5)


def test_another_pool_or_too_large_a_one_is_refused() -> None:
    old, new = pool(200)
    estimates = fit_estimates(old)
    with pytest.raises(DataError, match="same pool"):
        cascade_route(estimates, Answered(new.table, ("tiny", "large"), "large"), 0.1)
    many = Answered(new.table, ("tiny",) * (MOST + 1), "large")
    with pytest.raises(DataError, match="at most 5"):
        fit_estimates(many)


def test_the_live_lever_asks_and_returns_as_the_table_said_and_its_plan_loads_again() -> None:
    old, new = pool(700, seed=5)
    estimates = fit_estimates(old)
    lever = CascadeRoute(tuple(Model(f"fake/{name}") for name in POOL), estimates, 0.004)
    assert load(json.loads(json.dumps(dump(lever)))) == lever
    done = cascade_route(estimates, new, lever.price)
    for row in range(120):
        asked = []

        def reply(ask, row=row, asked=asked):
            place = POOL.index(ask.answerer.name.removeprefix("fake/"))
            asked.append(place)
            spend = Spend(1, 5, 0, int(new.written[row, place]))
            return Answer("", final=new.table.answers[place][row], spend=spend, model=POOL[place])

        result = play(lever, Request(({"role": "user", "content": new.table.questions[row]},)), reply)
        assert set(asked) == set(np.flatnonzero(done.asked[row]).tolist()) and len(asked) == len(set(asked))
        assert result.final is None or result.model == POOL[done.returned[row]]
    assert len(set(done.returned.tolist())) == 3


def test_failures_of_members_are_survived_and_a_lever_without_estimates_falls_back() -> None:
    lever = CascadeRoute((Model("fake/a"), Model("fake/b")))
    question, lost = Request(({"role": "user", "content": "q"},)), Failure("timeout", "late")
    assert play(lever, question, [lost, Answer("x", final="x")]).final == "x"
    with pytest.raises(StudyError, match="as many members"):
        CascadeRoute((Model("fake/a"),), fit_estimates(pool(200)[0]))
