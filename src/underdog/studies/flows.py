"""The two ways through a study: arms race on tune and one goes on, or the whole set is test.

Each says beforehand what it will measure at most, and then does it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from underdog.answerer import Answerer, Model
from underdog.budget import Purse
from underdog.errors import StudyError
from underdog.levers.few_shot import FewShot
from underdog.levers.ladder import Ladder
from underdog.levers.learner import inside, learns, unfitted
from underdog.statistics import Rules
from underdog.studies.certifying import Ruling, certify_steps, certify_threshold, certify_whole
from underdog.studies.crossfit import lessons
from underdog.studies.findings import Arm, Point, Round, arms_of
from underdog.studies.fitting import needs_threshold, teachable
from underdog.studies.forecast import Forecast, Work
from underdog.studies.frontier import frontier
from underdog.studies.judging import Judged, judge_test
from underdog.studies.learning import School
from underdog.studies.limits import needs, size
from underdog.studies.measure import Bench
from underdog.studies.race import LARGE, Book, Watcher
from underdog.studies.rounds import Advised, Campaign, Terms, campaign, possible
from underdog.studies.spec import Spec
from underdog.trial import Spend

Foresee: TypeAlias = Callable[[Sequence[Work]], Forecast]


@dataclass(frozen=True)
class Ground:
    """What a study stands on beside its spec and bench: the budget, forecasts, and a diagnosis' advice."""

    purse: Purse
    foresee: Foresee
    advice: Sequence[Advised] = ()


@dataclass(frozen=True)
class Raced:
    """What the races of a study came to, as its findings keep it; empty where the whole set is test."""

    ladder: Sequence[Arm] = field(default_factory=list)
    rounds: Sequence[Round] = ()
    ended: str = ""
    dropped: Mapping[str, str] = field(default_factory=dict)
    folds: int = 0
    frontier: Sequence[Point] = ()


class Split:
    """Arms race on tune; certify and test each have their own examples, whatever their number."""

    def __init__(self, spec: Spec, bench: Bench, ground: Ground) -> None:
        self.spec, self.bench, self.ground = spec, bench, ground
        self.lessons = lessons(spec.task, taught=bool(bench.upfront.parts or spec.makings))
        self.certify, self.test = spec.task.split("certify"), spec.task.split("test")
        if not self.test or not self.lessons.race:
            raise StudyError(
                f"{spec.name}: {len(spec.task.examples)} examples leave tune {len(self.lessons.race)} and "
                f"test {len(self.test)}; both need some: bring more, or set `splits: test`"
            )

    def work(self) -> list[Work]:
        """An upper bound: what is wrapped, certified and judged is known only after the race."""
        first = {**self.spec.baselines, **self.spec.levers}
        later, pools = possible(self.spec), self._pools()
        if self.lessons.folds:  # what is learned from is raced on too, and is measured then
            first = {name: arm for name, arm in first.items() if not (learns(arm) or arm in pools)}
        rounds = [self._raced(first, least=True), self._raced(later)] if later else [self._raced(first, True)]
        return [*self._learned(pools), *rounds, *self._judged({**self.spec.levers, **later})]

    def _pools(self) -> list[Answerer]:
        """Whose outcomes the study's levers learn from, each once."""
        learners = (one for lever in self.spec.levers.values() for one in unfitted(lever))
        return list(dict.fromkeys(member for one in learners for member in one.pool))

    def _learned(self, pools: Sequence[Answerer]) -> list[Work]:
        """The pools on what is learned from; one that learns itself is fitted anew for every fold."""
        anew = [member for member in pools if teachable(member)]
        plain = [member for member in pools if member not in anew]
        times = {1: plain, 1 + self.lessons.count: anew} if self.lessons.folds else {1: pools}
        return [
            Work(dict(zip(map(str, range(len(some))), some, strict=True)), self.lessons.learn, most=count)
            for count, some in times.items()
            if some
        ]

    def _raced(self, arms: Mapping[str, Answerer], least: bool = False) -> Work:
        """A race's share of the calls, and its first leg."""
        rules, race = self._rules(), self.lessons.race
        groups = len({example.group for example in race})
        first = min(1.0, rules.first / groups)
        most = max(first, rules.share, min(1.0, rules.floor / groups))
        return Work(arms, race, most=most, least=first if least else 0.0)

    def _judged(self, arms: Mapping[str, Answerer]) -> list[Work]:
        models = self.spec.baselines
        two = {name: models[name] for name in ("small", "large")}
        return [Work(two, self.certify, arms), Work(models, self.test, arms)]

    def _rules(self) -> Rules:
        return Rules(self.spec.margin, self.spec.confidence, pairs=len(self.certify) or None)

    async def go(self) -> tuple[Raced, Judged]:
        spec, bench = self.spec, self.bench
        book = Book(bench)
        school = School(spec, book, len(self.certify))
        watcher = self._watcher(book)
        terms = Terms(spec, self._rules(), school, self.ground.advice, watcher, self._affords)
        told = await campaign(terms, self.lessons)
        winner = told.winner
        plan, certificate = await self._certified(told, school)
        judged = await judge_test(spec, bench, self.test, {winner: plan}, certificate, self.lessons.seen)
        return _raced(spec, told), judged

    def _affords(self, arms: Mapping[str, Answerer]) -> bool:
        """Whether the budget has room for a round with these arms and for what must follow it."""
        if not self.ground.purse.budget.limited:
            return True
        expected = self.ground.foresee([self._raced(arms), *self._judged(arms)])
        spend = Spend(tokens_in=expected.tokens, dollars=expected.dollars)
        return self.ground.purse.has_room(spend, expected.seconds)

    def _watcher(self, book: Book) -> Watcher | None:
        """Says when an arm breaks the limits that the study sets, if it sets any."""
        spec = self.spec
        if not spec.limits.any:
            return None
        return lambda column, arm: spec.limits.broken(needs(column, arm, _sizes(spec, book)))

    async def _certified(self, told: Campaign, school: School) -> tuple[Answerer, Ruling]:
        """The winner's certificate from the certify split; fitted thresholds are settled by it."""
        spec, bench, winner = self.spec, self.bench, told.winner
        plan, asked = told.served(winner), told.course(winner).entries[winner].asked
        if isinstance(plan, Ladder) and isinstance(asked, Ladder) and asked.unfitted:
            steps = plan.at((await school.experience(asked, self.lessons.learn)).cascade)
            return await certify_steps(spec, bench, winner, plan, steps, self.certify)
        first = told.course(winner).first_rung(winner)
        if first is not None:
            return await certify_threshold(spec, bench, winner, plan, first, self.certify)
        return plan, await certify_whole(spec, bench, winner, plan, self.certify)


