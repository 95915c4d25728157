"""Scores that are all there already: a race over them, and beside it the exhaustive grid that it saves.

For simulations and for replays of recorded calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from underdog.statistics.racing import Calls, Race
from underdog.statistics.standing import Finish, Rules
from underdog.statistics.vectors import Floats


def run_race(
    scores: Mapping[str, Floats],
    rules: Rules,
    costs: Mapping[str, Floats] | None = None,
    *,
    large: str = "large",
    calls: Calls | None = None,
) -> Finish:
    """Race over recorded arrays: `scores` by arm, shape (units,), with the large model's among them.

    The order of rows is the order of the race and must not depend on scores: shuffle them first. The order of
    arms is from the plainest on; the first that is not `large` is the incumbent. `costs` by arm, shape
    (units,), in any one unit; `calls` by arm, one collection of keys a unit.
    """
    arms = [name for name in scores if name != large]
    race = Race(arms, len(scores[large]), rules, large=large)
    while (leg := race.leg) is not None:
        here = slice(leg.start, leg.stop)
        race.tell(
            {name: scores[name][here] for name in leg.arms},
            None if costs is None else {name: costs[name][here] for name in leg.arms},
            None if calls is None else {name: calls[name][here] for name in leg.arms},
        )
    return race.finish


def run_grid(
    scores: Mapping[str, Floats],
    rules: Rules,
    costs: Mapping[str, Floats] | None = None,
    *,
    large: str = "large",
    calls: Calls | None = None,
) -> Finish:
    """The exhaustive grid that a race is compared with: every arm on every unit, one decision at the end."""
    arms = [name for name in scores if name != large]
    units = len(scores[large])
    everything = replace(rules, share=2.0, first=units)
    race = Race(arms, units, everything, large=large)
    race.tell(scores, costs, calls)
    return race.finish
