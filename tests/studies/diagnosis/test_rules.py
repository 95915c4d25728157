"""Every kind of finding: a case where it holds, one where it does not, and one too small to tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.studies.diagnosis.made import coins, column, evidence, said, task

from underdog.studies.diagnosis.conclude import diagnose
from underdog.studies.diagnosis.evidence import Evidence
from underdog.studies.diagnosis.findings import LEVERS, Diagnosis, Finding, Kind, Ruling
from underdog.task import Task
from underdog.trial import Outcome

HOLDS, NOT, OPEN, UNMEASURED = Ruling.HOLDS, Ruling.DOES_NOT_HOLD, Ruling.CANNOT_TELL, Ruling.NOT_MEASURED
Finals = Sequence[str | None]


def ruling(diagnosis: Diagnosis, kind: Kind, model: str | None = None) -> Ruling:
    return diagnosis.of(kind, model).ruling


def tells(finding: Finding, more_than: int) -> None:
    """A finding that says that it cannot tell, and a number of examples that would."""
    assert finding.ruling is OPEN and finding.strength == 0.0
    assert finding.needed is not None and finding.needed > more_than
    assert finding.sentence.startswith(f"Cannot tell: about {finding.needed:,} examples would tell.")


def two(n: int, small: float, large: float, of: Task | None = None) -> Evidence:
    of = of or task(n)
    return evidence(of, said(of, coins(n, small, 1)), said(of, coins(n, large, 2)))


# Format


def unreadable(n: int, share: float, loose: float | None = None) -> Evidence:
    """Small and large are right on 70 %; a share of small's is unread, of which `loose` can be dug out."""
    of = task(n)
    whole = said(of, coins(n, 0.7, 1))
    lost = coins(n, share, 3)
    strict = [None if flag else one for flag, one in zip(lost, whole, strict=True)]
    made = evidence(of, strict, said(of, coins(n, 0.7, 2)))
    if loose is None:
        return made
    found = coins(n, loose, 4)
    dug = [one if flag or one is not None else None for flag, one in zip(found, strict, strict=True)]
    dug = [whole[i] if found[i] else dug[i] for i in range(n)]
    return replace(made, lenient={"small": column(of, "small", dug), "large": made.greedy["large"]})


def test_format_holds_where_lenient_reading_digs_out_right_answers() -> None:
    found = diagnose(unreadable(400, 0.4, 1.0))
    finding = found.of(Kind.FORMAT, "small")
    assert finding.ruling is HOLDS and finding.strength > 0.2
    assert ruling(found, Kind.FORMAT, "large") is NOT
    assert found.order[0].lever in ("read", "constrain") and found.advice("read").certain
    assert found.advice("read").runnable


def test_format_holds_by_unread_answers_alone_when_no_reading_digs_them_out() -> None:
    """439 of 565 losses unreadable is form, whatever a lenient parser makes of them."""
    found = diagnose(unreadable(400, 0.4, 0.0))
    finding = found.of(Kind.FORMAT, "small")
    assert finding.ruling is HOLDS and "could not be read" in finding.sentence
    assert found.advice("constrain").worth_trying and found.advice("constrain").certain
    assert not found.advice("read").worth_trying


def test_format_does_not_hold_where_everything_is_read() -> None:
    found = diagnose(unreadable(400, 0.0, 0.0))
    assert ruling(found, Kind.FORMAT, "small") is NOT
    assert not found.advice("read").worth_trying and not found.advice("constrain").worth_trying


def test_format_holds_where_nothing_can_be_read_at_all_and_cut_off_answers_are_named() -> None:
    of = task(50)
    made = evidence(of, [None] * 50, said(of, coins(50, 0.7, 2)))
    cut = column(of, "small", [Outcome.CUT_OFF] * 40 + [Outcome.UNREAD] * 10)
    found = diagnose(replace(made, greedy={**made.greedy, "small": cut}))
    assert ruling(found, Kind.FORMAT, "small") is HOLDS
    advice = found.advice("constrain")
    assert advice.worth_trying and advice.certain and "raise max_tokens first" in advice.why


def test_few_unread_answers_cannot_tell_about_format() -> None:
    tells(diagnose(unreadable(40, 0.05)).of(Kind.FORMAT, "small"), 40)


