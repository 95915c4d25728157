"""Is routing worth it on this table? Fit on a part, judge on the rest, and say "do not route" when it is not.

The order of it: what can be used of the table, questions held out, every router cross-validated on the
others, policies picked there (the best, and the cheapest that should stay within the margin), each judged
once on the questions held out, against the controls. What follows from it is `ruling.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from underdog.errors import DataError
from underdog.routing.controls import oracle, singles
from underdog.routing.crossvalidation import Pick, Tried, best, certifiable, tried
from underdog.routing.curve import KNOBS, chosen, known_mean, point, taken
from underdog.routing.embeddings import Embedding, Latent, Vectors, unit
from underdog.routing.folds import folds, held_out
from underdog.routing.judged import Bench, Judged
from underdog.routing.policy import Policy
from underdog.routing.routers import families
from underdog.routing.ruling import Advice, Contender, Goal, Ground, Ruling, faults, rule
from underdog.routing.seen import Asked, Fitted, Forecast, Router, Seen, described
from underdog.routing.table import OutcomeTable
from underdog.routing.usable import usable
from underdog.statistics.certificate import Candidate, certify
from underdog.statistics.vectors import Ints, group_codes

CATEGORY = "category table"


@dataclass(frozen=True)
class Options:
    """How `route` looks at a table.

    Attributes:
        margin: how much worse than the default a cheaper policy may be, in score.
        confidence: of intervals and of the certificate.
        test: the share of the questions held out to judge on.
        folds: for cross-validation within the others.
        seed: of the split and the folds.
        coverage: an answerer scored on a smaller share of the questions is left out.
        most: at most so many questions are cross-validated, as many judged, ten times as many learned from.
        routers: by name, with their settings; None tries all of `routers.families`.
        embedder: the name of the checkpoint or endpoint that made the vectors, when some are given.
    """

    margin: float = 0.02
    confidence: float = 0.95
    test: float = 0.3
    folds: int = 5
    seed: int = 0
    coverage: float = 0.9
    most: int = 20_000
    routers: Mapping[str, Sequence[Router]] | None = None
    embedder: str | None = None


@dataclass(frozen=True, eq=False)
class Split:
    """A table in two: questions to learn from and to judge on, as texts and as routers see them."""

    fit: OutcomeTable
    rest: OutcomeTable
    seen: Seen
    asked: Asked
    embedding: Embedding | None


def route(
    table: OutcomeTable,
    *,
    default: str | None = None,
    vectors: Vectors | None = None,
    options: Options | None = None,
) -> Advice:
    """Say whether routing pays on a table, and if it does, how.

    Args:
        default: the answerer to compare with and fall back on; None takes the best on the questions that are
            learned from.
        vectors: the questions as vectors, shape (n, d), from an embedder of yours; None embeds the texts
            offline, by TF-IDF and an SVD fitted on the questions that are learned from.

    Raises:
        DataError: the default is not in the table or never scored, or there are too few questions to split.
        ValueError: an option is outside its range.
    """
    options = options or Options()
    _check(options)
    given = usable(table, options.coverage, default)
    kept = None if vectors is None else unit(vectors)[given.rows]
    parts = split(given.table, options, kept, default)
    hearing = _Hearing(options, parts, given.notes)
    routers = options.routers or families(
        any(parts.fit.questions) or vectors is not None, parts.fit.categories is not None
    )
    why = hearing.nothing_to_gain() if routers else "neither texts nor categories are known"
    if why:
        return rule(hearing.ground, (), (), why)
    return hearing.advice(cross_validated(parts, routers, options))


def cross_validated(parts: Split, routers: Mapping[str, Sequence[Router]], options: Options) -> list[Tried]:
    """Every router's curve on the questions that are learned from, or on `options.most` of them."""
    fold = folds(parts.fit.groups, parts.fit.categories, options.folds, options.seed)
    some = _some(len(fold), options.most, options.seed)
    return tried(routers, parts.seen.rows(some), fold[some])