class Whole:
    """Nothing is fitted, so all of it may be test; the verdict is corrected for the arms looked at."""

    def __init__(self, spec: Spec, bench: Bench) -> None:
        self.spec, self.bench = spec, bench
        for name, lever in spec.levers.items():
            if needs_threshold(lever) or any(_asks_to_fit(part) or learns(part) for part in inside(lever)):
                raise StudyError(
                    f"{spec.name}: lever {name!r} must be fitted and `splits: test` leaves nothing for it; "
                    "give what it would learn (its threshold, its router), or let the task be split"
                )
        self.test = spec.task.examples

    def work(self) -> list[Work]:
        return [Work({**self.spec.baselines, **self.spec.levers}, self.test)]

    async def go(self) -> tuple[Raced, Judged]:
        spec = self.spec
        arms = dict(spec.levers) or {"small": spec.read("small")}
        return Raced(), await judge_test(spec, self.bench, self.test, arms, None, ())


def _raced(spec: Spec, told: Campaign) -> Raced:
    """The races as findings keep them; every arm by as many examples as it was measured on."""
    course = told.courses[-1]
    examples = course.examples()
    columns = {name: told.book.column(name, examples) for name in told.names}
    never = {name: told.stopped[name] for name, column in columns.items() if not column.trials}
    columns = {name: column for name, column in columns.items() if name not in never}
    plans = {name: told.served(name) if name != LARGE else spec.read(LARGE) for name in columns}
    ladder = [
        replace(arm, stopped=told.stopped.get(arm.name, ""))
        for arm in arms_of(columns, examples, plans, course.unit, spec.confidence)
    ]
    found = _sizes(spec, told.book)
    needed = {name: needs(column, plans[name], found) for name, column in columns.items()}
    return Raced(
        ladder,
        told.rounds,
        told.ended,
        told.dropped | never,
        told.lessons.count,
        frontier(ladder, needed),
    )


def _sizes(spec: Spec, book: Book) -> dict[Model, float | None]:
    """The parameters of the study's models, by what they computed so far."""
    totals = {
        name: [t.spend for trials in book.kept.get(name, {}).values() for t in trials] for name in spec.models
    }
    return {
        model: size(sum(totals[name], Spend())) if totals[name] else None
        for name, model in spec.models.items()
    }


def _asks_to_fit(lever: Answerer) -> bool:
    return any(isinstance(part, FewShot) and not part.ready for part in inside(lever))
