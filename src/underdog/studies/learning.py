"""Fitting levers inside a study: what their members did is measured, and learned from.

The calls are the study's own, through its bench: what other arms ask as well is asked once. A member that is
itself fitted on examples never answers one that it was fitted on: it learns from one half of the examples and
answers the other (stacking: Wolpert 1992, Neural Networks 5:241). Which examples those are is not decided
here (`crossfit.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from underdog.answerer import Answerer, Model, digest
from underdog.errors import ContractError, Declined, StudyError
from underdog.example import Example
from underdog.levers.asked import asked_text
from underdog.levers.learner import Learner, changed, unfitted
from underdog.plan import dump
from underdog.routing.experience import Experience
from underdog.routing.planner import Aim
from underdog.studies.certifying import TEST
from underdog.studies.crossfit import Entered, Lessons, in_order
from underdog.studies.fitting import fitted, teachable
from underdog.studies.measure import Column
from underdog.studies.outcomes import cells, outcome_table
from underdog.studies.race import Book, Entry
from underdog.studies.spec import Spec
from underdog.trial import Trial

STAGE = "learn"


@dataclass
class School:
    """Where levers are fitted: the study, what was measured so far, and how many labels will certify."""

    spec: Spec
    book: Book
    labels: int
    _experiences: dict[tuple[Learner, tuple[str, ...]], Experience] = field(default_factory=dict)

    async def entry(self, asked: Answerer, lessons: Lessons) -> Entry:
        """An arm as it races and as it would be served; fits what is to be fitted.

        Raises:
            Declined: what there is to learn from does not speak for it.
            StudyError: there are too few examples for what it wants to learn.
            BudgetSpent: the budget ended first.
        """
        served = await self.fitted(asked, lessons.learn)
        if not lessons.folds or served == asked:
            return Entry(asked, served, Entered((served,)))
        by_fold = [await self.fitted(asked, others, spare=True) for others in lessons.others()]
        return Entry(asked, served, Entered(tuple(by_fold), lessons.folds))

    async def fitted(self, answerer: Answerer, examples: Sequence[Example], spare: bool = False) -> Answerer:
        """The answerer with every part of it fitted on these examples.

        With `spare` a part that the examples do not speak for is replaced by the safest of its pool.

        Raises:
            Declined: a part was not worth fitting, and there is no `spare`.
        """
        while (part := next(unfitted(answerer), None)) is not None:
            learned: Answerer
            try:
                learned = part.fit_on(await self.experience(part, examples))
            except Declined:
                if not spare:
                    raise
                learned = part.pool[-1]
            if learned == part:
                raise ContractError(f"{type(part).__name__}.fit_on must return a fitted lever or decline")
            answerer = changed(answerer, _swap(part, learned))
        return fitted(answerer, self.spec.task, examples)

    async def experience(self, lever: Learner, examples: Sequence[Example]) -> Experience:
        """What the lever's pool did on these examples.

        Raises:
            Declined: they are too few.
            StudyError: the pool names a member twice.
        """
        if len(set(lever.pool)) < len(lever.pool):
            raise StudyError(
                f"{self.spec.name}: a {type(lever).__name__.lower()} that is to be fitted must name every "
                "member once; put a vote around a member to have several draws of it"
            )
        key = lever, tuple(example.id for example in examples)
        if key not in self._experiences:
            arms = [await self._arm(member, examples) for member in lever.pool]
            await self.book.fill(dict(arms), examples, STAGE)
            columns = [self.book.column(name, examples) for name, _ in arms]
            self._experiences[key] = self._experience(columns, examples)
        return self._experiences[key]

    async def _arm(self, member: Answerer, examples: Sequence[Example]) -> tuple[str, Answerer | Entered]:
        """A member as it is measured, under the study's name for it where it has one."""
        if not teachable(member):
            known = {**self.spec.baselines, **self.spec.levers}
            named = [name for name, arm in known.items() if arm == member]
            return (named[0] if named else _name(member)), member
        units = in_order(examples, self.spec.seed)
        halves = [[example for unit in units[half::2] for example in unit] for half in (0, 1)]
        by_half = tuple([await self.fitted(member, other, spare=True) for other in reversed(halves)])
        places = {example.group: half for half in (0, 1) for example in halves[half]}
        return _name(member, *by_half), Entered(by_half, places)

    def _experience(self, columns: Sequence[Column], examples: Sequence[Example]) -> Experience:
        """A row for every example and repeat, a column for every member."""
        texts = {example.id: asked_text(self.spec.task.request(example)) for example in examples}
        table = outcome_table(columns, texts, {example.id: example.group for example in examples})
        aim = Aim(self.spec.margin, self.labels, self.spec.confidence, TEST)
        written = cells(columns, lambda trial: trial.spend.tokens_out or None)
        said = tuple(tuple(map(self._said, column.trials)) for column in columns)
        return Experience(table, written, cells(columns, lambda trial: trial.confidence), aim, said)

    def _said(self, trial: Trial) -> str | None:
        """The text in which a trial's final answer was given; None where no call of it holds one."""
        answers = map(self.book.bench.driver.recorded, trial.calls)
        read = self.spec.task.reading.read
        return next((one.text for one in answers if one is not None and read(one) == trial.final), None)


def _swap(part: Learner, learned: Answerer) -> Callable[[Answerer], Answerer]:
    return lambda one: learned if one == part else one


def _name(*answerers: Answerer) -> str:
    """A name for what the study does not name: its kind and a hash of all of it."""
    first = answerers[0]
    kind = first.name if isinstance(first, Model) else type(first).__name__.lower()
    return f"{kind} {digest([dump(one) for one in answerers])[:8]}"
