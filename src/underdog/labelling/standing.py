"""What the labels given so far show: the verdict, its interval, and how many more labels would tell.

Until every disagreement is labelled, the bounds of `evidence.py` rule: they hold after every label and
whenever one stops, so looking on until it suits does not help. Once all are, the study's own verdict does
(`studies/verdict.py`), on the differences that the labels make. Each side errs with at most half of 1 -
confidence, on either way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log, sqrt

import numpy as np

from underdog.labelling.book import Label
from underdog.labelling.bound import Draws, Floats, residual_variance, stratified_total
from underdog.labelling.evidence import SPREAD_SHARE, Evidence, Rest, decided, fill
from underdog.labelling.pairs import Contest, Pair
from underdog.statistics import Paired, paired_difference, pairs_to_tell
from underdog.statistics.quantiles import normal_quantile, two_sided_z
from underdog.statistics.vectors import group_codes
from underdog.studies.verdict import TOLERATED_FAILURES, Kind, judge

_POWER = 0.8
# Fewer labels say nothing of rates, and neither do more while the margin is this near, in standard errors.
_FEWEST, _NEAR = 8, 1.0
# What betting pays beside the logarithm of the risk, for not knowing its best stakes beforehand.
_STAKES_PENALTY = 1.0
_VALUES = {Label.BETTER: 1, Label.WORSE: -1, Label.BOTH: 0, Label.NEITHER: 0}

Given = Sequence[tuple[Pair, Label]]


@dataclass(frozen=True)
class Standing:
    """Where the labels stand.

    `low` and `high` hold with `confidence` whenever one stops. `difference` is the unbiased estimate, None
    where nothing was scored. `disagreements` are the pairs that a label can decide, `labelled` those decided
    so far, `skipped` those that were left open: they count as harm at the low end and as help at the high
    one. `needed` is how many labels in all would most likely tell, None when even all of them would not; then
    `examples` says how many examples would, if any number would; `guessed` plans take the two to be equally
    good, since the labels do not say yet. `waiting` labels come after one that was taken back, and count once
    that is given again."""

    kind: Kind
    difference: float | None
    low: float | None
    high: float | None
    confidence: float
    margin: float
    n: int
    failed: int
    disagreements: int
    labelled: int
    skipped: int
    counts: Mapping[str, int]
    needed: int | None = None
    examples: int | None = None
    guessed: bool = False
    waiting: int = 0
    reason: str = ""

    @property
    def told(self) -> bool:
        return self.kind is not Kind.CANNOT_TELL

    @property
    def complete(self) -> bool:
        """Whether every disagreement was labelled, and none skipped."""
        return self.labelled == self.disagreements


def standing(contest: Contest, labels: Mapping[str, Label]) -> Standing:
    """The verdict on a contest from these labels, by item."""
    given = _prefix(contest, labels)
    values = [label for _, label in given]
    known = [one for one in given if one[1] is not Label.SKIP]
    scored = sum(not pair.failed for pair in contest.pairs)
    now = Standing(
        kind=Kind.CANNOT_TELL,
        difference=stratified_total(_draws(contest, known)) / scored if scored else None,
        low=None,
        high=None,
        confidence=contest.confidence,
        margin=contest.margin,
        n=scored,
        failed=len(contest.pairs) - scored,
        disagreements=len(contest.shown),
        labelled=len(known),
        skipped=len(given) - len(known),
        counts={str(label): values.count(label) for label in Label if label is not Label.UNDONE},
        waiting=sum(pair.item in labels for pair in contest.shown[len(given) :]),
    )
    failing = now.failed > TOLERATED_FAILURES * len(contest.pairs)
    if failing:
        return replace(now, reason=judge(_paired(contest, known), contest.margin).reason)
    if now.complete:
        return _complete(now, contest, known)
    ruled = _partial(now, contest, given)
    return ruled if ruled.told else _planned(ruled, contest, known)


def next_pair(contest: Contest, labels: Mapping[str, Label]) -> Pair | None:
    """The pair to show now: the first without a label, then the skipped ones; None when all are labelled."""
    for pair in contest.shown:
        if pair.item not in labels:
            return pair
    # The one whose skipping lies longest back, so that skipping again goes round.
    skipped = [item for item, label in labels.items() if label is Label.SKIP]
    return contest.pair_of[skipped[0]] if skipped else None


def _prefix(contest: Contest, labels: Mapping[str, Label]) -> Given:
    """The labels in the order of the draws, up to the first that is missing: bets are settled in turn."""
    given = []
    for pair in contest.shown:
        if pair.item not in labels:
            break
        given.append((pair, labels[pair.item]))
    return given


def _complete(now: Standing, contest: Contest, known: Given) -> Standing:
    """The study's own verdict, on the differences that the labels make."""
    paired = _paired(contest, known)
    verdict = judge(paired, contest.margin)
    done = replace(now, kind=verdict.kind, low=paired.low, high=paired.high, reason=verdict.reason)
    more = verdict.needed.total if verdict.needed is not None else None
    return replace(done, examples=more)