def judge(parts: Split, candidates: Sequence[Tried], options: Options) -> Advice:
    """The advice on a split table from curves that are known already."""
    return _Hearing(options, parts, ()).advice(candidates)


def split(
    table: OutcomeTable, options: Options, vectors: Vectors | None = None, default: str | None = None
) -> Split:
    """Hold questions out, embed all of them, and settle the default: all on the part that is learned from.

    Raises:
        DataError: there are too few groups of questions to hold some out.
    """
    test = held_out(table.groups, table.categories, options.test, options.seed)
    learned, judged = np.flatnonzero(~test), np.flatnonzero(test)
    learned = learned[_some(len(learned), 10 * options.most, options.seed)]
    judged = judged[_some(len(judged), options.most, options.seed)]
    fit, rest = table.rows(learned), table.rows(judged)
    if len(set(fit.groups)) < 2 or len(rest) < 2:
        raise DataError(
            f"the outcome table has {len(table)} questions in {len(set(table.groups))} groups: too few to "
            f"hold {options.test:.0%} of them out and learn from the others; ask more questions"
        )
    embedding: Embedding | None = None
    if vectors is not None:
        first, second = vectors[learned], vectors[judged]
    else:
        embedding = Latent.fit(fit.questions)
        first, second = embedding.embed(fit.questions), embedding.embed(rest.questions)
    seen = Seen.of(fit, first, None if default is None else fit.column(default))
    return Split(fit, rest, seen, Asked(second, rest.categories), embedding)


def _some(n: int, most: int, seed: int) -> Ints:
    """At most `most` of n places, drawn at random and ascending."""
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).permutation(n)[:most])


def picked(candidates: Sequence[Tried], margin: float, judged: int) -> list[tuple[Goal, Pick]]:
    """The policies to judge, for what: the best and the cheapest of all, and of the category table."""
    tables = [one for one in candidates if one.name == CATEGORY]
    found: dict[tuple[Goal, Router, float], tuple[Goal, Pick]] = {}
    for some in (candidates, tables):
        for goal, pick in ((Goal.BETTER, best(some)), (Goal.CHEAPER, certifiable(some, margin, judged))):
            if pick is not None:
                found.setdefault((goal, pick.router, pick.point.knob), (goal, pick))
    return list(found.values())


