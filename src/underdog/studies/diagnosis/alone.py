"""A diagnosis by itself, without the study it belongs to: from the proof of the task to `diagnosis.json`.

The order of it; what is asked is in `stages.py`, what follows in `rules.py`, what is left in `record.py`.
"""

from __future__ import annotations

from underdog import __version__
from underdog.acts import Acts
from underdog.budget import Purse
from underdog.drive import Driver
from underdog.engines.binding import Binder
from underdog.proof import prove
from underdog.store import Bank, Store
from underdog.studies.diagnosis.gather import diagnosed
from underdog.studies.diagnosis.looking import foreseen, looked_at, recorded, targeted
from underdog.studies.diagnosis.record import Diagnosed
from underdog.studies.diagnosis.stages import Effort
from underdog.studies.measure import Bench
from underdog.studies.run import Settings
from underdog.studies.spec import Spec
from underdog.studies.trust import insist_on_judge


async def diagnosed_alone(spec: Spec, settings: Settings, effort: Effort) -> Diagnosed | None:
    """Diagnose a study's task; None when `settings.consent` refuses the forecast.

    Looks at tune (and shows demonstrations from fit), or at the whole set where nothing is fitted. Calls that
    the study made are found in the bank, and the study will find those made here.

    Raises:
        UserError: the task does not prove itself, a model cannot be bound, the store cannot be used.
        BudgetSpent: the budget ended before every model had answered.
    """
    proof = prove(spec.task)
    proof.insist()
    run, look = f"{spec.name} (diagnosis)", looked_at(spec, effort)
    bind = settings.bind or Binder(base=spec.base, declared=spec.declared)
    with Store(settings.store) as store:
        store.start_run(run, {"digest": spec.digest, "version": __version__})
        bank = Bank(store, run)
        purse = Purse(spec.budget, bank.spent() if spec.budget.limited else None)
        async with (
            Acts(bind, base=spec.base, allow_code=settings.allow_code) as acts,
            Driver(bind, bank, purse=purse, tools=acts, fresh=settings.fresh) as driver,
        ):
            bench = Bench(look.spec.task, driver, bank, window=spec.window, progress=settings.progress)
            expected = foreseen(look.spec, look.examples, effort, driver)
            if settings.consent is not None and not settings.consent(expected, proof):
                return None
            bench.progress.begin(driver.tally, purse)
            await insist_on_judge(bench)
            look = await targeted(look, bench)
            diagnosis = await diagnosed(look.spec, bench, look.examples, effort)
            found = recorded(spec, look, diagnosis, driver)
        store.finish_run(run)
    if settings.folder is not None:
        found.write(settings.folder)
    return found
