"""Signals across models: luck in an oracle, sizes, difficulty, and leaks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.studies.diagnosis.made import coins, column, evidence, said, task

from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals import deferral, difficulty, leaks, mixture, routing, size
from underdog.studies.diagnosis.signals.signal import Signal
from underdog.studies.diagnosis.signals.table import members, sizes, weights_in
from underdog.studies.diagnosis.signals.wrong_gold import WrongGold


def ends(signal: Signal) -> tuple[float, float, float]:
    low, estimate, high = signal.interval.low, signal.interval.estimate, signal.interval.high
    assert low is not None and estimate is not None and high is not None
    return low, estimate, high


def repeated(n: int, specialists: bool, k: int = 4) -> Evidence:
    """Two models drawn k times: each right with one chance everywhere, or always on a half of its own."""
    rng = np.random.default_rng(3)
    of = task(n)
    half = rng.random(n) < 0.5
    greedy, draws = {}, {}
    for name, own in (("small", half), ("large", ~half)):
        chance = np.where(own, 0.95, 0.15) if specialists else np.full(n, 0.55)
        flags = rng.random((n, k + 1)) < chance[:, None]
        greedy[name] = said(of, flags[:, 0])
        texts = [
            str(of.examples[i].target) if flags[i, j + 1] else f"no{i}.{j}"
            for i in range(n)
            for j in range(k)
        ]
        draws[name] = column(of, name, texts)
    return replace(evidence(of, greedy["small"], greedy["large"]), draws=draws)


def test_an_oracle_over_noisy_twins_has_headroom_of_which_nothing_repeats() -> None:
    found = {one.name: one for one in mixture.signals(repeated(400, specialists=False))}
    assert ends(found["oracle headroom"])[0] > 0.15
    low, _, high = ends(found["repeatable headroom"])
    assert low < 0 < high
    # Two draws of one model have as much of it: 1 - .45^2 - .55, about 25 points.
    assert ends(found["headroom of re-drawing"])[1] == pytest.approx(0.2475, abs=0.03)


def test_headroom_of_specialists_repeats() -> None:
    found = {one.name: one for one in mixture.signals(repeated(400, specialists=True))}
    assert ends(found["repeatable headroom"])[0] > 0.25


def test_the_oracle_is_held_against_the_random_mix_of_its_own_cost() -> None:
    of = task(200)
    spend = {"small": {"dollars": 1.0}, "large": {"dollars": 10.0}}
    rank = np.arange(200) / 200
    made = evidence(of, said(of, rank < 0.5), said(of, rank < 0.9), spend=spend)
    found = {one.name: one for one in mixture.signals(made)}
    # It asks large on 40 %, at .6 * 1 + .4 * 10 = 4.6 an answer: there a mix scores .66, the oracle .9.
    assert ends(found["oracle over the static mix"])[1] == pytest.approx(0.24, abs=0.01)


def test_an_oracle_that_always_asks_the_cheapest_costs_no_less_than_it() -> None:
    """The mean of equal prices may round to a little below them."""
    spend = {"small": {"dollars": 0.7}, "large": {"dollars": 7.0}}
    for n in range(3, 60):
        of = task(n)
        right = said(of, [True] * n)
        found = list(mixture.signals(evidence(of, right, right, spend=spend)))
        assert "oracle over the static mix" in {one.name for one in found}


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("llama-3.1-8b-instruct", 8e9),
        ("Qwen2.5-0.5B", 0.5e9),
        ("gemma-3-270m", 270e6),
        ("Mixtral-8x7B", 56e9),
        ("gpt-4o-mini", None),
        ("phi-3.5-mini", None),
        ("o3-mini", None),
    ],
)
def test_weights_are_read_off_names_that_tell_them(name: str, weights: float | None) -> None:
    assert weights_in(name) == weights


def test_sizes_are_what_is_known_of_most_models() -> None:
    of = task(4)
    priced = {"small": {"dollars": 1.0, "tokens_out": 2}, "large": {"dollars": 9.0, "tokens_out": 3}}
    made = evidence(of, said(of, [True] * 4), said(of, [True] * 4), spend=priced)
    assert sizes(made) == ({"small": 0.5, "large": 3.0}, "dollars a token")
    weighed = replace(made, parameters={"small": 1e9, "large": 8e9})
    assert sizes(weighed) == ({"small": 1e9, "large": 8e9}, "weights")


def test_models_as_big_as_the_large_one_do_not_stand_in_for_it() -> None:
    of = task(4)
    four = said(of, [True] * 4)
    made = evidence(of, four, four, others={"b": four, "huge": four, "unknown": four})
    made = replace(made, parameters={"small": 1e9, "large": 7e10, "b": 8e9, "huge": 4e11})
    assert members(made) == ["small", "b", "unknown"]


def test_the_slope_is_that_of_least_squares() -> None:
    of = task(100)
    levels = {"small": 0.3, "b": 0.5, "large": 0.6}
    finals = {name: said(of, coins(100, level, 3)) for name, level in levels.items()}
    made = evidence(of, finals["small"], finals["large"], others={"b": finals["b"]})
    made = replace(made, parameters={"small": 1e9, "b": 4e9, "large": 8e9})
    found = next(one for one in size.signals(made) if one.name == "slope by size")
    assert ends(found)[1] == pytest.approx(np.polyfit([0, 2, 3], [0.3, 0.5, 0.6], 1)[0])
    assert [point.label for point in found.curve] == ["small", "b", "large"] and size.doublings(found) == 3


def test_a_model_is_not_judged_by_a_level_of_its_own_making() -> None:
    """Coins at one chance: by the others' answers small scores alike on every level."""
    of = task(900)
    finals = [said(of, coins(900, 0.5, seed)) for seed in range(4)]
    made = evidence(of, finals[0], finals[1], others={"b": finals[2], "c": finals[3]})
    found = {(one.name, one.model): one for one in difficulty.signals(made)}
    curve = found["score by difficulty", "small"].curve
    assert [point.label for point in curve] == list(difficulty.LEVELS)
    for point in curve:
        assert point.y.low is not None and point.y.high is not None and point.y.low < 0.5 < point.y.high
    assert ends(found["no model right", None])[1] == pytest.approx(1 / 16, abs=0.02)


