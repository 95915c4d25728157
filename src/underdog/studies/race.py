"""The race on real examples: what `statistics/racing.py` asks for is measured, fitted levers fold by fold.

One unit of the race is a group of examples, with the mean of its scores and costs. A cascade without a
threshold starts one leg late: on every leg it keeps answers by the threshold that the legs before it suggest,
so it is never measured on what its threshold was chosen on (Dawid 1984, J R Stat Soc A 147:278), and no call
is made that the plain arms do not make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from underdog.answerer import Answerer
from underdog.example import Example
from underdog.levers.cascade import Cascade
from underdog.statistics import Fate, Finish, Leg, Race, Rules
from underdog.studies.cost import Unit, amount, shared_unit
from underdog.studies.crossfit import Entered, Lessons, in_order
from underdog.studies.fitting import needs_threshold, tuned_threshold
from underdog.studies.measure import Arm, Bench, Column, Floats
from underdog.trial import Trial

LARGE = "large"
_FIRST = ": first"
"""Suffix of a cascade's first rung, measured beside it for its confidence."""


@dataclass
class Book:
    """Every trial of the arms so far, by arm and example; what is in it is not measured again.

    `counted` are the keys of the calls that a race has been charged with.
    """

    bench: Bench
    kept: dict[str, dict[str, list[Trial]]] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)

    async def fill(self, arms: Mapping[str, Arm], examples: Sequence[Example], stage: str) -> None:
        """Measure the arms on those of the examples that they have not answered yet.

        Raises:
            BudgetSpent: the budget ended first.
        """
        missing: dict[tuple[str, ...], list[str]] = {}
        for name in arms:
            known = self.kept.setdefault(name, {})
            lacks = tuple(example.id for example in examples if example.id not in known)
            if lacks:
                missing.setdefault(lacks, []).append(name)
        for lacks, names in missing.items():
            wanted = set(lacks)
            asked = [example for example in examples if example.id in wanted]
            columns = await self.bench.measure({name: arms[name] for name in names}, asked, stage)
            for name, column in columns.items():
                for trial in column.trials:
                    self.kept[name].setdefault(trial.example, []).append(trial)

    def column(self, name: str, examples: Sequence[Example]) -> Column:
        """The arm's trials on those of the examples that it was measured on, in their order."""
        known = self.kept.get(name, {})
        ids = tuple(example.id for example in examples if example.id in known)
        return Column(name, ids, [trial for key in ids for trial in known[key]])


@dataclass(frozen=True)
class Entry:
    """An arm that races: as it was asked for, as it would be served, and as it answers fold by fold.

    Served, it is fitted on all that there is to learn from; as it races, never on the example it answers.
    """

    asked: Answerer
    served: Answerer
    entered: Entered

    @property
    def open(self) -> bool:
        """Whether its threshold is still to be found."""
        return needs_threshold(self.asked)


Watcher = Callable[[Column, Answerer], str | None]
"""Shown an arm and its trials so far, says why it must leave the race; None when it may stay."""


