"""The race against the exhaustive grid, replayed over recorded calls of real models.

A replay shuffles the items, gives 40 % of them to tune (nothing is fitted here, so fit's share is tune's) and
leaves the rest for the verdict. The grid measures every arm on all of tune; the race measures what it asks,
under its default of a third of the grid's calls. Both choose by the same rule, and both choices are judged
against the large model on the same remaining items.

Calls are model calls that had to be made: what arms share counts once, for the race and for the grid. "Same
verdict" is the same kind of verdict; "same decision" that both or neither let the small arm take over (beats
or rivals). "Alike too" asks more: also the same arm, or one whose paired 95 % interval against the grid's arm
on the remaining items holds 0 and which costs at most 5 % more. How firm the grid's own verdict is stands
beside it: the same grid on as many other items, both judged on the items that neither used. The hard medical
questions are few and were picked because models fail them: they are summed up apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from benchmarks.truth import recordings
from benchmarks.truth.cores import on_all_cores
from benchmarks.truth.grids import Grid
from benchmarks.truth.grids import Table as Levers
from benchmarks.truth.pools import HARD, UP_TO_9B, grids
from benchmarks.truth.recordings import Floats, Ints
from benchmarks.truth.table import Table, at_least, percent

from underdog.statistics import Race, Rules, paired_difference
from underdog.statistics.foresight import Goal, final_choices
from underdog.studies.verdict import Kind

TUNE = 0.4
REPLAYS = {0.05: 0.08, 0.03: 0.02}
"""Replays a pool for each run that is asked for, by margin: of 1,000 runs, 80 and 20."""
TAKES_OVER = (Kind.BEATS, Kind.RIVALS)


@dataclass(frozen=True)
class Replay:
    """One replay: calls on tune by race and grid, calls of the verdict that both need, and what agreed."""

    race: int
    grid: int
    judging: int
    verdict: str
    same_verdict: bool
    same_decision: bool
    same_arm: bool
    alike: bool
    firm: bool


def tables(runs: int, seed: int) -> list[Table]:
    """The copies' own figures recomputed, then the replays, where the recorded data are present."""
    if not recordings.present():
        absent = Table("The race replayed on recorded calls: data absent", ("shared/data",))
        return [absent]
    pools = list(grids())
    told = [_replayed(pools, margin, max(1, round(runs * each)), seed) for margin, each in REPLAYS.items()]
    return [figures(), *told]


def figures() -> Table:
    """Numbers that the data's READMEs give, from the arms that are raced here."""
    table = Table("Figures of the recorded data, recomputed from the arms", ("figure", "README", "here"))
    gsm8k = Levers(recordings.zeroeval())
    gpt4o = gsm8k.alone("gpt-4o-2024-08-06")
    three = [UP_TO_9B[0], UP_TO_9B[1], "Phi-3.5-mini-instruct"]
    agreed = gsm8k.agree(three, gpt4o)
    table.add("zeroeval: gpt-4o", ".962", _mean(gpt4o.scores))
    table.add("zeroeval: panel of 7", ".921", _mean(gsm8k.panel(UP_TO_9B).scores))
    table.add("zeroeval: 3 agree or gpt-4o", ".960", _mean(agreed.scores))
    table.add("zeroeval: handed over", ".284", _mean((agreed.calls & gpt4o.calls != 0).astype(np.float64)))
    reasoning = Levers(recordings.rg_easy())
    for model, published in (
        ("llama-3.1-8b-instruct", ".109"),
        ("gemma-3-27b-it", ".307"),
        ("llama-3.3-70b-instruct", ".343"),
        ("o3-mini", ".835"),
    ):
        vote = reasoning.panel([f"{model}#{draw}" for draw in range(3)])
        table.add(f"rg_easy: vote of 3, {model}", published, _mean(vote.scores))
    medicine = Levers(recordings.medicine())
    trio = ("Llama-3.3-70B-Instruct-Turbo", "gpt-4o-mini", "claude-3-5-haiku")
    large = medicine.alone("DeepSeek-R1")
    unanimous = medicine.cascade(trio, 3, large)
    table.add("med: majority of 3", ".7346", _mean(medicine.panel(trio).scores, 4))
    table.add("med: unanimous or R1", ".8279", _mean(unanimous.scores, 4))
    table.add("med: handed over", ".374", _mean((unanimous.calls & large.calls != 0).astype(np.float64)))
    return table