def test_a_lead_that_is_form_is_called_so_for_the_large_model_too() -> None:
    """The large model wraps its answers in fences: strictly small leads, read leniently it trails."""
    of = task(400)
    small, large = said(of, coins(400, 0.6, 1)), said(of, coins(400, 0.9, 2))
    fenced = [None if flag else one for flag, one in zip(coins(400, 0.85, 3), large, strict=True)]
    made = evidence(of, small, fenced)
    made = replace(made, lenient={"small": column(of, "small", small), "large": column(of, "large", large)})
    found = diagnose(made)
    assert ruling(found, Kind.FORMAT, "large") is HOLDS and ruling(found, Kind.FORMAT, "small") is NOT
    gap = found.of(Kind.NO_GAP, "small")
    assert gap.ruling is NOT and "the strict lead is form" in gap.sentence
    assert "large itself loses to form" in found.advice("read").why


# Search


def sampled(n: int, small: float, draw: float, wrongs: int, k: int = 8) -> Evidence:
    """Small's draws are right with chance `draw` on the examples that it gets wrong, and always elsewhere."""
    rng = np.random.default_rng(7)
    made = two(n, small, 0.95)
    right = made.greedy["small"].scores() == 1.0
    draws = [
        str(made.examples[i].target)
        if rng.random() < (1.0 if right[i] else draw)
        else f"w{rng.integers(wrongs)}"
        for i in range(n)
        for _ in range(k)
    ]
    return replace(made, draws={"small": column(made.task, "small", draws)})


def test_search_holds_where_draws_find_what_the_first_answer_misses() -> None:
    found = diagnose(sampled(400, 0.4, 0.4, 50))
    finding = found.of(Kind.SEARCH, "small")
    assert finding.ruling is HOLDS and finding.strength > 0.3
    assert found.advice("best-of with a verifier").worth_trying and found.advice("vote").worth_trying
    assert found.advice("vote").certain and found.advice("vote").runnable


def test_search_holds_for_a_verifier_and_not_for_a_vote_where_the_mistake_is_always_the_same() -> None:
    found = diagnose(sampled(400, 0.4, 0.1, 1))
    assert ruling(found, Kind.SEARCH, "small") is HOLDS
    assert found.advice("best-of with a verifier").worth_trying
    assert found.advice("vote").certain and not found.advice("vote").worth_trying


def test_search_does_not_hold_where_draws_repeat_the_first_answer() -> None:
    found = diagnose(sampled(400, 0.4, 0.0, 1))
    assert ruling(found, Kind.SEARCH, "small") is NOT
    for lever in ("vote", "best-of with a verifier", "DPO"):
        assert found.advice(lever).certain and not found.advice(lever).worth_trying


def test_few_draws_cannot_tell_about_search() -> None:
    tells(diagnose(sampled(30, 0.6, 0.03, 50)).of(Kind.SEARCH, "small"), 30)


# Knowledge and protocol


def probed(n: int, plain: float, **probes: float) -> Evidence:
    """Small's scores under each probe, right answers nested: a better probe keeps what was right."""
    of = task(n)
    rank = np.random.default_rng(11).permutation(n) / n
    finals = {name: said(of, rank < level) for name, level in {"plain": plain, **probes}.items()}
    made = evidence(of, finals.pop("plain"), said(of, coins(n, 0.95, 2)))
    return replace(made, probes={name: {"small": column(of, "small", one)} for name, one in finals.items()})


def test_knowledge_holds_where_the_right_passage_helps_and_a_wrong_one_does_not() -> None:
    found = diagnose(probed(400, 0.3, **{"gold passage": 0.9, "wrong passage": 0.2}))
    assert ruling(found, Kind.KNOWLEDGE, "small") is HOLDS
    advice = found.advice("retrieve")
    assert advice.worth_trying and advice.certain and "when more than 14 % are found" in advice.why


def test_knowledge_does_not_hold_where_even_the_right_passage_does_not_help() -> None:
    found = diagnose(probed(400, 0.3, **{"gold passage": 0.3, "wrong passage": 0.3}))
    assert ruling(found, Kind.KNOWLEDGE, "small") is NOT
    assert found.advice("retrieve").certain and not found.advice("retrieve").worth_trying


def test_knowledge_does_not_hold_where_any_passage_helps_as_much() -> None:
    found = diagnose(probed(400, 0.3, **{"gold passage": 0.6, "wrong passage": 0.6}))
    assert ruling(found, Kind.KNOWLEDGE, "small") is NOT
    assert not found.advice("retrieve").worth_trying


