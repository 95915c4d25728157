"""Lenient readings and draws are credited with what they find, and not with what they hit by luck."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from tests.studies.diagnosis.made import coins, column, evidence, said, task

from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.signals import outcomes, reading, sampling, sureness
from underdog.studies.diagnosis.signals.signal import Signal
from underdog.studies.diagnosis.signals.wrong_gold import WrongGold, shape
from underdog.trial import Outcome


def by_name(found: object, model: str = "small") -> dict[str, Signal]:
    return {one.name: one for one in found if one.model == model}  # type: ignore[attr-defined]


def ends(signal: Signal) -> tuple[float, float, float]:
    low, estimate, high = signal.interval.low, signal.interval.estimate, signal.interval.high
    assert low is not None and estimate is not None and high is not None
    return low, estimate, high


def test_every_ending_is_counted_apart_and_failures_are_in_none_of_them() -> None:
    of = task(10)
    finals: list[str | Outcome | None] = [*said(of, [True] * 10)[:4], "x", None, None]
    finals += [Outcome.CUT_OFF, Outcome.REFUSED, Outcome.FAILED]
    made = evidence(of, said(of, [True] * 10), said(of, [True] * 10))
    made = replace(made, greedy={**made.greedy, "small": column(of, "small", finals)})
    found = by_name(outcomes.signals(made))
    shares = {name: one.interval.estimate for name, one in found.items()}
    assert shares["unread"] == pytest.approx(2 / 9) and shares["cut off"] == pytest.approx(1 / 9)
    assert shares["refused"] == pytest.approx(1 / 9) and shares["failed"] == pytest.approx(1 / 10)
    assert shares["no answer"] == pytest.approx(3 / 9)
    assert shares["losses without an answer"] == pytest.approx(3 / 5)
    assert shares["score where read"] == pytest.approx(4 / 6)
    assert found["losses without an answer"].sentence.startswith("3 of the 5 answers")


def lenient(strict: list[str | None], loose: list[str | None], **more: object) -> Evidence:
    of = more.pop("of", None) or task(len(strict))
    made = evidence(of, strict, said(of, [True] * len(strict)))  # type: ignore[arg-type]
    return replace(made, lenient={"small": column(of, "small", loose)})  # type: ignore[arg-type]


def test_what_lenient_reading_digs_out_counts_in_full_when_it_is_no_luck() -> None:
    of = task(300)
    loose = said(of, coins(300, 0.6))
    strict = [None if flag else final for flag, final in zip(coins(300, 0.5, 1), loose, strict=True)]
    made = lenient(strict, loose, of=of)
    found = by_name(reading.signals(made, WrongGold(made)))
    assert ends(found["net lenient gain"])[1] == pytest.approx(ends(found["lenient gain"])[1])
    assert ends(found["net lenient gain"])[0] > 0.2


def test_lenient_reading_that_picks_any_of_four_letters_gains_nothing_net() -> None:
    rng = np.random.default_rng(0)
    of = task(1000, targets=[str(x) for x in rng.choice(list("abcd"), 1000)])
    loose: list[str | None] = [str(x) for x in rng.choice(list("abcd"), 1000)]
    made = lenient([None] * 1000, loose, of=of)
    found = by_name(reading.signals(made, WrongGold(made)))
    assert ends(found["lenient gain"])[0] > 0.2
    low, net, high = ends(found["net lenient gain"])
    assert low < 0 < high and abs(net) < 0.04


def test_readings_that_agree_have_no_gain_and_no_luck() -> None:
    of = task(400, targets=[str(i % 3) for i in range(400)])
    same = said(of, coins(400, 0.5))
    made = lenient(same, same, of=of)
    low, net, high = ends(by_name(reading.signals(made, WrongGold(made)))["net lenient gain"])
    assert net == 0.0 and low > -0.02 and high < 0.02


def test_the_wrong_golds_of_an_example_look_like_its_own_and_are_others() -> None:
    of = task(
        40, targets=[*(f"{i}.5 m" for i in range(20)), *("red" if i % 2 else "blue" for i in range(20))]
    )
    made = evidence(of, said(of, [True] * 40), said(of, [True] * 40))
    control = WrongGold(made)
    for index in range(40):
        golds = [str(of.examples[other].target) for other in control.others(index)]
        own = str(of.examples[index].target)
        assert golds and all(shape(gold) == shape(own) and gold != own for gold in golds)
    assert (control.scores([str(example.target) for example in of.examples]) == 0.0).all()


def test_coverage_is_the_mean_over_all_subsets_of_the_draws() -> None:
    values = [0.0, 1.0, 0.25, 0.0, 1.0, 0.5]
    for k in range(1, 7):
        brute = np.mean([max(subset) for subset in combinations(values, k)])
        assert sampling.best_of(values, k) == pytest.approx(brute)
    assert np.isnan(sampling.best_of(values, 7))


def drawn(of_right: float, wrongs: int, n: int = 300, k: int = 8, letters: bool = False) -> Evidence:
    """Draws that are right with one chance on every example; the greedy answer is one more of them."""
    rng = np.random.default_rng(3)
    of = task(n, targets=[str(x) for x in rng.choice(list("abcd"), n)] if letters else None)

    def one(index: int) -> str:
        if letters:
            return str(rng.choice(list("abcd")))
        return str(of.examples[index].target) if rng.random() < of_right else f"wrong {rng.integers(wrongs)}"

    greedy = [one(i) for i in range(n)]
    draws = [one(i) for i in range(n) for _ in range(k)]
    return replace(evidence(of, greedy, said(of, [True] * n)), draws={"small": column(of, "small", draws)})


def test_headroom_is_there_when_draws_find_what_one_answer_misses() -> None:
    made = drawn(0.4, 1000)
    found = by_name(sampling.signals(made, WrongGold(made)))
    assert ends(found["search headroom"])[0] > 0.4
    curve = [point.y.estimate for point in found["coverage"].curve]
    assert [point.x for point in found["coverage"].curve] == [1, 2, 4, 8]
    assert curve == pytest.approx([1 - 0.6**k for k in (1, 2, 4, 8)], abs=0.06)


def test_guessing_among_four_letters_has_coverage_and_no_headroom() -> None:
    made = drawn(0.0, 1, letters=True, n=1000)
    found = by_name(sampling.signals(made, WrongGold(made)))
    assert ends(found["coverage"])[1] > 0.85
    low, _, high = ends(found["search headroom"])
    assert low < 0 < high < 0.1


def test_a_vote_gains_where_wrong_answers_scatter_and_not_where_they_agree() -> None:
    scattered = by_name(sampling.signals(drawn(0.4, 1000), WrongGold(drawn(0.4, 1000))))
    alike = by_name(sampling.signals(drawn(0.4, 1), WrongGold(drawn(0.4, 1))))
    assert ends(scattered["vote gain"])[0] > 0.2
    assert ends(alike["vote gain"])[2] < 0.05


def test_the_plurality_is_that_of_the_vote_lever() -> None:
    of = task(1, targets=["a"])
    trials = column(of, "small", ["b", "a", None, "a", "b"]).trials
    chosen, share = sampling.plurality(trials)
    assert chosen is trials[0] and share == 2 / 5  # ties go to the answer drawn first; unread draws count
    nothing, none = sampling.plurality(column(of, "small", [None, None]).trials)
    assert nothing is not None and nothing.final is None and none == 0.0


def test_agreement_that_follows_correctness_ranks_right_above_wrong() -> None:
    rng = np.random.default_rng(5)
    of = task(300)
    easy = rng.random(300) < 0.5
    draws = [
        str(of.examples[i].target) if rng.random() < (0.95 if easy[i] else 0.2) else f"w{rng.integers(50)}"
        for i in range(300)
        for _ in range(8)
    ]
    made = evidence(of, said(of, easy), said(of, [True] * 300))
    made = replace(made, draws={"small": column(of, "small", draws)})
    found = by_name(sureness.signals(made))
    assert ends(found["agreement AUROC"])[0] > 0.9
    assert found["overconfidence by agreement"].curve


def test_stated_confidence_that_knows_nothing_is_found_out() -> None:
    of = task(300)
    right = coins(300, 0.5)
    made = evidence(of, said(of, right), said(of, [True] * 300))
    sure = np.random.default_rng(1).random(300) * 0.2 + 0.8
    made = replace(
        made, greedy={**made.greedy, "small": column(of, "small", said(of, right), sure=list(sure))}
    )
    found = by_name(sureness.signals(made))
    low, _, high = ends(found["confidence AUROC"])
    assert low < 0.5 < high
    assert ends(found["overconfidence by confidence"])[0] > 0.3
