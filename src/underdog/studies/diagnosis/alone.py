"""A diagnosis by itself, without the study it belongs to: from the proof of the task to `diagnosis.json`.

The order of it; what is asked is in `stages.py`, what follows in `rules.py`, what is left in `record.py`.
"""

from __future__ import annotations

from underdog.proof import prove
from underdog.studies.diagnosis.gather import diagnosed
from underdog.studies.diagnosis.looking import existing, foreseen, looked_at, recorded, targeted
from underdog.studies.diagnosis.record import Diagnosed
from underdog.studies.diagnosis.stages import Effort
from underdog.studies.session import Settings, session
from underdog.studies.spec import Spec


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
    look = looked_at(existing(spec), effort)
    async with session(spec, settings, f"{spec.name} (diagnosis)") as opened:
        opened.bench.task = look.spec.task
        expected = foreseen(look.spec, look.examples, effort, opened.driver)
        if not settings.agree(expected, proof):
            return None
        await opened.begin()
        look = await targeted(look, opened.bench)
        diagnosis = await diagnosed(look.spec, opened.bench, look.examples, effort)
        found = recorded(spec, look, diagnosis, opened.driver)
        opened.over = True
    if settings.folder is not None:
        found.write(settings.folder)
    return found