def test_few_passages_cannot_tell_about_knowledge() -> None:
    tells(diagnose(probed(30, 0.3, **{"gold passage": 0.4})).of(Kind.KNOWLEDGE, "small"), 30)


@pytest.mark.parametrize("way", ["shots", "steps"])
def test_protocol_holds_where_another_way_of_asking_helps(way: str) -> None:
    found = diagnose(probed(400, 0.3, **{way: 0.6}))
    assert ruling(found, Kind.PROTOCOL, "small") is HOLDS
    assert found.advice("prompt").worth_trying and found.advice("prompt").certain
    assert found.advice("LoRA").worth_trying and found.advice("LoRA").certain


def test_protocol_does_not_hold_where_no_way_of_asking_helps() -> None:
    found = diagnose(probed(400, 0.3, shots=0.3, steps=0.1))
    assert ruling(found, Kind.PROTOCOL, "small") is NOT
    assert found.advice("prompt").certain and not found.advice("prompt").worth_trying


def test_protocol_does_not_hold_where_demonstrations_teach_only_the_form() -> None:
    """Half of small's right answers are unread; with demonstrations all are read, and no more are right."""
    of = task(400)
    able = said(of, coins(400, 0.6, 1))
    strict = [None if flag else one for flag, one in zip(coins(400, 0.5, 3), able, strict=True)]
    made = evidence(of, strict, said(of, coins(400, 0.95, 2)))
    made = replace(
        made,
        lenient={"small": column(of, "small", able)},
        probes={"shots": {"small": column(of, "small", able)}},
    )
    found = diagnose(made)
    assert ruling(found, Kind.PROTOCOL, "small") is NOT and ruling(found, Kind.FORMAT, "small") is HOLDS
    assert found.advice("prompt").worth_trying and found.advice("prompt").certain


def test_labels_that_matter_in_demonstrations_speak_for_training() -> None:
    made = probed(400, 0.3, **{"shots": 0.7, "shots, labels shuffled": 0.3})
    found = diagnose(made)
    effect = found.signal("labels of the demonstrations", "small")
    assert effect is not None and effect.interval.low is not None and effect.interval.low > 0.3
    assert "shuffled" in found.advice("LoRA").why


def test_of_two_ways_of_asking_each_gets_half_of_the_risk() -> None:
    one, two = (diagnose(probed(200, 0.3, **more)) for more in ({"shots": 0.5}, {"shots": 0.5, "steps": 0.3}))
    alone, beside = one.signal("shots", "small"), two.signal("shots", "small")
    assert alone is not None and beside is not None and alone.interval.low is not None
    assert beside.interval.low is not None and beside.interval.low < alone.interval.low
    assert (alone.interval.confidence, beside.interval.confidence) == (0.95, 0.975)


def test_few_demonstrations_cannot_tell_about_protocol() -> None:
    tells(diagnose(probed(30, 0.3, shots=0.4)).of(Kind.PROTOCOL, "small"), 30)


# Deferral


def unsure(n: int, knows: bool, small: float = 0.7, large: float = 0.95) -> Evidence:
    """Small's confidence is high where it is right, or says nothing; large is right on most of it all."""
    of = task(n)
    right = coins(n, small, 1)
    rng = np.random.default_rng(13)
    sure = np.where(right if knows else rng.random(n) < 0.7, 0.9, 0.3) + rng.random(n) * 0.05
    made = evidence(of, said(of, right), said(of, coins(n, large, 2)))
    return replace(
        made, greedy={**made.greedy, "small": column(of, "small", said(of, right), sure=[*map(float, sure)])}
    )


def test_deferral_holds_where_small_knows_when_it_is_wrong() -> None:
    found = diagnose(unsure(400, True))
    finding = found.of(Kind.DEFERRAL, "small")
    assert finding.ruling is HOLDS and finding.strength > 0.1
    assert found.advice("cascade").worth_trying and found.advice("cascade").runnable
    handed = found.signal("handed over by confidence", "small")
    assert handed is not None and handed.interval.estimate == pytest.approx(0.3, abs=0.05)
    curve = found.signal("doubt by confidence", "small")
    assert curve is not None and curve.curve[0].x == 1.0 and curve.curve[-1].x == 0.0


def test_deferral_does_not_hold_where_confidence_knows_nothing() -> None:
    found = diagnose(unsure(800, False))
    assert ruling(found, Kind.DEFERRAL, "small") is NOT
    assert found.advice("cascade").certain and not found.advice("cascade").worth_trying


