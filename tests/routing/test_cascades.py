"""Cascades over tables: what was planned, walked and certified, and that the live lever does the same."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.documents import ROOT, blocks

from underdog.answerer import Answer, Model, Request, play
from underdog.errors import DataError
from underdog.levers.ladder import laddered
from underdog.plan import dump, load
from underdog.routing.accept import TARGETS, Answered, fit_score, score_values, trusted, wanted
from underdog.routing.cascades import NEVER, CascadePolicy, Path, stopping, walk
from underdog.routing.planner import Aim, CascadePlan, NoCascade, certify_cascade, plan_cascade
from underdog.routing.signals import Said, final_signals, proposed, question_signals, signals
from underdog.routing.table import OutcomeTable
from underdog.statistics import Certificate, Refusal
from underdog.trial import Spend

SMALL = ("tiny", "mini")


def answered(n=600, seed=0, prices=(1.0, 2.0, 40.0), skill=(0.6, 0.75, 0.9)) -> Answered:
    """Two cheap members and a large one that miss more often on long questions; wrong answers scatter."""
    generator = np.random.default_rng(seed)
    ease = generator.random(n)
    right = generator.random((n, 3)) < np.clip(np.array(skill) + 0.5 * (ease[:, None] - 0.5), 0.02, 0.98)
    truth = generator.integers(10, 90, size=n)
    wrong = truth[:, None] + generator.integers(1, 9, size=(n, 3))
    lost = np.flatnonzero(~right[:, 0] & ~right[:, 1])[::4]
    unread = np.isin(np.arange(n), lost)[:, None] & np.array([True, True, False])
    said = np.where(right, truth[:, None], wrong)
    finals = [tuple(None if unread[i, j] else str(said[i, j]) for i in range(n)) for j in range(3)]
    questions = tuple("Why? " * int(1 + 30 * (1 - e)) for e in ease)
    ids = tuple(f"q{i}" for i in range(n))
    costs = np.array(prices) * generator.uniform(0.5, 1.5, size=(n, 3))
    table = OutcomeTable(
        questions, ids, ids, None, (*SMALL, "large"), right.astype(float), costs, answers=tuple(finals)
    )
    written = np.round(20 + 200 * (1 - ease[:, None]) * generator.uniform(0.8, 1.2, size=(n, 3)))
    return Answered(table, SMALL, "large", written=written)


def halves(one: Answered) -> tuple[Answered, Answered]:
    n = len(one.table)
    return one.rows(np.arange(n // 2)), one.rows(np.arange(n // 2, n))


# Signals


def test_the_most_frequent_answer_stands_and_ties_go_to_the_trusted() -> None:
    assert proposed(["a", "b", "b"], (0, 1, 2)) == 1
    assert proposed(["a", "b"], (1, 0)) == 1
    assert proposed([None, "b"], (0, 1)) == 1
    assert proposed([None, None], (0, 1)) is None
    assert proposed(["a"], (2, 0, 1)) == 0


def test_the_form_of_an_answer_is_seen_not_its_truth() -> None:
    seen = dict(
        zip(("chars", "number", "integer", "size", "negative"), final_signals("-1,200.5"), strict=False)
    )
    assert (seen["number"], seen["integer"], seen["negative"]) == (1.0, 0.0, 1.0)
    assert seen["size"] == pytest.approx(np.log1p(1200.5))
    assert final_signals("True")[-1] == 1.0 and final_signals("[1]")[-2] == 1.0
    assert final_signals("\\frac{1}{2}")[-3] == 1.0 and set(final_signals(None)) == {0.0}
    assert question_signals("def f():\n  1 + 22")[1:4] == pytest.approx((np.log(2), np.log(3), 1.0))


def test_what_is_seen_of_a_table_is_what_a_lever_sees() -> None:
    one = answered(80)
    trust = (1, 0)
    seen = one.matrix((0, 1), trust)
    for row in range(80):
        finals = [one.table.answers[j][row] for j in range(2)]
        chosen = proposed(finals, trust)
        assert seen.readable[row] == (chosen is not None)
        if chosen is None:
            continue
        said = {j: Said(final, one.written[row, j]) for j, final in enumerate(finals)}
        live = signals(one.table.questions[row], said, chosen)
        assert chosen == seen.owner[row]
        assert [live[name] for name in seen.names] == pytest.approx(seen.values[row].tolist())


# Scores


@pytest.mark.parametrize("target", TARGETS)
def test_a_fitted_score_ranks_new_answers_and_gives_the_same_value_one_at_a_time(target) -> None:
    old, new = halves(answered(1200))
    matrix, fresh = (half.matrix((0, 1), (1, 0)) for half in (old, new))
    goal = wanted(target, old.scores[np.arange(600), matrix.owner], old.large_scores)
    score = fit_score(matrix, goal, target)
    values = score_values(score, fresh)
    mine = new.scores[np.arange(600), fresh.owner]
    agreed = values >= np.quantile(values, 0.7)
    assert mine[agreed].mean() > mine[~agreed].mean() + 0.1
    for row in range(40):
        live = dict(zip(fresh.names, fresh.values[row].tolist(), strict=True))
        if fresh.readable[row]:
            assert score.value(live) == pytest.approx(values[row])
    assert (values[~fresh.readable] == -1).all() and not fresh.readable.all()


def test_unknown_signals_count_as_their_mean_and_goals_that_never_vary_are_fitted() -> None:
    one = answered(200)
    gaps = replace(one, written=np.where(np.arange(200)[:, None] % 2, one.written, np.nan))
    matrix = gaps.matrix((0,), (0,))
    sure = fit_score(matrix, np.ones(200), "right")
    assert np.nanmin(score_values(sure, matrix)[matrix.readable]) > 0.98
    partly = fit_score(matrix, gaps.scores[:, 0], "right")
    assert np.isfinite(score_values(partly, matrix)).all()
    unknown = {name: None for name in partly.names}
    known = dict(zip(partly.names, partly.means, strict=True))
    assert partly.value(unknown) == pytest.approx(partly.value(known))


def test_members_are_trusted_by_their_scores() -> None:
    assert trusted(np.array([[1, 0, 1], [0, 1, 1.0]])) == (2, 0, 1)


# Stopping


def test_the_thresholds_cost_no_more_than_any_others_on_the_same_rows() -> None:
    generator = np.random.default_rng(3)
    values = generator.random((2, 60))
    path = Path(
        values,
        np.clip(1 - values + 0.1 * generator.normal(size=(2, 60)), 0, 1),
        np.full((2, 60), 0.05),
        generator.uniform(0.5, 1.5, 60),
    )
    accept, defer = stopping(path, 2.0)

    def total(a, d) -> float:
        second = 0.05 + np.where(values[1] >= a[1], 2 * path.losses[1], path.large_costs)
        doubted = np.where(values[0] < d[0], path.large_costs, second)
        return float(np.where(values[0] >= a[0], 2 * path.losses[0], doubted).sum())

    best = total(accept, defer)
    grid = [-NEVER, *np.linspace(0, 1, 21), NEVER]
    for high in grid:
        for low in (one for one in grid if one <= high):
            assert best <= total((high, accept[1]), (low, defer[1])) + 1e-9
    for last in grid:  # the last rung is settled first, whatever the first one lets through
        rest = np.where(values[1] >= last, 2 * path.losses[1], path.large_costs).sum()
        chosen = np.where(values[1] >= accept[1], 2 * path.losses[1], path.large_costs).sum()
        assert chosen <= rest + 1e-9


def test_a_dear_loss_hands_everything_over_and_a_free_one_keeps_everything() -> None:
    one = answered(200)
    path = Path(np.full((1, 200), 0.5), np.full((1, 200), 0.2), np.ones((1, 200)), one.large_costs)
    assert stopping(path, 1e9)[0] == (NEVER,)
    assert stopping(path, 1e-9)[0][0] <= 0.5


# Plans


def planned(one: Answered, **aim) -> CascadePlan:
    plan = plan_cascade(one, Aim(**aim))
    assert isinstance(plan, CascadePlan)
    return plan


def test_a_plans_arithmetic_adds_up_and_is_that_of_its_walk() -> None:
    old, new = halves(answered(2000))
    plan = planned(old, margin=0.05)
    kept = sum(rung.kept for rung in plan.rungs)
    assert kept + plan.handed_over == pytest.approx(1) and plan.rungs[0].asked == 1.0
    assert plan.cost < 0.8 * plan.large_cost and "are handed over" in plan.sentence
    done = walk(new, plan.policies[plan.aimed])
    assert done.costs.mean() == pytest.approx(plan.cost, rel=0.15)
    assert (done.asked >= 1).all() and set(done.kept) == {0, 1}
    shares = [walk(old, policy).kept.mean() for policy in plan.policies]
    assert shares[0] < 0.5 < shares[-1] and np.all(np.diff(shares) > -0.05)


def test_the_live_lever_decides_as_the_table_said_and_its_plan_loads_again() -> None:
    old, new = halves(answered(1600, seed=4))
    plan = planned(old, margin=0.05)
    names = {name: Model(f"fake/{name}") for name in (*SMALL, "large")}
    for policy in (plan.policies[1], plan.policies[plan.aimed]):
        done = walk(new, policy)
        lever = laddered(policy, names)
        assert load(json.loads(json.dumps(dump(lever)))) == lever
        for row in range(60):
            asked: list[str] = []

            def reply(ask, row=row, asked=asked):
                name = ask.answerer.name.removeprefix("fake/")
                column = new.table.column(name)
                asked.append(name)
                spend = Spend(1, 5, 0, int(new.written[row, column]))
                return Answer("", final=new.table.answers[column][row], spend=spend, model=name)

            result = play(lever, Request(({"role": "user", "content": new.table.questions[row]},)), reply)
            assert len(asked) == done.asked[row] + 1 - done.kept[row]
            assert (result.model == "large") == (not done.kept[row])
            assert new.table.scores[row, new.table.column(result.model)] == done.scores[row]


def test_a_certified_cascade_keeps_its_promise_on_rows_that_nothing_saw() -> None:
    old, new = halves(answered(4000, seed=2))
    plan = planned(old, margin=0.05)
    policy, ruling = certify_cascade(plan, new.rows(np.arange(500)), 0.05)
    assert isinstance(ruling, Certificate) and policy is plan.policies[ruling.index]
    done, rest = walk(new, policy), new.large_scores
    assert (done.scores - rest).mean() > -0.05 and done.costs.mean() < 0.8 * new.large_costs.mean()


def test_too_few_labels_are_refused_with_their_number() -> None:
    old, new = halves(answered(800))
    policy, ruling = certify_cascade(planned(old, margin=0.05), new.rows(np.arange(30)), 0.05)
    assert policy is None and isinstance(ruling, Refusal)
    assert ruling.needed is not None and str(ruling.needed) in ruling.reason


def test_a_cascade_dearer_than_the_large_model_is_refused_with_the_sums() -> None:
    """Three members at 60 % of the large model's cost each: the arithmetic of small models at one price."""
    dear = answered(1000, prices=(24.0, 30.0, 40.0), skill=(0.45, 0.5, 0.9))
    refused = plan_cascade(dear, Aim(margin=0.03))
    assert isinstance(refused, NoCascade) and "ask large" in refused.reason
    assert "cost more than it saves" in refused.reason and "handed over" in refused.reason


