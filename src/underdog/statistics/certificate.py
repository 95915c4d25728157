"""Promises: "not worse than the large model by more than the margin, with this confidence".

Fixed-sequence Learn-then-Test (Angelopoulos et al., arXiv 2110.01052): the candidates come ordered from the
safest to the boldest, each is tested at the full level, and the first that fails ends it; the last that
passed is certified. Valid when the order, the margin and whatever the candidates were fitted on were settled
before these examples were looked at, and future requests come from where these came from. `confidence` is
that of the promise (one-sided).

Three tests, all exact at any n:
- 0/1 scores: upper Clopper-Pearson bound of the harm minus lower one of the help, half the risk each;
- 0/1 scores with `test="score"`: the unconditional score test of `unconditional.py`, which needs fewer
  examples, the more so the more often the plan helps;
- fractional scores or grouped examples: the betting e-value of `betting.py`, certified from 1/delta on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, log, sqrt
from typing import Literal, TypeAlias

import numpy as np

from underdog.statistics.betting import log_wealth
from underdog.statistics.intervals import clopper_pearson
from underdog.statistics.quantiles import beta_quantile, check_confidence, normal_quantile
from underdog.statistics.unconditional import noninferiority_bound, noninferiority_p, score_statistic
from underdog.statistics.vectors import (
    Floats,
    Groups,
    Ints,
    Scores,
    group_codes,
    group_sums,
    is_binary,
    same_length,
    score_vector,
)

Test: TypeAlias = Literal["clopper-pearson", "score"]
"""How 0/1 scores are tested; fractional scores and grouped examples are always tested by betting."""

_MOST = 10_000_000
# What the exact score test asks beyond its normal limit, in standard deviations.
_EXACTNESS = 0.12


@dataclass(frozen=True, slots=True)
class Candidate:
    """A threshold (or plan) to certify: its label and what it did on the certify split.

    `tally` holds (summed difference plan minus large, number of examples, how many groups were so) when
    scores are fractional or examples share groups; None when they are 0/1 and help and harm say it all.
    """

    label: str
    n: int
    helps: int
    harms: int
    tally: tuple[tuple[float, int, int], ...] | None = None

    @classmethod
    def from_scores(cls, label: str, plan: Scores, large: Scores, groups: Groups | None = None) -> Candidate:
        """From two score vectors, shape (n,). A pair with a None counts as full harm.

        A promise cannot rest on leaving out what broke. Within groups examples keep equal weight; the
        largest group's size is taken as the known bound on group sizes.
        """
        same_length(plan, large)
        first, second = score_vector(plan), score_vector(large)
        d = np.where(np.isnan(first) | np.isnan(second), -1.0, first - second)
        return cls.from_differences(label, d, group_codes(groups, np.ones(len(d), dtype=np.bool_)))

    @classmethod
    def from_differences(cls, label: str, d: Floats, codes: Ints | None = None) -> Candidate:
        """From differences plan minus large in [-1, 1], shape (n,), and the number of each one's group."""
        helps, harms = int((d > 1e-12).sum()), int((d < -1e-12).sum())
        if codes is None and is_binary(np.abs(d)):
            return cls(label, len(d), helps, harms)
        rows, counts = np.unique(np.stack(group_sums(d, codes), axis=1), axis=0, return_counts=True)
        tally = tuple((float(s), int(m), int(c)) for (s, m), c in zip(rows, counts, strict=True))
        return cls(label, len(d), helps, harms, tally)

    @property
    def mirrored(self) -> Candidate:
        """The same pairs with the two answerers exchanged."""
        tally = self.tally and tuple((-total, size, count) for total, size, count in self.tally)
        return Candidate(self.label, self.n, self.harms, self.helps, tally)


@dataclass(frozen=True, slots=True)
class Step:
    """One test of the sequence: how much worse the candidate may be at this confidence, and the ruling."""

    label: str
    bound: float
    passed: bool


@dataclass(frozen=True, slots=True)
class Certificate:
    """The boldest candidate that passed. Its promise is the margin; `bound` is what it showed alone.

    `next_needed` is how many examples the next bolder candidate would have needed, None when there is no
    bolder one or when no number would do at the rates seen.
    """

    label: str
    index: int
    n: int
    helps: int
    harms: int
    margin: float
    confidence: float
    bound: float
    method: str
    steps: tuple[Step, ...]
    next_needed: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """No certificate. `needed` is the total number of examples that would give one in four of five draws.

    It assumes that help and harm stay at the rates seen, and is None when no number would do.
    """

    reason: str
    needed: int | None
    n: int
    margin: float
    confidence: float
    steps: tuple[Step, ...] = ()