def test_deferral_does_not_hold_where_there_is_nothing_to_hand_over_for() -> None:
    found = diagnose(unsure(800, True, small=0.9, large=0.6))
    assert ruling(found, Kind.DEFERRAL, "small") is NOT and ruling(found, Kind.NO_GAP, "small") is HOLDS
    assert not found.advice("cascade").worth_trying and not found.advice("LoRA").worth_trying


def test_a_cascade_that_costs_more_than_the_large_model_does_not_pay() -> None:
    made = unsure(400, True)
    priced = {
        name: replace(each, trials=[replace(t, spend=replace(t.spend, dollars=price)) for t in each.trials])
        for (name, each), price in zip(made.greedy.items(), (1.0, 1.1), strict=True)
    }
    found = diagnose(replace(made, greedy=priced))
    assert ruling(found, Kind.DEFERRAL, "small") is HOLDS
    advice = found.advice("cascade")
    assert advice.certain and not advice.worth_trying and "of its cost" in advice.why


def test_few_examples_cannot_tell_about_deferral() -> None:
    found = diagnose(unsure(14, True, small=0.5, large=0.8))
    assert ruling(found, Kind.DEFERRAL, "small") is OPEN
    assert found.advice("cascade").worth_trying and not found.advice("cascade").certain


# Mixture


def mixed(n: int, told: bool, **more: Any) -> Evidence:
    """Two models, each right on its own half of the requests; the request says which half, or does not."""
    half = np.random.default_rng(17).random(n) < 0.5
    words = ["please reverse these words" if one else "please count the animals" for one in half]
    of = task(n, asked=words if told else ["please do this"] * n, **more)
    noise = np.random.default_rng(19)
    chance = {"small": np.where(half, 0.9, 0.3), "large": np.where(half, 0.4, 0.85)}
    finals = {name: said(of, noise.random(n) < p) for name, p in chance.items()}
    return evidence(of, finals["small"], finals["large"])


def test_mixture_holds_where_requests_tell_who_wins() -> None:
    found = diagnose(mixed(400, True))
    finding = found.of(Kind.MIXTURE)
    assert finding.ruling is HOLDS and finding.strength > 0.1
    assert found.advice("route").worth_trying and found.advice("route").certain


def test_mixture_holds_where_a_category_of_the_data_tells_who_wins() -> None:
    half = np.random.default_rng(17).random(400) < 0.5
    rows = [{"kind": "order" if one else "count", "target": str(i)} for i, one in enumerate(half)]
    found = diagnose(mixed(400, False, fields=rows))
    assert ruling(found, Kind.MIXTURE) is HOLDS
    routed = found.signal("routed by category")
    assert routed is not None and "the field kind" in routed.sentence


def test_mixture_does_not_hold_where_only_an_oracle_knows_who_wins() -> None:
    """The oracle's headroom is large and worth nothing: nothing in the request tells."""
    found = diagnose(mixed(1000, False))
    headroom = found.signal("oracle headroom")
    assert headroom is not None and headroom.interval.low is not None and headroom.interval.low > 0.15
    assert ruling(found, Kind.MIXTURE) is NOT
    advice = found.advice("route")
    assert advice.certain and not advice.worth_trying and advice.why.startswith("do not route")


def test_a_field_that_gives_the_answer_away_is_no_category() -> None:
    of = task(200, targets=["yes" if i % 2 else "no" for i in range(200)])
    of = replace(of, examples=tuple(replace(e, fields={"label": e.target}) for e in of.examples))
    made = evidence(
        of, said(of, [i % 2 == 0 for i in range(200)]), said(of, [i % 2 == 1 for i in range(200)])
    )
    assert diagnose(made).signal("routed by category") is None


def test_few_examples_cannot_tell_about_mixture() -> None:
    found = diagnose(mixed(70, True))
    assert ruling(found, Kind.MIXTURE) in (OPEN, HOLDS)
    assert ruling(diagnose(mixed(40, True)), Kind.MIXTURE) is UNMEASURED


# The pool


def pooled(n: int, same: bool) -> Evidence:
    """Three small models of which each is right on 70 %: alike, or each with mistakes of its own."""
    of = task(n)
    flags = [coins(n, 0.7, 1 if same else seed) for seed in (1, 2, 3)]
    finals = [said(of, flag, wrong=f"wrong of {i} ") for i, flag in enumerate(flags)]
    return evidence(of, finals[0], said(of, coins(n, 0.95, 5)), others={"b": finals[1], "c": finals[2]})