def test_inputs_of_another_split_and_the_lead_on_them_are_found() -> None:
    of = task(300, asked=[f"question {i}" if i >= 60 else f"question {i % 30}" for i in range(300)])
    of = replace(
        of, examples=tuple(replace(e, placed="fit" if i < 30 else "test") for i, e in enumerate(of.examples))
    )
    looked = replace(of, examples=of.examples[30:])
    right = np.concatenate([np.ones(30, dtype=bool), coins(240, 0.4)])
    made = evidence(looked, said(looked, right), said(looked, coins(270, 0.6, 2)))
    made = replace(made, task=of)
    found = {(one.name, one.model): one for one in leaks.signals(made, WrongGold(made))}
    leaked = found["inputs in another split", None]
    assert ends(leaked)[1] == pytest.approx(30 / 270) and len(leaked.examples) == 30
    assert ends(found["score on repeated inputs", "small"])[0] > 0.4
    assert ends(found["score on repeated inputs", "large"])[0] < 0.1


def test_gold_in_the_prompt_counts_only_where_other_golds_do_not_stand_there_too() -> None:
    targets = [str(100 + i) for i in range(200)]
    shown = task(200, targets=targets, asked=[f"the answer is {one}, is it not?" for one in targets])
    listed = task(200, targets=targets, asked=[f"which of {' '.join(targets)}?"] * 200)
    for of, low, high in ((shown, 0.95, 1.0), (listed, -0.05, 0.05)):
        made = evidence(of, said(of, [True] * 200), said(of, [True] * 200))
        found = next(one for one in leaks.signals(made, WrongGold(made)) if one.name == "gold in the prompt")
        assert low <= ends(found)[1] <= high


def test_thresholds_of_a_cascade_never_see_the_examples_they_are_judged_on() -> None:
    """Confidence is a lottery ticket that is right in hindsight only: cross-fitted, it gains nothing."""
    rng = np.random.default_rng(31)
    gains = []
    for seed in range(20):
        of = task(120)
        right = coins(120, 0.6, seed)
        made = evidence(of, said(of, right), said(of, coins(120, 0.8, seed + 99)))
        sure = [float(one) for one in rng.random(120)]
        small = column(of, "small", said(of, right), sure=sure)
        made = replace(made, greedy={**made.greedy, "small": small})
        found = {one.name: one for one in deferral.signals(made, 0.02)}
        gains.append(ends(found["doubt by confidence"])[1])
    assert abs(np.mean(gains)) < 2.5 * np.std(gains) / np.sqrt(20)


def test_a_router_gains_nothing_from_words_that_mean_nothing() -> None:
    """150 words in 200 requests: any router fits them in training, and none does better on the others."""
    gains = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        of = task(200, asked=[" ".join(f"w{one}" for one in rng.integers(150, size=8)) for _ in range(200)])
        made = evidence(of, said(of, coins(200, 0.5, seed)), said(of, coins(200, 0.5, seed + 99)))
        found = {one.name: one for one in routing.signals(made)}
        gains.append(ends(found["routed by request"])[1])
    assert abs(np.mean(gains)) < 0.04


def test_a_cascade_on_any_two_models_is_tried_beside_one_on_all() -> None:
    """Two of three members are the same model twice: only the two that differ say anything by agreeing."""
    of = task(400)
    first = said(of, coins(400, 0.7, 1), wrong="wrong one ")
    other = said(of, coins(400, 0.7, 2), wrong="wrong two ")
    made = evidence(of, first, said(of, coins(400, 0.97, 5)), others={"twin": first, "other": other})
    found = {one.name: one for one in deferral.signals(made, 0.04)}
    assert ends(found["doubt by agreement of models"])[0] > 0.05
    assert "other" in found["handed over by agreement of models"].sentence
