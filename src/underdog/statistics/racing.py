"""A race: which of several arms does a large model's job, for a fraction of the calls of measuring them all.

Numbers in, decisions out: no models, no tasks, no calls. The caller asks `race.leg` what to measure next,
measures it, and `tell`s the scores; `grid.py` does so over arrays, which is how a simulation drives it.

Units (examples, or groups of them by their mean) come in one order that never looked at a score. All arms
still racing have been measured on the same first units of it, so every comparison is paired. What ends an
arm is one of two kinds of thing, and `Standing.fate` keeps them apart:

- *Shown*, by an interval that holds at every look at once (`sequential.py`) and for all arms together
  (Bonferroni over two sequences an arm): worse than the incumbent and dearer; short of the large model by
  more than the margin and no cheaper. Only these are claims, with what is shown of the arm that is chosen.
- *Not worth further calls*: over all units the choice would hardly fall on it (`foresight.py`). This claims
  nothing of the arm.

Levers share calls: once every model has answered a unit, all votes, panels and cascades over those answers
are free. So it is calls that the race saves, and an arm that adds none to those of the arms kept stays in it.
The race never drops an arm to save its budget; when the budget ends, so does the race.

Matched cost: an arm that costs more than another must be better by half a margin to be preferred, and one
that costs more than the large model does not race while a cheaper one is there. The incumbent (what one would
use without the levers) stays until something is shown of another arm, so that "helps" is always a paired
claim against it.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from underdog.statistics.choice import (
    SAME_COST,
    certificate_odds,
    cheapest_near_best,
    final_odds,
    known,
)
from underdog.statistics.correction import bonferroni
from underdog.statistics.foresight import Goal, Masks, final_choices, tabulated, worth_asking
from underdog.statistics.sequential import PairedSequence
from underdog.statistics.standing import Claim, Fate, Finish, Leg, Rules, Standing
from underdog.statistics.vectors import Floats, Mask

Calls = Mapping[str, Sequence[Collection[Hashable]]]
"""By arm, the keys of the calls behind each unit's answer; arms that share a call share its key."""

_GROW = 1.3
"""Each leg ends where this times as many units have been seen: looks are cheap, but not free."""

__all__ = ["Claim", "Fate", "Finish", "Leg", "Race", "Rules", "Standing"]


@dataclass
class _Runner:
    """One arm's measurements so far; NaN is a unit that failed or was not measured."""

    name: str
    place: int
    scores: Floats
    costs: Floats
    large: PairedSequence
    incumbent: PairedSequence
    reached: int = 0
    fate: Fate | None = None
    rival: str = ""
    note: str = ""
    shown: set[str] = field(default_factory=set)

    @property
    def score(self) -> float | None:
        return known(self.scores[: self.reached])

    @property
    def cost(self) -> float | None:
        return known(self.costs[: self.reached])