def test_a_panel_of_models_with_mistakes_of_their_own_finds_more_than_its_best() -> None:
    found = diagnose(pooled(400, same=False))
    assert ruling(found, Kind.SEARCH) is HOLDS
    assert found.advice("panel").worth_trying and found.advice("panel").runnable
    assert ruling(found, Kind.DEFERRAL, "small") is HOLDS  # where they disagree, large is right


def test_a_panel_of_models_with_the_same_mistakes_finds_nothing_more() -> None:
    found = diagnose(pooled(400, same=True))
    assert ruling(found, Kind.SEARCH) is NOT
    assert found.advice("panel").certain and not found.advice("panel").worth_trying


# Ceiling


def sized(n: int, levels: Sequence[float], weights: Sequence[float]) -> Evidence:
    """Models of these sizes at these scores, right answers nested as difficulty has it."""
    of = task(n)
    rank = np.random.default_rng(23).permutation(n) / n
    names = ["small", "large", *(f"m{i}" for i in range(len(levels) - 2))]
    finals = {name: said(of, rank < level) for name, level in zip(names, levels, strict=True)}
    small, large = finals.pop("small"), finals.pop("large")
    made = evidence(of, small, large, others=finals)
    return replace(made, parameters=dict(zip(names, weights, strict=True)))


def test_ceiling_holds_where_size_moves_nothing_and_much_is_wrong() -> None:
    found = diagnose(sized(800, (0.55, 0.57, 0.56, 0.56), (1e9, 6.4e10, 8e9, 2e9)))
    assert ruling(found, Kind.CEILING) is HOLDS
    assert found.advice("solver").worth_trying and not found.advice("larger model").worth_trying
    assert found.advice("larger model").why == "size does not move it"


def test_ceiling_does_not_hold_where_size_moves_it() -> None:
    found = diagnose(sized(800, (0.3, 0.9, 0.7, 0.5), (1e9, 6.4e10, 8e9, 2e9)))
    assert ruling(found, Kind.CEILING) is NOT
    slope = found.signal("slope by size")
    assert slope is not None and slope.interval.estimate == pytest.approx(0.1, abs=0.01)
    assert found.advice("larger model").worth_trying and not found.advice("solver").worth_trying


def test_ceiling_does_not_hold_where_all_is_solved() -> None:
    found = diagnose(sized(800, (0.97, 0.97, 0.97), (1e9, 6.4e10, 8e9)))
    assert ruling(found, Kind.CEILING) is NOT


def test_few_examples_cannot_tell_about_ceiling_and_sizes_near_each_other_do_not_measure_it() -> None:
    tells(diagnose(sized(30, (0.5, 0.54, 0.5), (1e9, 6.4e10, 8e9))).of(Kind.CEILING), 30)
    assert ruling(diagnose(sized(400, (0.5, 0.5), (1e9, 2e9))), Kind.CEILING) is UNMEASURED


# Labels


def doubtful(n: int, share: float, others: int = 2) -> Evidence:
    """All strong models say the same against gold on a share of the examples, and err apart elsewhere."""
    of = task(n)
    bad = coins(n, share, 29)
    finals = []
    for seed in range(others + 1):
        one = said(of, coins(n, 0.92, 31 + seed), wrong=f"mistake {seed} ")
        finals.append(
            [f"better {i}" if flag else text for i, (flag, text) in enumerate(zip(bad, one, strict=True))]
        )
    rest = {f"m{i}": final for i, final in enumerate(finals[2:])}
    return evidence(of, finals[0], finals[1], others=rest)


def test_labels_are_in_doubt_where_all_strong_models_contradict_them_alike() -> None:
    found = diagnose(doubtful(400, 0.1))
    finding = found.of(Kind.LABELS)
    assert finding.ruling is HOLDS and finding.strength > 0.04
    suspect = found.signal("suspect labels")
    assert suspect is not None and len(suspect.examples) == 40 and "0.0" in suspect.sentence
    assert found.order[0].lever == "better labels"


def test_labels_stand_where_strong_models_err_apart() -> None:
    found = diagnose(doubtful(400, 0.0))
    assert ruling(found, Kind.LABELS) is NOT
    assert found.advice("better labels").certain and not found.advice("better labels").worth_trying


