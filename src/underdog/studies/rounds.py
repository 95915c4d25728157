"""Rounds of races: the first tries the usual levers, each later one wraps what the one before it chose.

The levers that a study names are raced as they are, in one round. How sure a claim is holds over all rounds:
each has its share of the risk, and since what a later round wraps was chosen on the same examples, every arm
that it might have wrapped counts as raced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from underdog.answerer import Answerer
from underdog.errors import Declined, StudyError
from underdog.plan import dump, models_of
from underdog.statistics import Claim, Fate, Finish, Rules, bonferroni
from underdog.studies.crossfit import Lessons
from underdog.studies.findings import Round
from underdog.studies.learning import School
from underdog.studies.race import LARGE, Book, Course, Entry, Watcher, why_stopped
from underdog.studies.spec import Spec
from underdog.studies.usual import MOST_WRAPS, wraps_of

MOST_ROUNDS = 3


class Advised(Protocol):
    """What a diagnosis says of a lever; `names` are what it is called in study files."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def worth_trying(self) -> bool: ...

    @property
    def why(self) -> str: ...


@dataclass
class Campaign:
    """All rounds of a study: what raced, what came of it, and why it ended there.

    `dropped` are levers that were not raced, with the reason; `stopped` says of each arm why it went no
    further.
    """

    lessons: Lessons
    book: Book
    rounds: list[Round] = field(default_factory=list)
    courses: list[Course] = field(default_factory=list)
    dropped: dict[str, str] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    ended: str = ""

    @property
    def winner(self) -> str:
        return self.rounds[-1].chosen

    @property
    def names(self) -> list[str]:
        """Every arm that raced, in the order in which they did, and the large model."""
        raced = [name for course in self.courses for name in course.entries]
        return list(dict.fromkeys([*raced, LARGE]))

    def course(self, name: str) -> Course:
        """The last race that an arm ran in."""
        return next(course for course in reversed(self.courses) if name in course.entries)

    def served(self, name: str) -> Answerer:
        """An arm as it would be served."""
        return self.course(name).served(name)


@dataclass(frozen=True)
class Terms:
    """What the rounds of a study go by.

    `affords` says whether the budget has room for a round with these arms and for what must follow it.
    """

    spec: Spec
    rules: Rules
    school: School
    advice: Sequence[Advised] = ()
    watcher: Watcher | None = None
    affords: Callable[[Mapping[str, Answerer]], bool] = lambda arms: True


async def campaign(terms: Terms, lessons: Lessons) -> Campaign:
    """Race round after round, until the goal is met, nothing helps, nothing is left to wrap or no budget is.

    Raises:
        BudgetSpent: the budget ended within a race; recorded calls are found again.
    """
    spec, book = terms.spec, terms.school.book
    most = 1 if spec.named else MOST_ROUNDS
    rules = replace(terms.rules, confidence=bonferroni(terms.rules.confidence, most))
    told = Campaign(lessons, book)
    arms = {**_others(spec), **_first_round(terms, told)}
    # What was dropped may have been dropped by what it did on the same examples: it counts as raced.
    incumbent, family = "small", 1 + len(arms) + len(told.dropped)
    standing = await _entries(terms, told, {"small": spec.read("small")})
    while not told.ended:
        entries = {incumbent: standing[incumbent]}
        entries |= await _entries(terms, told, arms)
        number = len(told.rounds) + 1
        course = Course(
            book, lessons, entries, spec.read(LARGE), rules, spec.seed, family,
            f"race {number}" if most > 1 else "race", terms.watcher,
        )  # fmt: skip
        finish = await course.run()
        _insist(spec, finish)
        _keep(told, course, finish, incumbent)
        standing |= entries
        arms = wraps(finish.chosen, {name: one.asked for name, one in standing.items()}, spec)
        family = len(standing) * (1 + MOST_WRAPS)
        told.ended = _ended(terms, finish, incumbent, number == most, arms)
        incumbent = finish.chosen
    return told