def _partial(now: Standing, contest: Contest, given: Given) -> Standing:
    """The verdict that no label that is still open could overturn, but with the stated risk."""
    if now.n == 0:
        return replace(now, reason="no pair was scored")
    for_arm, for_other = (_evidence(contest, given, sign) for sign in (1, -1))
    low, high = for_arm.low, -for_other.low
    kind = Kind.CANNOT_TELL
    if for_arm.above(0.0):
        kind = Kind.BEATS
    elif for_arm.above(-contest.margin):
        kind = Kind.RIVALS
    elif for_other.above(contest.margin):
        kind = Kind.FALLS_SHORT
    reason = "" if kind is not Kind.CANNOT_TELL else "what is labelled so far leaves it open"
    return replace(now, kind=kind, low=low, high=high, reason=reason)


def _evidence(contest: Contest, given: Given, sign: int) -> Evidence:
    """The labels seen from the arm's side (1) or from the other one's (-1)."""
    draws = _draws(contest, given, sign)
    scored = np.array([not pair.failed for pair in contest.pairs])
    place = {pair.item: number for number, pair in enumerate(p for p in contest.pairs if not p.failed)}
    known = np.zeros(int(scored.sum()))
    for (pair, _), value in zip(given, draws.values.tolist(), strict=True):
        known[place[pair.item]] = value
    rest = _rest(contest, given, sign)
    return Evidence(
        draws=draws,
        known=known,
        rest=replace(
            rest, places=np.array([place[contest.pairs[p].item] for p in rest.places], dtype=np.int64)
        ),
        codes=group_codes(contest.groups, scored),
        risk=(1.0 - contest.confidence) / 2,
    )


def _rest(contest: Contest, given: Given, sign: int = 1) -> Rest:
    """What is open, in places of `contest.pairs`: what can only harm first, then group by group."""
    done = {pair.item for pair, _ in given}
    place = {pair.item: number for number, pair in enumerate(contest.pairs)}
    left = [pair for pair in contest.shown if pair.item not in done]
    left.sort(key=lambda pair: (pair.low < 0 < pair.high, pair.example.group))
    down, up = (
        np.array([pair.low < 0 for pair in left], bool),
        np.array([pair.high > 0 for pair in left], bool),
    )
    places = np.array([place[pair.item] for pair in left], dtype=np.int64)
    return Rest(places, down, up) if sign > 0 else Rest(places, up, down)


def _draws(contest: Contest, given: Given, sign: int = 1) -> Draws:
    """The labels as values, mirrored for sign -1; what was skipped at its worst."""
    strata, homes = contest.strata
    values = [_VALUES.get(label, pair.low if sign > 0 else pair.high) for pair, label in given]
    homes_of = np.array([homes[pair.item] for pair, _ in given], dtype=np.int64)
    draws = Draws(strata, homes_of, np.array(values, dtype=np.float64))
    return draws if sign > 0 else draws.mirrored


def _paired(contest: Contest, known: Given, filled: Floats | float = 0.0) -> Paired:
    """The arms compared as the study compares them, on labels and what was filled in for the rest."""
    value = {pair.item: _VALUES[label] for pair, label in known}
    said = np.array([np.nan if pair.failed else value.get(pair.item, 0) for pair in contest.pairs]) + filled
    failed = np.isnan(said)
    arm, against = (np.where(failed, np.nan, (side > 0).astype(np.float64)) for side in (said, -said))
    return paired_difference(arm, against, contest.confidence, contest.groups)


def _planned(now: Standing, contest: Contest, known: Given) -> Standing:
    """The labels that would tell at the rates seen, with 80 % power; or else the examples that would.

    The bounds' squared reach is twice the logarithm of the risk times what is uncertain, of labels and of
    examples together; with every label given it is that of the study's interval.
    """
    draws = _draws(contest, known)
    total, spread = stratified_total(draws), stratified_total(decided(draws))
    size, count, variance = now.disagreements, len(known), residual_variance(draws)
    error = sqrt(size * (size - count) / count * variance) if count else size
    if count < _FEWEST or abs(total + contest.margin * now.n) < _NEAR * error:
        now, total = replace(now, guessed=True), 0.0
    rest = _rest(contest, known)
    spare = spread - float(np.count_nonzero(draws.values))
    filled = fill(rest, total - float(draws.values.sum()), spare, len(contest.pairs))
    whole = _paired(contest, known, filled)
    if whole.second_moment is None:
        return now
    far = abs(total + contest.margin * whole.n)
    of_examples = whole.n * whole.second_moment * whole.design_effect
    penalty = _STAKES_PENALTY - log((1.0 - contest.confidence) / 2 * (1.0 - SPREAD_SHARE))
    for needed in range(now.labelled + 1, size):
        of_labels = size * (size - needed) / needed * variance
        if sqrt(2 * penalty * (of_examples + of_labels)) + normal_quantile(_POWER) * sqrt(of_labels) <= far:
            return replace(now, needed=needed)
    if two_sided_z(contest.confidence) * sqrt(of_examples) <= far:
        return replace(now, needed=size)
    return replace(now, examples=pairs_to_tell(whole, contest.margin).total)