def _replayed(pools: Sequence[Grid], margin: float, replays: int, seed: int) -> Table:
    header = (
        "pool", "arms", "tune", "replays", "calls", "at most", "with the verdict's", "same verdict", "",
        "same decision", "alike too", "same arm", "grid against itself", "verdicts of the grid",
    )  # fmt: skip
    table = Table(f"The race beside the exhaustive grid, margin {100 * margin:.0f} points", header)
    found: dict[str, list[Replay]] = {}
    for grid in pools:
        jobs = [(replace(grid, margin=margin), (seed, number)) for number in range(replays)]
        found[grid.name] = on_all_cores(replayed, jobs)
        kinds = [replay.verdict for replay in found[grid.name]]
        told = ", ".join(f"{kind} {kinds.count(kind)}" for kind in sorted(set(kinds)))
        table.add(grid.name, len(grid.arms), int(TUNE * grid.items), *_cells(found[grid.name]), told)
    whole = [replay for name in found if name != HARD for replay in found[name]]
    table.add("all whole test sets", "", "", *_cells(whole), "")
    table.add("with the hard set", "", "", *_cells([*whole, *found[HARD]]), "")
    return table


def _cells(found: Sequence[Replay]) -> tuple[object, ...]:
    n = len(found)
    shares = [replay.race / replay.grid for replay in found]
    whole = sum(r.race + r.judging for r in found) / sum(r.grid + r.judging for r in found)
    same = sum(replay.same_verdict for replay in found)
    return (
        n,
        percent(float(np.mean(shares))),
        percent(max(shares)),
        percent(whole),
        percent(same / n),
        at_least(same, n, 0.95),
        percent(sum(replay.same_decision for replay in found) / n),
        percent(sum(replay.same_verdict and replay.alike for replay in found) / n),
        percent(sum(replay.same_arm for replay in found) / n),
        percent(sum(replay.firm for replay in found) / n),
    )


def replayed(job: tuple[Grid, tuple[int, ...]]) -> Replay:
    """One replay of one pool."""
    grid, seed = job
    order = np.random.default_rng(seed).permutation(grid.items)
    tune, other, last = np.split(order, [int(TUNE * grid.items), int(2 * TUNE * grid.items)])
    rest = np.concatenate([other, last])
    rules = Rules(grid.margin, floor=0, pairs=len(rest))
    wanted = chosen_by_grid(grid, tune, rules)
    chosen, needed = raced(grid, tune, rules)
    ours, theirs = grid.verdict(chosen, rest), grid.verdict(wanted, rest)
    again = chosen_by_grid(grid, other, rules)
    return Replay(
        race=grid.counted(needed),
        grid=grid.all_calls(tune),
        judging=grid.counted(grid.calls[wanted, rest] | grid.calls[grid.large, rest]),
        verdict=theirs.kind.value,
        same_verdict=ours.kind is theirs.kind,
        same_decision=(ours.kind in TAKES_OVER) == (theirs.kind in TAKES_OVER),
        same_arm=chosen == wanted,
        alike=alike(grid, chosen, wanted, rest),
        firm=grid.verdict(again, last).kind is grid.verdict(wanted, last).kind,
    )


def chosen_by_grid(grid: Grid, items: Ints, rules: Rules) -> int:
    """The arm that the race's rule chooses when every arm is measured on all of these items."""
    others = [row for row in range(len(grid.arms)) if row != grid.large]
    rows = np.array([*others, grid.large])[:, None]
    goal = Goal(rules.margin, rules.confidence, rules.pairs)
    odds = final_choices(grid.scores[rows, items], grid.costs[rows, items], len(items), goal)
    return others[int(odds.argmax())]


def raced(grid: Grid, tune: Ints, rules: Rules) -> tuple[int, Ints]:
    """The arm that the race chooses, and the calls it made on each item of tune."""
    large = grid.arms[grid.large]
    race = Race([arm for arm in grid.arms if arm != large], len(tune), rules, large=large)
    needed = np.zeros(len(tune), dtype=np.int64)
    while (leg := race.leg) is not None:
        here = slice(leg.start, leg.stop)
        rows = {arm: grid.arms.index(arm) for arm in leg.arms}
        items = tune[here]
        needed[here] = np.bitwise_or.reduce(grid.calls[np.ix_(np.array([*rows.values()]), items)], axis=0)
        race.tell(
            {arm: grid.scores[row, items] for arm, row in rows.items()},
            {arm: grid.costs[row, items] for arm, row in rows.items()},
            {arm: grid.keys(row, items) for arm, row in rows.items()},
        )
    return grid.arms.index(race.finish.chosen), needed


def alike(grid: Grid, chosen: int, wanted: int, items: Ints) -> bool:
    """Whether two arms are the same, or cannot be told apart with the first at most 5 % dearer."""
    if chosen == wanted:
        return True
    paired = paired_difference(grid.scores[chosen, items], grid.scores[wanted, items])
    assert paired.low is not None and paired.high is not None
    costs = grid.costs[:, items].mean(axis=1)
    return paired.low <= 0 <= paired.high and bool(costs[chosen] <= 1.05 * costs[wanted])


def _mean(values: Floats, digits: int = 3) -> str:
    return f"{values.mean():.{digits}f}".removeprefix("0")