class _Hearing:
    """One split table: fits what was picked and judges it on the questions held out."""

    def __init__(self, options: Options, parts: Split, notes: tuple[str, ...]) -> None:
        self.options, self.parts = options, parts
        self.alone = singles(parts.fit, options.margin, parts.seen.default)
        self.bench = Bench(parts.rest, self.alone, options.confidence)
        self._known: dict[Router, tuple[Fitted, Forecast]] = {}
        self.ground = self._ground(notes)

    def _ground(self, notes: tuple[str, ...]) -> Ground:
        alone, bench = self.alone, self.bench
        default = bench.single("default", alone.default)
        spare, spared = None, None
        if alone.cheap != alone.default:
            spare = bench.single("cheapest within the margin", alone.cheap)
            spared = self.certificate(np.full(len(self.parts.rest), alone.cheap), self.options.confidence)
        best = [bench.single("best single", alone.best)] if alone.best != alone.default else []
        rows = [default, *best, *([spare] if spare else []), bench.chance(), bench.ceiling()]
        return Ground(
            default=default,
            spare=spare,
            spared=spared,
            margin=self.options.margin,
            confidence=self.options.confidence,
            seed=self.options.seed,
            learned=len(self.parts.fit),
            judged=len(self.parts.rest),
            controls=tuple(rows),
            notes=notes,
        )

    def nothing_to_gain(self) -> str:
        """Why no router could be better or cheaper than one answerer; empty when one could."""
        answerers, alone = self.parts.fit.answerers, self.alone
        if len(answerers) < 2:
            return f"{answerers[0]} is the only answerer, so there is nothing to choose between"
        top, _ = oracle(self.parts.fit)
        headroom = known_mean(top - self.parts.fit.scores[:, alone.default]) or 0.0
        cheaper = (alone.costs < alone.costs[alone.cheap]).any()
        if headroom > 0 or cheaper:
            return ""
        level = alone.scores[alone.default]
        if level in (0.0, 1.0):
            return f"every answerer is {'right' if level else 'wrong'} wherever {answerers[alone.default]} is"
        return f"no answerer is ever better than {answerers[alone.default]}, nor cheaper and good enough"

    def advice(self, candidates: Sequence[Tried]) -> Advice:
        """Policies picked by their cross-validated curves, each judged at its share of the risk."""
        picks = picked(candidates, self.options.margin, len(self.parts.rest))
        confidence = 1 - (1 - self.options.confidence) / max(len(picks), 1)
        contenders = [self.contender(goal, pick, confidence) for goal, pick in picks]
        return rule(self.ground, contenders, self.families(candidates))

    def contender(self, goal: Goal, pick: Pick, confidence: float) -> Contender:
        """What was picked for a goal, fitted on all that is learned from and judged."""
        rest, knob = self.parts.rest, pick.point.knob
        fitted, forecast = self._fit(pick.router)
        choice = chosen(forecast, knob)
        row = self.bench.policy(pick.name, f"{described(pick.router)} at {knob:g}", choice, confidence)
        certificate = self.certificate(choice, confidence)
        default = rest.scores[:, self.alone.default]
        relative = rest.costs / (self.bench.default_cost or 1.0)
        turns = [(one, chosen(forecast, one)) for one in KNOBS]
        return Contender(
            goal=goal,
            settings=str(pick.router),
            expected=pick.point,
            row=row,
            certificate=certificate,
            figures=self.bench.figures(taken(rest.scores, choice), taken(rest.costs, choice)),
            faults=faults(goal, row, certificate, self.ground),
            curve=tuple(point(k, taken(rest.scores, at), taken(relative, at), default) for k, at in turns),
            policy=self._policy(fitted, knob),
        )

    def families(self, candidates: Sequence[Tried]) -> list[Judged]:
        """Every family at its best cross-validated settings and knob, on the held-out questions."""
        rows = []
        for name in dict.fromkeys(one.name for one in candidates):
            pick = best(one for one in candidates if one.name == name)
            if pick is not None:
                choice = chosen(self._fit(pick.router)[1], pick.point.knob)
                about = f"{described(pick.router)} at {pick.point.knob:g}"
                rows.append(self.bench.policy(name, about, choice))
        return rows

    def certificate(self, choice: Ints, confidence: float) -> Ruling:
        """Whether a policy is certified not worse than the default by more than the margin."""
        rest = self.parts.rest
        first, second = taken(rest.scores, choice), rest.scores[:, self.alone.default]
        known = ~(np.isnan(first) | np.isnan(second))
        codes = group_codes(rest.groups, known)
        candidate = Candidate.from_differences("the policy", first[known] - second[known], codes)
        return certify([candidate], self.options.margin, confidence)

    def _fit(self, router: Router) -> tuple[Fitted, Forecast]:
        """A router fitted on all that is learned from, and what it expects of the held-out questions."""
        if router not in self._known:
            fitted = router.fit(self.parts.seen)
            self._known[router] = fitted, fitted.forecast(self.parts.asked)
        return self._known[router]

    def _policy(self, fitted: Fitted, knob: float) -> Policy:
        embedding = self.parts.embedding
        embedder = self.options.embedder if embedding is None else None
        return Policy(self.parts.fit.answerers, fitted, knob, embedding, embedder)


def _check(options: Options) -> None:
    for name in ("margin", "confidence", "test"):
        value = getattr(options, name)
        if not 0 < value < 1:
            raise ValueError(f"{name} must lie strictly between 0 and 1; got {value}")
    if options.folds < 2 or options.most < 2:
        raise ValueError(f"folds and most must be at least 2; got {options.folds} and {options.most}")
