"""Two finished runs, arm by arm on the examples that both asked: what changed, and what that did to the
scores.

Examples are the same when what was asked is the same, whatever they are called and wherever they stand. Reads
no file and shows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from underdog.errors import StudyError
from underdog.statistics import Paired, paired_difference
from underdog.studies.choosing import LENIENT
from underdog.studies.folder import Asked
from underdog.trial import Trial

# What a run is set to, by its key in findings.json, and how that is called.
_SETTINGS = {
    "margin": "margin",
    "confidence": "confidence",
    "seed": "seed",
    "repeats": "repeats",
    "winner": "plan",
    "threshold": "threshold",
    "unit": "unit of cost",
}
# Where arms are compared, best first: test was looked at once, tune only ranks. What levers may have learned
# from (fit) and what stands in two splits is left out.
_WHERE = ("test", "certify", "tune")


@dataclass(frozen=True)
class Saved:
    """A run read back from its folder; `examples` is None where an older version wrote none."""

    place: str
    findings: Mapping[str, Any]
    examples: Sequence[Asked] | None
    trials: Sequence[Trial]

    @cached_property
    def asked(self) -> Mapping[str, Asked]:
        """The examples by id."""
        return {example.id: example for example in self.examples or ()}

    @cached_property
    def scores(self) -> Mapping[str, Mapping[str, float | None]]:
        """Arm -> example -> mean score over its repeats; None where every one failed."""
        found: dict[str, dict[str, list[float]]] = {}
        for trial in self.trials:
            cell = found.setdefault(trial.answerer, {}).setdefault(trial.example, [])
            if trial.score is not None:
                cell.append(trial.score)
        return {
            arm: {example: float(np.mean(cell)) if cell else None for example, cell in column.items()}
            for arm, column in found.items()
            if not arm.endswith(LENIENT)
        }

    def arm(self, name: str) -> Mapping[str, Any]:
        """What the findings say of an arm, from test where it was looked at there; empty when nothing."""
        arms = [*self.findings["test"], *self.findings["ladder"]]
        return next((arm for arm in arms if arm["name"] == name), {})


@dataclass(frozen=True)
class Change:
    """One thing that differs: its name, and what it was in the first and in the second run."""

    what: str
    first: str
    second: str


@dataclass(frozen=True)
class Examples:
    """How the runs' examples overlap.

    `shared` are asked in both, `first` and `second` in one alone. Of those shared, `retargeted` have another
    right answer (they are left out of every comparison) and `moved` stand in another split. `reworded` have
    the same id in both and are asked differently."""

    shared: int
    first: int
    second: int
    reworded: int
    retargeted: int
    moved: int
    by: str


@dataclass(frozen=True)
class Held:
    """An arm of the second run against one of the first, `paired` second minus first, on one split.

    `changed` says whether another answerer stands behind the name; None when that is not known. Costs are of
    one answer in each run's own unit.
    """

    first: str
    second: str
    split: str
    changed: bool | None
    paired: Paired
    cost_first: float | None
    cost_second: float | None


@dataclass(frozen=True)
class Compared:
    """Everything that two runs have in common and not. `arms` begin with the plans.

    `same_task` says whether both asked the same examples with the same right answers, and is None where a run
    did not keep its examples.
    """

    first: str
    second: str
    same_task: bool | None
    examples: Examples
    arms: Sequence[Held]
    only_first: Sequence[str]
    only_second: Sequence[str]
    changes: Sequence[Change]
    verdicts: tuple[str, str]
    units: tuple[str | None, str | None]
    spent: tuple[float | None, float | None]


def compare(first: Saved, second: Saved) -> Compared:
    """Hold the second run against the first.

    Raises:
        StudyError: they share no example, or no arm that was measured on one.
    """
    pairs, examples = _overlap(first, second)
    if not pairs:
        raise StudyError(
            f"{first.place} and {second.place} have no example in common ({_some(first)}; {_some(second)}), "
            "so there is nothing to compare: compare runs over the same data, asked in the same way"
        )
    common = [name for name in first.scores if name in second.scores]
    plans = (str(first.findings["winner"]), str(second.findings["winner"]))
    wanted = [plans, *((name, name) for name in common if (name, name) != plans)]
    arms = [held for one, other in wanted if (held := _held(first, second, (one, other), pairs)) is not None]
    if not arms:
        raise StudyError(
            f"{first.place} and {second.place} share {examples.shared:,} examples but no arm was measured "
            "on one of them in both: compare runs of the same splits"
        )
    return Compared(
        first=first.place,
        second=second.place,
        same_task=_same(examples) if examples.by == "content" else None,
        examples=examples,
        arms=arms,
        only_first=[name for name in first.scores if name not in second.scores],
        only_second=[name for name in second.scores if name not in first.scores],
        changes=_changes(first, second, common),
        verdicts=(_verdict(first), _verdict(second)),
        units=(first.findings["unit"], second.findings["unit"]),
        spent=(first.findings["spend"]["dollars"], second.findings["spend"]["dollars"]),
    )


def _overlap(first: Saved, second: Saved) -> tuple[list[tuple[str, str]], Examples]:
    """The ids (in the first run, in the second) of examples that both asked; and the counts."""
    if first.examples is None or second.examples is None:
        ids = [{trial.example: None for trial in run.trials} for run in (first, second)]
        shared = [(name, name) for name in ids[0] if name in ids[1]]
        left = (len(ids[0]) - len(shared), len(ids[1]) - len(shared))
        return shared, Examples(len(shared), *left, 0, 0, 0, by="id")
    there = _places(second.examples)
    pairs = [(example.id, there[key].id) for key, example in _places(first.examples).items() if key in there]
    asked = [(first.asked[one], second.asked[other]) for one, other in pairs]
    same = [(one.id, other.id) for one, other in asked if one.target == other.target]
    counts = Examples(
        shared=len(pairs),
        first=len(first.examples) - len(pairs),
        second=len(second.examples) - len(pairs),
        reworded=sum(
            e.id in second.asked and second.asked[e.id].content != e.content for e in first.examples
        ),
        retargeted=len(pairs) - len(same),
        moved=sum(one.split != other.split for one, other in asked),
        by="content",
    )
    return same, counts


def _same(of: Examples) -> bool:
    return not (of.first or of.second or of.retargeted)


def _places(examples: Sequence[Asked]) -> dict[tuple[str, int], Asked]:
    """Examples by content; where several ask the same, by content and which one it is."""
    seen: dict[str, int] = {}
    places = {}
    for example in examples:
        count = seen[example.content] = seen.get(example.content, -1) + 1
        places[example.content, count] = example
    return places


def _held(
    first: Saved, second: Saved, names: tuple[str, str], pairs: Sequence[tuple[str, str]]
) -> Held | None:
    """An arm of each run on the examples that both measured, where it is worth most; None without any."""
    before, after = first.scores.get(names[0], {}), second.scores.get(names[1], {})
    both = [(one, other) for one, other in pairs if one in before and other in after]
    by_split: dict[str, list[tuple[str, str]]] = {}
    for one, other in both:
        by_split.setdefault(_split(first, second, one, other), []).append((one, other))
    split = next((name for name in (*_WHERE, "") if name in by_split), None)
    if split is None:
        return None
    used = by_split[split]
    paired = paired_difference(
        [after[other] for _, other in used],
        [before[one] for one, _ in used],
        second.findings["confidence"],
        [second.asked[other].group for _, other in used] if second.asked else None,
    )
    arms = (first.arm(names[0]), second.arm(names[1]))
    plans = [arm.get("plan") for arm in arms]
    changed = None if None in plans else plans[0] != plans[1]
    return Held(*names, split, changed, paired, arms[0].get("cost"), arms[1].get("cost"))


def _split(first: Saved, second: Saved, one: str, other: str) -> str:
    """The split that a shared example stands in in both runs: empty when that is not known, or differs."""
    if not first.asked or not second.asked:
        return ""
    splits = {first.asked[one].split, second.asked[other].split}
    return splits.pop() if len(splits) == 1 else "moved"


def _changes(first: Saved, second: Saved, common: Sequence[str]) -> list[Change]:
    """What was set, answered or weighed differently."""
    one, other = first.findings, second.findings
    changes = [_change(name, one.get(key), other.get(key)) for key, name in _SETTINGS.items()]
    for name in common:
        plans = [run.arm(name).get("plan") for run in (first, second)]
        if None not in plans:
            changes += _plan_changes(name, plans[0], plans[1])
    for model, mark in one["fingerprints"].items():
        changes.append(_change(f"what {model} is", mark, other["fingerprints"].get(model, mark)))
    changes.append(_change("underdog", one["versions"].get("underdog"), other["versions"].get("underdog")))
    return [change for change in changes if change is not None]


def _plan_changes(name: str, one: Any, other: Any) -> list[Change | None]:
    """What differs inside an arm, by the path to it: `vote.inner.model`."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = dict.fromkeys([*one, *other])
        return [c for key in keys for c in _plan_changes(f"{name}.{key}", one.get(key), other.get(key))]
    # What a plan leaves out has its default.
    return [_change(name, *("default" if value is None else value for value in (one, other)))]


def _change(what: str, one: Any, other: Any) -> Change | None:
    return None if one == other else Change(what, _short(one), _short(other))


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _verdict(run: Saved) -> str:
    verdict = run.findings["verdict"]
    return f"{run.findings['winner']} {verdict.get('headline', verdict['kind'])}"


def _some(run: Saved) -> str:
    ids = list(run.asked) or list(dict.fromkeys(trial.example for trial in run.trials))
    return f"{run.place} has {len(ids):,} such as {ids[0]!r}" if ids else f"{run.place} has none"