def certify(
    candidates: Sequence[Candidate],
    margin: float,
    confidence: float = 0.95,
    test: Test = "clopper-pearson",
) -> Certificate | Refusal:
    """Certify the boldest of `candidates`, ordered from safest to boldest, or refuse and name the number.

    `test` is settled before the examples are looked at, as the order is.

    Raises:
        ValueError: the margin is not in (0, 1), or there is no candidate.
    """
    _check_margin(margin)
    check_confidence(confidence)
    if not candidates:
        raise ValueError("certify needs at least one candidate, ordered from safest to boldest")
    steps: list[Step] = []
    for candidate in candidates:
        steps.append(_step(candidate, margin, confidence, test))
        if not steps[-1].passed:
            break
    passed = sum(step.passed for step in steps)
    stopped = candidates[passed] if passed < len(candidates) else None
    needed = None if stopped is None else _needed(stopped, margin, confidence, test)
    if passed == 0:
        return _refuse(candidates[0], (margin, confidence, test), needed, tuple(steps))
    best = candidates[passed - 1]
    return Certificate(
        label=best.label,
        index=passed - 1,
        n=best.n,
        helps=best.helps,
        harms=best.harms,
        margin=margin,
        confidence=confidence,
        bound=steps[passed - 1].bound,
        method="betting e-value" if best.tally is not None else _METHODS[test],
        steps=tuple(steps),
        next_needed=needed,
    )


_METHODS: dict[Test, str] = {
    "clopper-pearson": "clopper-pearson difference",
    "score": "exact unconditional score test",
}


def _step(candidate: Candidate, margin: float, confidence: float, test: Test) -> Step:
    if test == "clopper-pearson" or candidate.tally is not None or candidate.n == 0:
        bound = worst_case(candidate, confidence)
        return Step(candidate.label, bound, bound < margin)
    counts = (candidate.helps, candidate.harms, candidate.n)
    passed = noninferiority_p(*counts, margin) <= 1.0 - confidence
    bound = noninferiority_bound(*counts, confidence)
    return Step(candidate.label, min(bound, margin) if passed else bound, passed)


def _needed(candidate: Candidate, margin: float, confidence: float, test: Test) -> int | None:
    if candidate.n == 0:
        return fewest_pairs(margin, confidence, test)
    if test == "score" and candidate.tally is None:
        return _fewest_with(_score_passes, candidate, margin, confidence, 0.8)
    return certificate_pairs(candidate, margin, confidence)


def worst_case(candidate: Candidate, confidence: float = 0.95) -> float:
    """How far below the large model the candidate's mean may lie at this confidence (one-sided); at most 1.

    Negative when it is surely better.
    """
    if candidate.n == 0:
        return 1.0
    if candidate.tally is None:
        risk = 1.0 - (1.0 - check_confidence(confidence)) / 2
        harm = clopper_pearson(candidate.harms, candidate.n, risk, "upper").high or 0.0
        help_ = clopper_pearson(candidate.helps, candidate.n, risk, "lower").low or 0.0
        return harm - help_
    evidence, needed = _evidence(candidate.tally), -log(1.0 - check_confidence(confidence))
    low, high = -1.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if evidence(middle, 1.0) >= needed else (middle, high)
    return high


def fewest_pairs(margin: float, confidence: float = 0.95, test: Test = "clopper-pearson") -> int:
    """The least n that can certify 0/1 scores when nothing differs.

    At 95 % about 3.7 / margin, by the score test about 3.0 / margin.
    """
    risk = 1.0 - check_confidence(confidence)
    if test == "score":
        n = ceil(log(risk) / log(1.0 - _check_margin(margin)))
        while noninferiority_p(0, 0, n, margin) > risk:
            n += 1
        return n
    risk /= 2
    n = ceil(log(risk) / log(1.0 - _check_margin(margin)))
    return n + 1 if 1.0 - risk ** (1.0 / n) >= margin else n


def certifiable(
    rates: tuple[float, float],
    n: int,
    margin: float,
    confidence: float = 0.95,
    test: Test = "clopper-pearson",
) -> bool:
    """Whether n examples are more likely than not to certify a plan that helps and harms at these rates."""
    many = 1_000_000
    candidate = Candidate("", many, round(rates[0] * many), round(rates[1] * many))
    passes = _score_passes if test == "score" else _exact_passes
    return passes(candidate, _check_margin(margin), 1.0 - check_confidence(confidence), 0.0)(n)