@dataclass
class Course:
    """One race over the examples of `lessons`: entries by name, the incumbent first, and `large` beside."""

    book: Book
    lessons: Lessons
    entries: Mapping[str, Entry]
    large: Answerer
    rules: Rules
    seed: int = 0
    family: int | None = None
    title: str = "race"
    watcher: Watcher | None = None
    unit: Unit | None = None

    def __post_init__(self) -> None:
        self.units = in_order(self.lessons.race, self.seed)
        self.race = Race(list(self.entries), len(self.units), self.rules, large=LARGE, family=self.family)

    async def run(self) -> Finish:
        """Race to the end.

        Raises:
            BudgetSpent: the budget ended first; recorded calls are found again when the study is.
        """
        while (leg := self.race.leg) is not None:
            await self._measure(leg)
            self._tell(leg)
            for name in leg.arms:
                if name != LARGE and (why := self._unfit(name)) is not None:
                    self.race.withdraw(name, why)
        return self.race.finish

    def examples(self, stop: int | None = None) -> list[Example]:
        """The examples of the first units, in the race's order."""
        return [example for unit in self.units[:stop] for example in unit]

    def threshold(self, name: str, stop: int | None = None) -> float | None:
        """What the first units suggest for an open cascade; None where even the safest threshold loses."""
        examples = self.examples(stop)
        first = self.book.column(name + _FIRST, examples)
        measured = set(first.examples)
        answered = [example for example in examples if example.id in measured]
        large = self.book.column(LARGE, answered)
        return tuned_threshold(first, large.scores(), self.rules.margin) if answered else None

    def served(self, name: str) -> Answerer:
        """The arm as it would be served, a threshold from the race."""
        entry = self.entries[name]
        if isinstance(entry.served, Cascade) and entry.open:
            return replace(entry.served, threshold=self.threshold(name))
        return entry.served

    def first_rung(self, name: str) -> Column | None:
        """The trials of an open cascade's first rung, which its thresholds are found on; None for others."""
        return self.book.column(name + _FIRST, self.examples()) if self.entries[name].open else None

    async def _measure(self, leg: Leg) -> None:
        arms: dict[str, Arm] = {LARGE: self.large}
        for name in leg.arms:
            entry = self.entries.get(name)
            if entry is None:
                continue
            if not entry.open:
                arms[name] = entry.entered
                continue
            arms[name + _FIRST] = entry.entered.changed(_first)
            if leg.start > 0:
                arms[name] = entry.entered.changed(_at(self.threshold(name, leg.start)))
        examples = [example for unit in self.units[leg.start : leg.stop] for example in unit]
        await self.book.fill(arms, examples, f"{self.title}: {leg.stop} of {len(self.units)}")

    def _tell(self, leg: Leg) -> None:
        here = self.units[leg.start : leg.stop]
        if self.unit is None:
            examples = self.examples(leg.stop)
            measured = (*leg.arms, *(name + _FIRST for name in leg.arms))
            self.unit = shared_unit([self.book.column(name, examples) for name in measured])
        scores = {name: self._by_unit(name, here, _score) for name in leg.arms}
        costs = {name: self._by_unit(name, here, self._cost) for name in leg.arms}
        self.race.tell(scores, costs, self._calls(leg))

    def _by_unit(
        self, name: str, units: Sequence[Sequence[Example]], value: Callable[[Trial], float]
    ) -> Floats:
        """The mean of a value over each unit's trials, NaN where none is known."""
        kept = self.book.kept.get(name, {})
        means = []
        for unit in units:
            known = [value(trial) for example in unit for trial in kept.get(example.id, ())]
            known = [one for one in known if not np.isnan(one)]
            means.append(sum(known) / len(known) if known else np.nan)
        return np.array(means)

    def _cost(self, trial: Trial) -> float:
        cost = None if self.unit is None else amount(trial.spend, self.unit)
        return np.nan if cost is None else cost

    def _calls(self, leg: Leg) -> dict[str, list[set[str]]]:
        """The calls behind each arm's answers, unit by unit; those of earlier races are free and left out."""
        kept, counted = self.book.kept, self.book.counted
        made: dict[str, list[set[str]]] = {}
        for name in leg.arms:
            measured = [kept.get(name, {}), kept.get(name + _FIRST, {})]
            made[name] = [
                {
                    key
                    for trials in measured
                    for example in unit
                    for trial in trials.get(example.id, ())
                    for key in trial.calls
                }
                - counted
                for unit in self.units[leg.start : leg.stop]
            ]
        counted.update(key for units in made.values() for keys in units for key in keys)
        return made

    def _unfit(self, name: str) -> str | None:
        """Why an arm cannot go on, if it cannot."""
        examples, entry = self.examples(self.race.at), self.entries[name]
        trials = self.book.column(name, examples).trials
        if trials and all(trial.score is None for trial in trials):
            return f"every answer failed: {trials[0].note}"
        if entry.open and np.isnan(self.book.column(name + _FIRST, examples).confidences()).all():
            return "its first rung states no confidence, so no threshold can be found"
        if self.watcher is None or not (column := self.book.column(name, examples)).trials:
            return None
        return self.watcher(column, entry.asked)


def why_stopped(finish: Finish, name: str) -> str:
    """Why an arm went no further than it did, in words; what was shown and what was only judged differ."""
    standing = finish.standings[name]
    rival = standing.rival
    words = {
        Fate.CHOSEN: f"chosen: {finish.claim.value}",
        Fate.WORSE: f"shown worse than {rival}",
        Fate.SHORT: "shown to fall short of large by more than the margin, and costs no less",
        Fate.DEAR: "costs no less than large",
        Fate.OVERTAKEN: f"not worth more calls: the choice would hardly fall on it; {rival} leads",
        Fate.WITHDRAWN: standing.note,
        Fate.UNDECIDED: f"{finish.chosen} is preferred",
    }
    return words[standing.fate]


def _first(lever: Answerer) -> Answerer:
    assert isinstance(lever, Cascade)
    return lever.small


def _at(threshold: float | None) -> Callable[[Answerer], Answerer]:
    def change(lever: Answerer) -> Answerer:
        assert isinstance(lever, Cascade)
        return replace(lever, threshold=threshold)

    return change


def _score(trial: Trial) -> float:
    return np.nan if trial.score is None else trial.score