def test_members_that_lose_too_much_and_labels_that_are_too_few_are_told_so() -> None:
    hopeless = plan_cascade(answered(600, skill=(0.1, 0.1, 0.95)), Aim(margin=0.01, labels=60))
    assert isinstance(hopeless, NoCascade) and "60 labels" in hopeless.reason


def test_a_large_model_that_costs_nothing_needs_no_cascade() -> None:
    free = plan_cascade(answered(100, prices=(0.0, 0.0, 0.0)))
    assert isinstance(free, NoCascade) and "costs nothing" in free.reason


def test_missing_answers_scores_and_costs_are_named() -> None:
    one = answered(50)
    with pytest.raises(DataError, match="has none"):
        Answered(replace(one.table, answers=None), SMALL, "large")
    for part in ("scores", "costs"):
        gap = getattr(one.table, part).copy()
        gap[3, 1] = np.nan
        with pytest.raises(DataError, match=f"1 of 50 questions have no {part[:-1]} of 'mini'"):
            Answered(replace(one.table, **{part: gap}), SMALL, "large")
    with pytest.raises(ValueError, match="one row"):
        plan_cascade(one.rows(np.arange(0)))


def test_fractional_scores_and_grouped_questions_are_planned_and_certified_by_betting() -> None:
    one = answered(1600)
    soft = replace(
        one.table,
        scores=np.clip(one.table.scores * 0.9 + 0.05, 0, 1),
        groups=tuple(f"g{i // 2}" for i in range(1600)),
    )
    old, new = halves(Answered(soft, SMALL, "large", written=one.written))
    plan = planned(old, margin=0.08, labels=800)
    _, ruling = certify_cascade(plan, new, 0.08)
    assert isinstance(ruling, Certificate) and ruling.method == "betting e-value"


def test_one_member_makes_one_rung() -> None:
    one = answered(1200)
    plan = planned(Answered(one.table, ("mini",), "large"), margin=0.05)
    assert [rung.member for rung in plan.rungs] == ["mini"] and len(plan.policies[0].scores) == 1
    assert isinstance(plan.policies[0], CascadePolicy)


def test_every_program_on_the_page_about_cascades_runs() -> None:
    page = ROOT / "docs" / "cascades.md"
    spoken: dict[str, object] = {}
    found = blocks(page, "python")
    assert len(found) >= 6
    for block in found:
        exec(compile(block.text, block.where, "exec"), spoken)