def test_shared_mistakes_on_hard_examples_are_not_taken_for_bad_labels() -> None:
    """Two answers only: whoever errs says the same as everybody who errs, also where another is right."""
    of = task(600, targets=["yes" if i % 2 else "no" for i in range(600)])
    hard = np.random.default_rng(41).random(600) < 0.2
    rng = np.random.default_rng(43)
    flip = {"yes": "no", "no": "yes"}
    finals = [
        [str(e.target) if rng.random() > (0.8 if h else 0.02) else flip[str(e.target)]
         for e, h in zip(of.examples, hard, strict=True)]
        for _ in range(3)
    ]  # fmt: skip
    found = diagnose(evidence(of, finals[0], finals[1], others={"m": finals[2]}))
    suspect = found.signal("suspect labels")
    assert suspect is not None and suspect.interval.low is not None and suspect.interval.low > 0.05
    assert ruling(found, Kind.LABELS) is not HOLDS


def test_few_examples_cannot_tell_about_labels_and_two_models_do_not_measure_them() -> None:
    tells(diagnose(doubtful(40, 0.05)).of(Kind.LABELS), 40)
    assert ruling(diagnose(doubtful(400, 0.1, others=1)), Kind.LABELS) is UNMEASURED


def test_inputs_with_two_targets_are_bad_labels_whatever_models_say() -> None:
    of = task(200, asked=[f"question {i % 190}" for i in range(200)])
    found = diagnose(evidence(of, said(of, coins(200, 0.6, 1)), said(of, coins(200, 0.9, 2))))
    assert ruling(found, Kind.LABELS) is HOLDS


# The gap, and whatever comes


def test_no_gap_holds_only_where_the_interval_clears_the_margin() -> None:
    assert ruling(diagnose(two(800, 0.8, 0.6)), Kind.NO_GAP, "small") is HOLDS
    assert ruling(diagnose(two(800, 0.6, 0.8)), Kind.NO_GAP, "small") is NOT
    tells(diagnose(two(100, 0.8, 0.79)).of(Kind.NO_GAP, "small"), 100)


def test_every_lever_is_advised_once_and_the_runnable_ones_are_those_of_this_installation() -> None:
    found = diagnose(two(60, 0.6, 0.8))
    assert sorted(one.lever for one in found.order) == sorted(LEVERS)
    ranks = [0 if a.worth_trying and a.certain else 1 if a.worth_trying else 2 for a in found.order]
    assert ranks == sorted(ranks)
    assert found.advice("vote").runnable and found.advice("cascade").runnable
    assert not found.advice("better labels").runnable
    assert all(one.why for one in found.order)


def test_a_larger_model_comes_after_every_lever_that_would_spare_it() -> None:
    made = replace(sampled(300, 0.4, 0.1, 50), parameters={"small": 1e9, "large": 8e9})
    found = diagnose(made)
    paying = [one.lever for one in found.order if one.worth_trying and one.certain]
    assert paying[-1] == "larger model" and "best-of with a verifier" in paying


@pytest.mark.parametrize("n", [1, 2, 5])
def test_almost_no_examples_are_no_error_and_hold_nothing_but_what_is_certain(n: int) -> None:
    found = diagnose(two(n, 1.0, 1.0))
    assert not [finding for finding in found.bounds if finding.kind is not Kind.LABELS]


def test_models_that_failed_everywhere_are_no_error() -> None:
    of = task(80)
    made = evidence(of, said(of, coins(80, 0.5, 1)), said(of, coins(80, 0.9, 1)))
    broken = column(of, "small", [Outcome.FAILED] * 80)
    found = diagnose(replace(made, greedy={**made.greedy, "small": broken}, lenient={"small": broken}))
    failed = found.signal("failed", "small")
    assert failed is not None and failed.interval.estimate == 1.0
    assert (
        ruling(found, Kind.FORMAT, "small") is UNMEASURED
        and ruling(found, Kind.NO_GAP, "small") is UNMEASURED
    )


def test_what_could_not_be_gathered_is_said_where_it_is_missed() -> None:
    made = replace(two(100, 0.5, 0.9), missing={"draws of small": "a recording has one answer only"})
    found = diagnose(made)
    for lever in ("vote", "best-of with a verifier", "DPO", "cascade"):
        assert found.advice(lever).why == "not measured: a recording has one answer only"
    assert found.advice("retrieve").why == "not measured"
    assert ruling(found, Kind.SEARCH, "small") is UNMEASURED
