"""Every router keeps one contract, and each does what its paper says on outcomes worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.routing.worlds import made, noise, specialists

from underdog.routing.curve import chosen, taken
from underdog.routing.embeddings import Latent
from underdog.routing.kmeans import centres, nearest
from underdog.routing.routers import (
    FITTED,
    Blend,
    CategoryTable,
    Clusters,
    Factors,
    Kernel,
    Neighbours,
    RankedClusters,
    Ridge,
    Universal,
    WinRate,
    families,
)
from underdog.routing.routers.factors import sigmoid
from underdog.routing.routers.universal import probe_places
from underdog.routing.saving import made_from, state_of
from underdog.routing.seen import Asked, Seen, described, spread

TABLE = specialists(400)
EMBEDDING = Latent.fit(TABLE.questions, 16)
SEEN = Seen.of(TABLE, EMBEDDING.embed(TABLE.questions))
OTHERS = specialists(300, seed=1)
ASKED = Asked(EMBEDDING.embed(OTHERS.questions), OTHERS.categories)

ROUTERS = [router for some in families(True, True).values() for router in some]
every_router = pytest.mark.parametrize("router", ROUTERS, ids=str)


def vectors(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


@every_router
def test_a_router_is_a_frozen_setting_that_fits_the_same_every_time(router) -> None:
    assert hash(router) == hash(replace(router)) and replace(router) == router
    first, second = (router.fit(SEEN).forecast(ASKED).merits(0.9) for _ in range(2))
    assert first.shape == (300, 3) and np.array_equal(first, second)
    assert not np.isnan(first).any()


@every_router
def test_one_question_is_decided_as_it_is_among_many(router) -> None:
    fitted = router.fit(SEEN)
    many = chosen(fitted.forecast(ASKED), 0.97)
    alone = [
        int(chosen(fitted.forecast(Asked(ASKED.vectors[[i]], (OTHERS.categories[i],))), 0.97)[0])
        for i in range(40)
    ]
    assert alone == many[:40].tolist()


@every_router
def test_what_was_learned_comes_back_out_of_its_arrays_and_plain_values(router) -> None:
    fitted = router.fit(SEEN)
    arrays, plain = state_of(fitted, "router.")
    again = made_from(FITTED, arrays, plain, "router.")
    assert type(again) is type(fitted)
    for knob in (0.3, 0.95, 1.0):
        assert np.array_equal(chosen(again.forecast(ASKED), knob), chosen(fitted.forecast(ASKED), knob))


@every_router
def test_missing_scores_leave_every_merit_a_number(router) -> None:
    gaps = SEEN.scores.copy()
    gaps[::3, 0] = gaps[1::2, 1] = gaps[:, 2] = np.nan
    gaps[::5, 2] = 0.5
    merits = router.fit(replace(SEEN, scores=gaps)).forecast(ASKED).merits(0.9)
    assert not np.isnan(merits).any() and np.isfinite(merits.max(axis=1)).all()


@every_router
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_where_all_are_equal_the_cheapest_is_asked_below_the_top_of_the_knob(router, value) -> None:
    level = replace(SEEN, scores=np.full(SEEN.scores.shape, value), default=2)
    choice = chosen(router.fit(level).forecast(ASKED), 0.5)
    if isinstance(router, WinRate):
        return  # its knob is a share of questions, whatever they score
    assert set(choice.tolist()) <= {0, 1}


@pytest.mark.parametrize("name", [n for n in families(True, True) if n != "win rate"])
def test_every_router_finds_the_specialists(name) -> None:
    router = families(True, True)[name][0]
    choice = chosen(router.fit(SEEN).forecast(ASKED), 1.0)
    assert taken(OTHERS.scores, choice).mean() > OTHERS.scores.mean(axis=0).max() + 0.1


@pytest.mark.parametrize("doubt", [0.5, 1.0])
def test_the_guard_keeps_knn_at_the_default_where_there_is_nothing_to_learn(doubt) -> None:
    table = noise()
    embedding = Latent.fit(table.questions, 16)
    seen = Seen.of(table, embedding.embed(table.questions))
    assert table.answerers[seen.default] == "strong"
    asked = Asked(embedding.embed(noise(300, seed=5).questions))
    moved = [
        float((chosen(Neighbours(20, d).fit(seen).forecast(asked), 1.0) != seen.default).mean())
        for d in (0.0, doubt)
    ]
    assert moved[1] <= moved[0] and moved[1] < 0.02


def test_the_guard_is_the_paired_lower_bound_of_the_neighbours() -> None:
    scores = np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 1], [1, 1]], dtype=float)
    seen = Seen(Asked(np.ones((6, 1), np.float32)), scores, np.zeros((6, 2)), 0, 0.0)
    gains = scores[:, 1] - scores[:, 0]
    bound = gains.mean() - 0.5 * gains.std(ddof=1) / np.sqrt(6)
    merits = Neighbours(6, 0.5).fit(seen).forecast(Asked(vectors([1.0]))).merits(1.0)
    assert merits[0].tolist() == pytest.approx([0.0, bound])


def test_neighbours_weigh_cost_against_quality_on_the_same_questions() -> None:
    seen = Seen(
        Asked(np.ones((4, 1), np.float32)),
        np.array([[1, 1], [1, 0], [1, 1], [1, 1]], dtype=float),
        np.tile([1.0, 0.2], (4, 1)),
        0,
        1.0,
    )
    forecast = Neighbours(4, 0.0).fit(seen).forecast(Asked(vectors([1.0])))
    assert forecast.merits(0.8)[0, 1] == pytest.approx(0.8 * -0.25 + 0.2 * 0.8)
    assert chosen(forecast, 1.0).tolist() == [0] and chosen(forecast, 0.5).tolist() == [1]


def test_clusters_sum_the_published_formula_over_the_nearest() -> None:
    points = vectors([1, 0], [1, 0], [0, 1], [0, 1], [-1, 0], [-1, 0])
    scores = np.array([[1, 0], [1, 0], [0, 1], [0, 0], [0, 1], [0, 1]], dtype=float)
    costs = np.array([[2, 1], [2, 1], [4, 1], [4, 1], [1, 1], [1, 1]], dtype=float)
    fitted = Clusters(3, nearest=2).fit(Seen(Asked(points), scores, costs, 0, 1.0))
    merits = fitted.forecast(Asked(vectors([0.9, 0.436]))).merits(0.6)
    accuracy, cost = np.array([[1, 0], [0, 0.5]]), np.array([[1, 0.5], [1, 0.25]])
    by_hand = (0.6 * accuracy + 0.4 * (1 - cost)).mean(axis=0)
    assert np.diff(merits[0]) == pytest.approx(np.diff(by_hand)), "merits are up to a constant"


def test_ranked_clusters_keep_only_the_ranks() -> None:
    points = vectors([1, 0], [1, 0], [0, 1], [0, 1])
    scores = np.array([[0.9, 0.8, 0.1], [0.9, 0.8, 0.1], [0.1, 0.8, 0.9], [0.1, 0.8, 0.9]])
    fitted = RankedClusters(2, nearest=1).fit(Seen(Asked(points), scores, np.zeros((4, 3)), 0, 0.0))
    merits = fitted.forecast(Asked(vectors([1, 0], [0, 1]))).merits(1.0)
    assert merits.tolist() == pytest.approx(np.array([[1, 1 / 2, 1 / 3], [1 / 3, 1 / 2, 1]]))


def test_an_unknown_category_gets_the_overall_means() -> None:
    fitted = CategoryTable(2.0).fit(SEEN)
    forecast = fitted.forecast(Asked(np.zeros((2, 0), np.float32), ("history", "")))
    assert forecast.merits(1.0)[0].tolist() == pytest.approx(SEEN.means.tolist())
    assert fitted.forecast(Asked(np.zeros((1, 0), np.float32))).merits(1.0).shape == (1, 3)


def test_ridge_solves_least_squares_with_a_free_intercept() -> None:
    draw = np.random.default_rng(0)
    rows, target = draw.standard_normal((50, 3)).astype(np.float32), draw.random((50, 1))
    fitted = Ridge(2.0).fit(Seen(Asked(rows), target, np.zeros((50, 1)), 0, 0.0))
    centred = rows - rows.mean(axis=0)
    weights = np.linalg.solve(centred.T @ centred + 2 * np.eye(3), centred.T @ (target - target.mean()))
    assert fitted.quality[:3] == pytest.approx(weights, rel=1e-3)


def test_factors_recover_a_bilinear_truth_from_half_of_the_cells() -> None:
    draw = np.random.default_rng(1)
    rows = draw.standard_normal((1_500, 6)).astype(np.float32)
    logits = 2 * (rows @ draw.standard_normal((6, 2))) @ draw.standard_normal((2, 5))
    scores = (draw.random(logits.shape) < sigmoid(logits)).astype(float)
    scores[draw.random(scores.shape) < 0.5] = np.nan
    fitted = Factors(2, 1.0).fit(Seen(Asked(rows), scores, np.zeros(scores.shape), 0, 0.0))
    found = fitted.forecast(Asked(rows)).merits(1.0)
    assert np.corrcoef(found.ravel(), sigmoid(logits).ravel())[0, 1] > 0.97


def test_kernel_ridge_bends_where_ridge_cannot() -> None:
    angle = np.random.default_rng(2).uniform(0, 2 * np.pi, 800)
    rows = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    first = (np.cos(2 * angle) > 0).astype(float)
    seen = Seen(Asked(rows), np.column_stack([first, 1 - first]), np.zeros((800, 2)), 0, 0.0)
    right = [
        taken(seen.scores, chosen(one.fit(seen).forecast(seen.asked), 1.0)).mean()
        for one in (Kernel(), Ridge())
    ]
    assert right[0] > 0.95 > 0.7 > right[1]


def test_a_blend_averages_advantages_over_the_default_and_doubts_them() -> None:
    parts = (Ridge(1.0), Neighbours(20, 0.0))
    merits = [router.fit(SEEN).forecast(ASKED).merits(1.0) for router in parts]
    over = sum(m - m[:, [SEEN.default]] for m in merits) / 2 - 0.05
    over[:, SEEN.default] = 0
    found = Blend(parts, 0.05).fit(SEEN).forecast(ASKED).merits(1.0)
    assert found == pytest.approx(over)


@pytest.mark.parametrize("knob", [0.2, 0.5, 0.8])
def test_the_win_rates_knob_is_the_share_that_the_strong_one_gets(knob) -> None:
    table = noise(800)
    embedding = Latent.fit(table.questions, 16)
    seen = Seen.of(table, embedding.embed(table.questions))
    asked = Asked(embedding.embed(noise(800, seed=7).questions))
    strong = chosen(WinRate(1e4).fit(seen).forecast(asked), knob) == table.column("strong")
    assert strong.mean() == pytest.approx(knob, abs=0.08)


def test_the_ends_of_the_win_rates_knob_are_the_two_answerers_alone() -> None:
    table = noise()
    seen = Seen.of(table, Latent.fit(table.questions, 8).embed(table.questions))
    forecast = WinRate().fit(seen).forecast(seen.asked)
    assert set(chosen(forecast, 0.0).tolist()) == {table.column("weak")}
    assert set(chosen(forecast, 1.0).tolist()) == {table.column("strong")}


def test_a_new_answerer_joins_by_its_probes_alone() -> None:
    """The specialist for verse comes later: forty probes place it, and nothing else changes."""
    old = TABLE.only(["counter", "steady"])
    fitted = Universal(6, 2.0).fit(Seen.of(old, SEEN.asked.vectors))
    probes = probe_places(SEEN.asked.vectors, fitted.middle, 7)
    assert len(probes) <= 42 and len(set(probes.tolist())) == len(probes)
    poet = TABLE.column("poet")
    joined = fitted.joined(SEEN.asked.vectors[probes], TABLE.scores[probes, poet], TABLE.costs[probes, poet])
    before, after = (one.forecast(ASKED).merits(1.0) for one in (fitted, joined))
    assert np.array_equal(after[:, :2], before)
    among = OTHERS.only(["counter", "steady", "poet"]).scores
    gained = taken(among, after.argmax(axis=1)).mean() - taken(among, before.argmax(axis=1)).mean()
    assert gained > 0.08


def test_a_new_answerer_without_a_scored_probe_is_refused() -> None:
    fitted = Universal(4).fit(SEEN)
    with pytest.raises(ValueError, match="at least one must have a score"):
        fitted.joined(SEEN.asked.vectors[:2], np.array([np.nan, np.nan]), np.zeros(2))


def test_costs_are_shares_of_the_dearest_and_gaps_hold_their_answerers_mean() -> None:
    table = made([[1, 0], [0, 1]], [[1.0, 4.0], [np.nan, 6.0]])
    seen = Seen.of(table, np.zeros((2, 0), np.float32))
    assert seen.unit == 5.0 and seen.costs.tolist() == [[0.2, 0.8], [0.2, 1.2]]
    unknown = Seen.of(made([[1, 0]], [[1.0, np.nan]]), np.zeros((1, 0), np.float32))
    assert unknown.unit == 0.0 and unknown.costs.tolist() == [[0, 0]]


def test_more_rows_than_a_router_can_use_are_thinned_evenly() -> None:
    assert spread(3, 5).tolist() == [0, 1, 2] and spread(9, 3).tolist() == [0, 4, 8]
    thin = SEEN.thinned(100)
    assert len(thin) == len(thin.asked.vectors) == 100 and SEEN.thinned(400) is SEEN


def test_settings_are_told_by_what_differs_from_the_defaults() -> None:
    assert described(Kernel()) == "defaults" and described(Clusters(30, 2)) == "number 30, nearest 2"
    assert described(Blend((Ridge(3.0), Kernel()), 0.5)) == "Ridge (penalty 3) + Kernel (defaults), doubt 0.5"


def test_k_means_finds_separate_heaps_and_never_more_centres_than_rows() -> None:
    draw = np.random.default_rng(0)
    heaps = np.array([[0, 0], [10, 0], [0, 10]])
    rows = (heaps[np.arange(90) % 3] + draw.normal(0, 0.1, (90, 2))).astype(np.float32)
    middle = centres(rows, 3)
    assert sorted(map(tuple, np.round(middle).astype(int).tolist())) == [(0, 0), (0, 10), (10, 0)]
    label = nearest(rows, middle)
    assert all(len(set(label[i::3].tolist())) == 1 for i in range(3))
    assert len(centres(rows[:1].repeat(5, axis=0), 4)) == 1