async def _entries(terms: Terms, told: Campaign, arms: Mapping[str, Answerer]) -> dict[str, Entry]:
    """The arms as they race; those that what there is to learn from does not speak for are dropped."""
    entries = {}
    for name, lever in arms.items():
        try:
            entries[name] = await terms.school.entry(lever, told.lessons)
        except Declined as declined:
            told.dropped[name] = str(declined)
    return entries


def wraps(chosen: str, arms: Mapping[str, Answerer], spec: Spec) -> dict[str, Answerer]:
    """The levers around a chosen arm that have not raced yet; around what asks the large model, nothing."""
    if spec.models[LARGE] in models_of(arms[chosen]):
        return {}
    new = wraps_of(chosen, arms[chosen], spec.read(LARGE), spec.offers)
    return {name: lever for name, lever in new.items() if lever not in arms.values()}


def possible(spec: Spec) -> dict[str, Answerer]:
    """Every arm that later rounds might race, for a forecast: wraps of the first round's, and of those."""
    if spec.named:
        return {}
    known: dict[str, Answerer] = {"small": spec.read("small"), **_others(spec), **spec.levers}
    found: dict[str, Answerer] = {}
    edge = list(known)
    for _ in range(MOST_ROUNDS - 1):
        new = {name: lever for one in edge for name, lever in wraps(one, known, spec).items()}
        found |= new
        known |= new
        edge = list(new)
    return found


def _others(spec: Spec) -> dict[str, Answerer]:
    return {name: arm for name, arm in spec.baselines.items() if name not in ("small", LARGE)}


def _first_round(terms: Terms, told: Campaign) -> dict[str, Answerer]:
    """The first round's levers: as named, else the usual ones as a diagnosis orders and drops them."""
    levers = dict(terms.spec.levers)
    if terms.spec.named:
        return levers
    kinds = {name: dump(lever)["lever"] for name, lever in levers.items()}
    order = {name: place for place, one in enumerate(terms.advice) for name in one.names}
    for one in terms.advice:
        for name in [name for name, kind in kinds.items() if kind in one.names and not one.worth_trying]:
            told.dropped[name] = one.why
    kept = [name for name in levers if name not in told.dropped]
    kept.sort(key=lambda name: order.get(kinds[name], len(order)))
    return {name: levers[name] for name in kept}


def _insist(spec: Spec, finish: Finish) -> None:
    """Raises StudyError when not even the arm that is left may be served."""
    if finish.standings[finish.chosen].fate is Fate.WITHDRAWN:
        reasons = {s.arm: s.note for s in finish.standings.values() if s.fate is Fate.WITHDRAWN}
        listed = "; ".join(f"{arm}: {note}" for arm, note in reasons.items())
        raise StudyError(
            f"{spec.name}: no arm may be served ({listed}); loosen `limits` or name other levers"
        )


def _keep(told: Campaign, course: Course, finish: Finish, incumbent: str) -> None:
    told.courses.append(course)
    told.rounds.append(
        Round(
            number=len(told.rounds) + 1,
            incumbent=incumbent,
            arms=list(course.entries),
            chosen=finish.chosen,
            claim=finish.claim.value,
            units=finish.units,
            of=len(course.units),
            calls=round(finish.spent),
            grid=round(finish.grid),
        )
    )
    for name in course.entries:
        # What an earlier round showed of the incumbent still stands where this one showed nothing.
        if name not in told.stopped or name != finish.chosen or finish.claim is not Claim.NOTHING:
            told.stopped[name] = why_stopped(finish, name)


def _ended(terms: Terms, finish: Finish, incumbent: str, last: bool, arms: Mapping[str, Answerer]) -> str:
    """Why there is no further round; empty when there is one."""
    if finish.claim is Claim.GOOD_ENOUGH:
        return f"{finish.chosen} is shown to be {finish.claim.value}"
    if terms.spec.named:
        return "every lever that the study names has raced"
    if finish.chosen == incumbent:
        return f"nothing that was tried was preferred to {incumbent}"
    if not arms:
        return f"there is nothing left to wrap around {finish.chosen}"
    if last:
        return f"{MOST_ROUNDS} rounds are the most that are raced"
    if not terms.affords(arms):
        return "the budget has no room for another round and what must follow it"
    return ""
