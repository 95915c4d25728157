"""What an arm may need at most to be chosen, and what it was seen to need.

Latency is that of calls that were really made, added up as if one came after the other; recorded answers of
others have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np

from underdog.answerer import Answerer, Model
from underdog.plan import models_of
from underdog.studies.measure import Column
from underdog.trial import Spend

_SLOW = 0.95


@dataclass(frozen=True)
class Limits:
    """What an arm must keep to be chosen; None is no limit.

    `latency_seconds`: engine time that 95 of 100 answers stay within, calls one after the other.
    `dollars_per_request`: the mean price of an answer. `parameters`: of all local models that an answer
    needs, together: what a device must hold.
    """

    latency_seconds: float | None = None
    dollars_per_request: float | None = None
    parameters: float | None = None

    @property
    def any(self) -> bool:
        return any(getattr(self, item.name) is not None for item in fields(self))

    def broken(self, needs: Needs) -> str | None:
        """Why an arm does not keep the limits; None when it does. What is not known is not kept."""
        for limit, need, what in (
            (self.latency_seconds, needs.seconds, "seconds that 95 of 100 answers stay within"),
            (self.dollars_per_request, needs.dollars, "dollars an answer"),
            (self.parameters, needs.parameters, "parameters of local models"),
        ):
            if limit is None:
                continue
            if need is None:
                return f"{what}: not known, and at most {limit:g} are allowed"
            if need > limit:
                return f"{what}: {need:.3g}, and at most {limit:g} are allowed"
        return None


@dataclass(frozen=True)
class Needs:
    """What an arm was seen to need; None is not known."""

    seconds: float | None
    dollars: float | None
    parameters: float | None


def needs(column: Column, arm: Answerer, sizes: Mapping[Model, float | None]) -> Needs:
    """What an arm needs, by its trials and by the sizes of the models behind it."""
    seconds = [trial.spend.seconds for trial in column.trials]
    timed = bool(seconds) and all(one > 0 for one in seconds)
    dollars = column.total().dollars
    held = [sizes.get(model) for model in models_of(arm)]
    return Needs(
        float(np.quantile(seconds, _SLOW)) if timed else None,
        None if dollars is None or not column.trials else dollars / len(column.trials),
        sum(size for size in held if size is not None) if None not in held else None,
    )


def size(total: Spend) -> float:
    """Parameters of a local model by what it computed for its tokens; 0 for one that runs elsewhere."""
    tokens = total.tokens_in - total.tokens_cached + total.tokens_out
    return total.flops / (2 * tokens) if tokens > 0 else 0.0