def certificate_pairs(
    candidate: Candidate, margin: float, confidence: float = 0.95, power: float = 0.8
) -> int | None:
    """The number of examples at which the candidate would be certified with this power.

    At the rates of help and harm seen; None when no number up to ten million would do. With no
    differences seen the rates are taken at their word and it is the least number that can certify. A
    negative margin asks for proof that the plan is better by that much.
    """
    if candidate.n == 0:
        return fewest_pairs(margin, confidence)
    passes = _exact_passes if candidate.tally is None else _betting_passes
    return _fewest_with(passes, candidate, margin, confidence, power)


Passes: TypeAlias = Callable[[Candidate, float, float, float], Callable[[int], bool]]


def _fewest_with(
    passes: Passes, candidate: Candidate, margin: float, confidence: float, power: float
) -> int | None:
    enough = passes(candidate, margin, 1.0 - check_confidence(confidence), normal_quantile(power))
    if not enough(_MOST):
        return None
    low, high = 0, 1
    while not enough(high):
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _exact_passes(candidate: Candidate, margin: float, risk: float, z: float) -> Callable[[int], bool]:
    harm, help_ = candidate.harms / candidate.n, candidate.helps / candidate.n
    spread = z * sqrt(harm + help_ - (harm - help_) ** 2)

    def enough(n: int) -> bool:
        upper = beta_quantile(1.0 - risk / 2, harm * n + 1, n - harm * n) if harm < 1 else 1.0
        lower = beta_quantile(risk / 2, help_ * n, n - help_ * n + 1) if help_ > 0 else 0.0
        return upper - lower + spread / sqrt(n) < margin

    return enough


def _score_passes(candidate: Candidate, margin: float, risk: float, z: float) -> Callable[[int], bool]:
    """By the normal limit of the score test, with an allowance for its exactness; zero harm exactly."""
    harm, help_ = candidate.harms / candidate.n, candidate.helps / candidate.n
    per_item = float(score_statistic(np.array(help_), np.array(harm), 1, margin))
    lucky = sqrt(harm + help_ - (harm - help_) ** 2) / max(harm + help_, margin - margin**2) ** 0.5
    limit = normal_quantile(1.0 - risk) + _EXACTNESS + z * lucky
    least = log(risk * 0.99) / log(1.0 - margin)
    return lambda n: n >= least and per_item * sqrt(n) <= -limit


def _betting_passes(candidate: Candidate, margin: float, risk: float, z: float) -> Callable[[int], bool]:
    tally = candidate.tally or ()
    evidence = _evidence(tally)
    mean = sum(total * count for total, _, count in tally) / candidate.n
    squares = sum(count * (total - mean * size) ** 2 for total, size, count in tally)
    spread = z * sqrt(squares / candidate.n)

    def enough(n: int) -> bool:
        shifted = margin - spread / sqrt(n)
        return shifted > -1.0 and evidence(shifted, n / candidate.n) >= -log(risk)

    return enough


def _evidence(tally: Sequence[tuple[float, int, int]]) -> Callable[[float, float], float]:
    """Log evidence that the loss is below a margin, were all counts multiplied by a factor."""
    sums, sizes, counts = (np.array(column, dtype=np.float64) for column in zip(*tally, strict=True))
    largest = sizes.max()

    def evidence(margin: float, factor: float) -> float:
        values = (sums + margin * sizes) / largest - margin
        return float(log_wealth(-margin, values, counts * factor))

    return evidence


def _refuse(
    first: Candidate,
    promise: tuple[float, float, Test],
    needed: int | None,
    steps: tuple[Step, ...],
) -> Refusal:
    margin, confidence, test = promise
    if first.n == 0:
        least = fewest_pairs(margin, confidence, test)
        reason = f"there are no examples to certify on; a margin of {margin:g} takes at least {least}"
    elif needed is None:
        reason = (
            f"{first.label} helped {first.helps} and harmed {first.harms} of {first.n}: at these rates no"
            f" number of examples would certify a margin of {margin:g}"
        )
    else:
        reason = (
            f"{first.label} helped {first.helps} and harmed {first.harms} of {first.n}, so it may be worse"
            f" by {steps[0].bound:.3f}; at these rates a margin of {margin:g} takes about {needed} examples"
        )
    return Refusal(reason, needed, first.n, margin, confidence, steps)


def _check_margin(margin: float) -> float:
    if not 0.0 < margin < 1.0:
        raise ValueError(f"the margin must lie strictly between 0 and 1, for example 0.03; got {margin}")
    return margin
