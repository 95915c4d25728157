"""A session: what a study, a diagnosis and a making open alike, from the store of calls to the bench.

What is measured is the Spec's; where and how is in the Settings. Nothing is measured here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from underdog import __version__
from underdog.acts import Acts
from underdog.answerer import Model
from underdog.budget import Purse
from underdog.drive import Bind, Driver
from underdog.engines.binding import Binder
from underdog.makers import Ground, Watcher
from underdog.proof import Proof
from underdog.store import DEFAULT_PATH, Bank, Store
from underdog.studies.forecast import Forecast
from underdog.studies.makings import standing_in
from underdog.studies.measure import Bench, Progress
from underdog.studies.rounds import Advised
from underdog.studies.spec import Spec
from underdog.studies.trust import insist_on_judge
from underdog.studies.upfront import upfront


@dataclass(frozen=True)
class Settings:
    """Where and how a study runs, as against what it measures (that is the Spec).

    `consent` is shown the forecast and says whether to go on; `folder` is where the run is written. `advice`,
    a diagnosis' order of levers, orders the first round of a study that names none, and drops what it says
    will not pay; None: such a study diagnoses its task first. `allow_code` agrees to run the user's own
    programs that levers name.
    """

    store: Path = DEFAULT_PATH
    folder: Path | None = None
    fresh: bool = False
    consent: Callable[[Forecast, Proof], bool] | None = None
    progress: Progress | None = None
    bind: Callable[[Model], Any] | None = None
    advice: Sequence[Advised] | None = None
    allow_code: bool = False

    def binder(self, spec: Spec) -> Bind:
        """What finds the engine behind a model of the study."""
        return self.bind or Binder(base=spec.base, declared=spec.declared)

    def agree(self, expected: Forecast, proof: Proof) -> bool:
        """Whether to go on, seeing what it may take."""
        return self.consent is None or self.consent(expected, proof)


@dataclass
class Session:
    """Everything that is open while a run goes on. A run that is `over` is closed as finished."""

    run: str
    settings: Settings
    store: Store
    bank: Bank
    purse: Purse
    acts: Acts
    driver: Driver
    bench: Bench
    over: bool = False

    async def begin(self) -> None:
        """The user has agreed: earlier trials of the run go, and a judge is looked at before it judges.

        Raises:
            StudyError: empty answers win with the judge, or it does not answer.
        """
        self.store.clear_trials(self.run)
        self.bench.progress.begin(self.driver.tally, self.purse)
        await insist_on_judge(self.bench)

    def ground(self, spec: Spec, folder: Path, seed: int, watch: Watcher) -> Ground:
        """What a maker of this study stands on."""
        return Ground(
            task=spec.task,
            small=spec.read("small"),
            large=spec.read("large"),
            bind=self.settings.binder(spec),
            sink=self.bank,
            folder=folder,
            base=spec.base,
            seed=seed,
            purse=self.purse,
            tools=self.acts,
            watch=watch,
        )


@asynccontextmanager
async def session(spec: Spec, settings: Settings, run: str) -> AsyncIterator[Session]:
    """Open what a run of this study needs, and close it again.

    Raises:
        StoreError: the store cannot be used.
    """
    bind = standing_in(settings.binder(spec), spec.makings, spec.models)
    with Store(settings.store) as store:
        store.start_run(run, {"digest": spec.digest, "version": __version__})
        bank = Bank(store, run)
        purse = Purse(spec.budget, bank.spent() if spec.budget.limited else None)
        async with (
            Acts(bind, base=spec.base, allow_code=settings.allow_code) as acts,
            Driver(bind, bank, purse=purse, tools=acts, fresh=settings.fresh) as driver,
        ):
            bench = Bench(
                spec.task,
                driver,
                bank,
                repeats=spec.repeats,
                window=spec.window,
                progress=settings.progress,
                upfront=upfront(spec.models, spec.base, spec.requests),
            )
            opened = Session(run, settings, store, bank, purse, acts, driver, bench)
            yield opened
        if opened.over:
            store.finish_run(run)