class Race:
    """A race under way. `arms` are named from the plainest to the least plain; the first is the incumbent.

    `family` is how many arms might ever have raced (default: those that do), where which ones do was chosen
    on the same units.
    """

    def __init__(
        self,
        arms: Sequence[str],
        units: int,
        rules: Rules,
        *,
        large: str = "large",
        family: int | None = None,
    ) -> None:
        if not arms or large in arms or units < 1:
            raise ValueError(
                f"a race needs units and at least one arm beside {large!r}; got {list(arms)} on {units} units"
            )
        self.rules, self.units, self.at = rules, units, 0
        self._confidence = bonferroni(rules.confidence, 2 * (family or len(arms)))
        self._runners = {name: self._runner(name, place) for place, name in enumerate(arms)}
        self._large = self._runner(large, -1)
        self._incumbent = self._runners[arms[0]]
        self._spent = 0
        self._all = 0.0
        self._over = False
        self._stop_at = min(rules.first, units)

    @property
    def leg(self) -> Leg | None:
        """What to measure next; None when the race is over."""
        if self._over:
            return None
        arms = tuple(runner.name for runner in self._alive)
        return Leg((*arms, self._large.name), self.at, self._stop_at)

    def tell(
        self,
        scores: Mapping[str, Floats],
        costs: Mapping[str, Floats] | None = None,
        calls: Calls | None = None,
    ) -> None:
        """What the leg found: for every arm of it one score in [0, 1] a unit, NaN where it failed.

        `costs` are of one answer a unit in any one unit of cost, NaN where unknown. Without `calls` every arm
        is taken to make one call of its own a unit.
        """
        leg = self.leg
        if leg is None or set(leg.arms) - set(scores):
            raise ValueError(f"this race asked for {leg}; got scores of {list(scores)}")
        for name in leg.arms:
            runner = self._large if name == self._large.name else self._runners[name]
            runner.scores[leg.start : leg.stop] = scores[name]
            if costs is not None and name in costs:
                runner.costs[leg.start : leg.stop] = costs[name]
            runner.reached = leg.stop
        made = calls or {name: [(name,)] * (leg.stop - leg.start) for name in leg.arms}
        table = tabulated(made, leg.arms)
        a_unit = float(table.any(axis=0).sum()) / (leg.stop - leg.start)
        self._spent += int(table.any(axis=0).sum())
        if leg.start == 0:
            self._all = a_unit * self.units
        self.at = leg.stop
        self._bet(leg)
        self._decide(dict(zip(leg.arms, table, strict=True)), first=leg.start == 0)
        self._plan(table, leg)

    def withdraw(self, arm: str, why: str) -> None:
        """Take an arm out for a reason of the caller's, such as a limit that it breaks."""
        self._stop(self._runners[arm], Fate.WITHDRAWN, note=why)
        self._over = self._over or not self._alive

    @property
    def finish(self) -> Finish:
        """How the race stands: its end when `leg` is None."""
        chosen = self._choice()
        standings = {runner.name: self._standing(runner, chosen) for runner in self._runners.values()}
        return Finish(chosen.name, self._claim(chosen), standings, self.at, self._spent, self._all)

    @property
    def _alive(self) -> list[_Runner]:
        return [runner for runner in self._runners.values() if runner.fate is None]

    def _runner(self, name: str, place: int) -> _Runner:
        return _Runner(
            name,
            place,
            scores=np.full(self.units, np.nan),
            costs=np.full(self.units, np.nan),
            large=PairedSequence(self._confidence),
            incumbent=PairedSequence(self._confidence),
        )

    def _plan(self, table: Masks, leg: Leg) -> None:
        """How far the next leg goes: by its looks, and by what the budget has for the arms that are left.

        `table` holds the calls of the leg's arms on its units; from it the next leg's are reckoned.
        """
        if self._over or self.at >= self.units:
            self._over = True
            return
        left = {runner.name for runner in self._alive} | {self._large.name}
        rows = [place for place, name in enumerate(leg.arms) if name in left]
        a_unit = float(table[rows].any(axis=0).sum()) / table.shape[1]
        most = min(1.0, max(self.rules.share, self.rules.floor / self.units)) * self._all
        reach = int((most - self._spent) / a_unit) if a_unit > 0 else self.units
        self._stop_at = min(self.units, max(self.at + 10, int(self.at * _GROW)), self.at + reach)
        self._over = reach < 1

    def _bet(self, leg: Leg) -> None:
        """Add the leg's paired differences to every sequence, and note what they now show."""
        here, margin = slice(leg.start, leg.stop), self.rules.margin
        for runner in self._alive:
            for sequence, rival in ((runner.large, self._large), (runner.incumbent, self._incumbent)):
                if rival is not runner and (rival is self._large or rival.fate is None):
                    differences = runner.scores[here] - rival.scores[here]
                    sequence.update(differences[~np.isnan(differences)])
            tests = (
                ("within", runner.large.above(-margin)),
                ("short", runner.large.below(-margin)),
                ("better", runner.incumbent.above(0.0)),
                ("worse", runner.incumbent.below(0.0)),
            )
            runner.shown.update(name for name, passed in tests if passed)

    def _decide(self, calls: Mapping[str, Masks], first: bool) -> None:
        """Stop what is decided, and the race where all is."""
        for runner in self._alive:
            if "worse" in runner.shown and self._dearer(runner, self._incumbent) and len(self._alive) > 1:
                self._stop(runner, Fate.WORSE, self._incumbent)
        seen = self._seen_by_all()
        ahead = self.units - self.at
        if not seen.any() or seen.sum() < min(self.rules.first, ahead + seen.sum()):
            return
        odds = self._foreseen(seen, ahead)
        if ahead > 0 and len(odds) > 1:
            self._give_up(odds, calls)
        likeliest = max(odds, key=odds.__getitem__)
        # An arm may start a leg late: a cascade whose threshold the first leg is needed for.
        waiting = first and any(runner.score is None for runner in self._alive)
        if odds[likeliest] >= 1.0 - self.rules.risk and not waiting:
            self._over = self._settled(self._runners[likeliest])

    def _seen_by_all(self) -> Mask:
        """The units so far on which every arm was scored that ever was; an arm may start late."""
        runners = [runner for runner in (*self._alive, self._large) if runner.score is not None]
        known_by = [~np.isnan(runner.scores[: self.at]) for runner in runners]
        seen: Mask = np.logical_and.reduce(known_by) if known_by else np.zeros(self.at, dtype=np.bool_)
        return seen

    def _foreseen(self, seen: Mask, ahead: int) -> dict[str, float]:
        """The odds of each arm still racing, as far as it has been scored, to be the choice at the end.

        By the units `seen` by all of them and as many as lie `ahead`.
        """
        rules, arms = self.rules, [runner for runner in self._alive if runner.score is not None]
        if not arms:
            return {runner.name: 1.0 for runner in self._alive[:1]} or {self._incumbent.name: 1.0}
        scores, costs = (
            np.stack([getattr(runner, what)[: self.at][seen] for runner in (*arms, self._large)])
            for what in ("scores", "costs")
        )
        goal = Goal(rules.margin, rules.confidence, rules.pairs)
        odds = final_choices(scores, costs, ahead + scores.shape[1], goal)
        return {runner.name: float(share) for runner, share in zip(arms, odds, strict=True)}

    def _give_up(self, odds: Mapping[str, float], calls: Mapping[str, Masks]) -> None:
        """Stop the arms that are not worth their calls; nothing is claimed of them."""
        names = list(odds)
        kept = worth_asking(
            np.array([odds[name] for name in names]),
            np.stack([calls[name] for name in names]),
            calls[self._large.name],
            self.rules.risk,
        )
        leader = self._runners[max(names, key=odds.__getitem__)]
        for name, stays in zip(names, kept, strict=True):
            runner = self._runners[name]
            if not stays and (runner is not self._incumbent or self._outdoes(leader)):
                shown = runner is self._incumbent and "better" in leader.shown
                self._stop(runner, Fate.WORSE if shown else self._fate(runner), leader)

    def _fate(self, runner: _Runner) -> Fate:
        """Why an arm is not worth its calls: it costs too much, falls short, or is just not the one."""
        if self._saving(runner) < self.rules.risk:
            return Fate.SHORT if "short" in runner.shown else Fate.DEAR
        return Fate.OVERTAKEN

    def _outdoes(self, runner: _Runner) -> bool:
        """Whether an arm needs the incumbent beside it no longer: something of it is shown."""
        return "better" in runner.shown or self._good_enough(runner)

    def _settled(self, runner: _Runner) -> bool:
        """Whether further pairs with the large model could still show that the last arm is good enough."""
        if self._good_enough(runner) or "short" in runner.shown or self._saving(runner) < self.rules.risk:
            return True
        lead = self._paired(runner, self._large)
        return final_odds(lead, self.units, -self.rules.margin) < self.rules.risk

    def _saving(self, runner: _Runner) -> float:
        """The odds that an arm costs less than the large model over all units; 0.5 where unknown."""
        saved = self._large.costs[: self.at] - runner.costs[: self.at]
        return final_odds(saved[~np.isnan(saved)], self.units, 0.0, wobble=0.0)

    def _dearer(self, runner: _Runner, rival: _Runner) -> bool:
        """Whether an arm must earn its price against another; of equal costs the plainer need not."""
        mine, other = runner.cost, rival.cost
        if mine is None or other is None or max(mine, other) <= min(mine, other) * SAME_COST:
            return runner.place > rival.place
        return mine > other

    def _good_enough(self, runner: _Runner) -> bool:
        cost, large = runner.cost, self._large.cost
        return "within" in runner.shown and cost is not None and large is not None and cost < large

    def _stop(self, runner: _Runner, fate: Fate, rival: _Runner | None = None, note: str = "") -> None:
        runner.fate, runner.note = fate, note
        runner.rival = rival.name if rival is not None else ""

    def _choice(self) -> _Runner:
        """The arm that the means over the units that all of them have been scored on prefer."""
        alive = self._alive or [self._incumbent]
        scored = [runner for runner in alive if runner.score is not None]
        if not scored:
            return alive[0]
        table = np.stack([runner.scores[: self.at] for runner in scored])
        common = ~np.isnan(table).any(axis=0)
        means = np.nanmean(table[:, common] if common.any() else table, axis=1)
        scores = {runner.name: float(mean) for runner, mean in zip(scored, means, strict=True)}
        costs = {name: self._runners[name].cost for name in scores}
        name = cheapest_near_best(scores, costs, self._large.cost, self.rules.margin, self._promises(scores))
        return self._runners[name]

    def _promises(self, names: Iterable[str]) -> dict[str, float] | None:
        """The odds of each arm's certificate; None where nothing will be certified."""
        rules = self.rules
        if rules.pairs is None:
            return None
        return {
            name: certificate_odds(
                self._paired(self._runners[name], self._large), rules.margin, rules.pairs, rules.confidence
            )
            for name in names
        }

    def _paired(self, runner: _Runner, rival: _Runner) -> Floats:
        """Differences of scores over the units on which both were scored."""
        reached = min(runner.reached, rival.reached)
        differences = runner.scores[:reached] - rival.scores[:reached]
        kept: Floats = differences[~np.isnan(differences)]
        return kept

    def _claim(self, chosen: _Runner) -> Claim:
        if self._good_enough(chosen):
            return Claim.GOOD_ENOUGH
        return Claim.HELPS if "better" in chosen.shown else Claim.NOTHING

    def _standing(self, runner: _Runner, chosen: _Runner) -> Standing:
        fate = runner.fate or Fate.UNDECIDED
        if runner is chosen and fate is not Fate.WITHDRAWN:
            fate = Fate.CHOSEN
        return Standing(
            runner.name,
            runner.reached,
            runner.score,
            runner.cost,
            fate,
            runner.large.interval,
            runner.incumbent.interval,
            runner.rival,
            runner.note,
        )
