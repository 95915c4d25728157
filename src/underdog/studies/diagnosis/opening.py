"""The diagnosis that a study opens with when it names no levers: it orders the first round and drops some.

It looks at tune, as the race does, and its calls are the study's own: the race finds them in the bank.
"""

from __future__ import annotations

from underdog.drive import Driver
from underdog.studies.diagnosis.gather import diagnosed
from underdog.studies.diagnosis.looking import foreseen, looked_at, recorded
from underdog.studies.diagnosis.record import Diagnosed
from underdog.studies.diagnosis.stages import Effort
from underdog.studies.forecast import Forecast
from underdog.studies.measure import Bench
from underdog.studies.spec import Spec

_EFFORT = Effort()


def has_use(spec: Spec) -> bool:
    """Whether a study has a use for a diagnosis: nobody named its levers, and there is a race to order."""
    return not spec.named and not spec.task.whole_test


def forecast_of(spec: Spec, driver: Driver) -> Forecast:
    """What the diagnosis may take beside the study."""
    look = looked_at(spec, _EFFORT)
    return foreseen(look.spec, look.examples, _EFFORT, driver)


async def diagnosed_first(spec: Spec, bench: Bench) -> Diagnosed:
    """The diagnosis of a study whose targets are known, through the study's bench.

    Raises:
        BudgetSpent: the budget ended before every model had answered.
    """
    look = looked_at(spec, _EFFORT)
    found = await diagnosed(look.spec, bench, look.examples, _EFFORT)
    return recorded(spec, look, found, bench.driver)
