"""The controls: single answerers, the mix of the same cost, chance and the oracle, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from tests.routing.worlds import made

from underdog.routing.controls import mix_at, oracle, singles
from underdog.routing.curve import Point, frontier, point
from underdog.routing.judged import Bench

NAN = float("nan")
TABLE = made([[1, 0, 0], [1, 1, 0], [0, 1, 0], [1, 1, 0]], [[4.0, 1.0, 0.5]] * 4, answerers=("a", "b", "c"))


def test_the_best_single_is_the_cheaper_of_equals_and_the_cheap_one_keeps_the_margin() -> None:
    alone = singles(TABLE, 0.02)
    assert TABLE.answerers[alone.best] == TABLE.answerers[alone.default] == "b"
    assert alone.cheap == alone.default, "c is cheaper and far worse"
    given = singles(TABLE, 0.02, default=0)
    assert given.default == 0 and TABLE.answerers[given.cheap] == "b"


def test_the_oracle_takes_the_cheapest_of_the_right_ones() -> None:
    scores, costs = oracle(TABLE)
    assert scores.tolist() == [1, 1, 1, 1] and costs.tolist() == [4, 1, 1, 1]
    gaps, _ = oracle(made([[NAN, NAN], [NAN, 0.5]]))
    assert np.isnan(gaps[0]) and gaps[1] == 0.5


def test_the_mix_is_the_hull_of_single_answerers_at_a_cost() -> None:
    table = made([[1, 0], [1, 0], [1, 1], [0, 0]], [[3.0, 1.0]] * 4)
    mix, scores = mix_at(table, 2.0)
    assert mix.weights == {"a": pytest.approx(0.5), "b": pytest.approx(0.5)}
    assert scores is not None and scores.tolist() == pytest.approx([0.5, 0.5, 1.0, 0.0])
    assert mix_at(table, 0.5)[1] is None


def test_a_policy_is_paired_with_the_default_and_with_the_mix_of_its_cost() -> None:
    bench = Bench(TABLE, singles(TABLE, 0.02), 0.95)
    row = bench.policy("p", "", np.array([0, 1, 1, 1]))
    assert row.score.estimate == 1.0 and row.cost == pytest.approx(7 / 4)
    assert row.relative == pytest.approx(7 / 4)
    assert row.against is not None and (row.against.helps, row.against.harms) == (1, 0)
    assert row.over_mix is not None and row.over_mix.difference == pytest.approx(0.25)
    assert row.shares == {"a": 0.25, "b": 0.75}


def test_without_known_costs_the_mix_is_the_best_single_answerer() -> None:
    table = made([[1, 0], [0, 1], [1, 1], [1, 0]])
    row = Bench(table, singles(table, 0.02), 0.95).policy("p", "", np.array([0, 1, 0, 0]))
    assert row.cost is None and row.relative is None and row.mix == {"a": 1.0}
    assert row.over_mix is not None and row.over_mix.difference == pytest.approx(0.25)


def test_the_figures_stand_between_the_best_single_and_the_oracle() -> None:
    bench = Bench(TABLE, singles(TABLE, 0.02), 0.95)
    found = bench.figures(np.array([1.0, 1.0, 0.0, 1.0]), np.array([4.0, 4, 4, 4]))
    assert (found.best, found.gain, found.gap, found.closed) == ("b", 0.0, 0.25, 0.0)
    assert found.saved == pytest.approx(-3.0) and found.relative_gain == 0.0


def test_chance_and_missing_cells_are_means_over_what_is_known() -> None:
    table = made([[1, NAN], [0, 1]], [[1.0, 2.0], [1.0, NAN]])
    row = Bench(table, singles(table, 0.02), 0.95).chance()
    assert row.score.estimate == pytest.approx(0.75)


def test_a_point_compares_on_questions_with_both_scores() -> None:
    found = point(0.5, np.array([1.0, NAN, 1.0]), np.array([1.0, 2.0, 3.0]), np.array([0.0, 1.0, NAN]))
    assert (found.score, found.gain, found.cost, found.spread) == (1.0, 1.0, 2.0, 0.0)
    nothing = point(0.5, np.array([NAN]), np.array([1.0]), np.array([1.0]))
    assert nothing.score is None and nothing.gain is None


def test_the_frontier_drops_what_is_dearer_and_no_better() -> None:
    points = [
        Point(k, 0.5, gain, c) for k, gain, c in ((0, -0.2, 1), (1, -0.2, 2), (2, 0.1, 3), (3, None, 0))
    ]
    assert [one.knob for one in frontier(points)] == [0, 2]
