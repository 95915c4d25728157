"""Blend: several routers' merits over the default, averaged. Their errors differ more than their aims."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from underdog.routing.seen import Asked, Fitted, Forecast, Router, Seen
from underdog.statistics.vectors import Floats


@dataclass(frozen=True)
class Blend:
    """The mean of what `routers` expect; `doubt` is taken off every advantage over the default.

    It is a share of the dearest cost or of a whole point, as the merits are: small, such as 0.01.
    """

    routers: tuple[Router, ...]
    doubt: float = 0.0

    def fit(self, seen: Seen) -> FittedBlend:
        return FittedBlend(tuple(router.fit(seen) for router in self.routers), seen.default, self.doubt)


@dataclass(frozen=True, eq=False)
class FittedBlend:
    """The fitted routers, and the column of the default."""

    routers: tuple[Fitted, ...]
    default: int
    doubt: float

    def forecast(self, asked: Asked) -> Forecast:
        return Blended(tuple(router.forecast(asked) for router in self.routers), self.default, self.doubt)


@dataclass(frozen=True, eq=False)
class Blended:
    """Several forecasts of the same questions."""

    forecasts: tuple[Forecast, ...]
    default: int
    doubt: float

    def merits(self, knob: float) -> Floats:
        total: Floats | None = None
        for forecast in self.forecasts:
            merits = forecast.merits(knob)
            over = merits - merits[:, [self.default]]
            total = over if total is None else total + over
        assert total is not None, "a blend has at least one router"
        mean: Floats = total / len(self.forecasts) - self.doubt
        mean[:, self.default] = 0.0
        return np.nan_to_num(mean, neginf=-np.inf)
