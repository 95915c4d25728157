"""Task: examples, how they are asked, how the answer is read and scored, and how they are split.

A task is split by the hash of each example's group into fit, tune, certify and test; test is looked at
once. `task_from` makes one out of the mapping in a study file; `proof.py` checks it before money is spent.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import yaml

from underdog.answerer import Answerer, Request, Sampling
from underdog.data.described import examples_from
from underdog.errors import DataError, StudyError
from underdog.example import Example
from underdog.reading import Reading, near, reading_from
from underdog.scorers import AskingScorer, Label, Scorer, scorer_from
from underdog.scorers.scorer import text_of

__all__ = ["SHARES", "SPLITS", "Example", "Task", "load_task", "placed", "task_from"]

Metric: TypeAlias = Literal["accuracy", "macro_f1", "mcc", "kappa"]

SPLITS = ("fit", "tune", "certify", "test")
SHARES: Mapping[str, float] = MappingProxyType({"fit": 0.2, "tune": 0.2, "certify": 0.3, "test": 0.3})
KEYS = (
    "name", "data", "format", "where", "input", "messages", "system", "target", "id", "group", "split",
    "read", "score", "sampling", "tools", "response_format", "splits", "limit", "sample", "seed", "skip",
    "reference", "metrics", "caution",
)  # fmt: skip
TEST_ONLY = "test"
# So that a group's split has nothing to do with how others split by the hash of the same names.
SALT = b"underdog/split/1/"
METRICS: tuple[Metric, ...] = ("accuracy", "macro_f1", "mcc", "kappa")
"""Metrics that are not means over items (and accuracy, beside them); computed by `statistics.metrics`."""
MAX_LABELS = 1000
# Names that data sets give their parts: what may be learned from is divided again.
OPEN_NAMES = ("train", "training", "dev", "validation", "valid", "val")


@dataclass(frozen=True)
class Task:
    """What is to be done, and how it is told whether it was done.

    Attributes:
        reading: how the final answer is read where nothing else reads it.
        shares: the part of the groups that each split gets, in expectation; they add up to 1.
        whole_test: every example is test: for comparing things that nobody fitted.
        caution: printed with every report.
        metrics: what to report beside the mean score, of METRICS; they compare `label` with what was read.
        reference: the answerer whose answers stand in for targets; None where there are targets.

    Raises:
        StudyError: no examples, two with one id, or shares that are no shares.
    """

    name: str
    examples: tuple[Example, ...]
    scorer: Scorer | AskingScorer
    reading: Reading
    sampling: Sampling = Sampling()
    shares: Mapping[str, float] = field(default_factory=lambda: SHARES)
    whole_test: bool = False
    caution: str = ""
    reference: str | None = None
    metrics: tuple[Metric, ...] = ()

    def __post_init__(self) -> None:
        if not self.examples:
            raise StudyError(f"task {self.name}: there must be at least one example; there is none")
        if len({example.id for example in self.examples}) < len(self.examples):
            raise StudyError(f"task {self.name}: the ids of examples must differ; at least two are the same")
        check_shares(self.shares)

    def request(self, example: Example) -> Request:
        """What an answerer is asked for an example."""
        return example.request(self.sampling)

    @cached_property
    def splits(self) -> Mapping[str, tuple[Example, ...]]:
        """Every split with its examples, in their order. A group is never in two splits."""
        parts: dict[str, list[Example]] = {name: [] for name in SPLITS}
        named = {example.placed.lower() for example in self.examples if example.placed}
        for example in self.examples:
            parts["test" if self.whole_test else split_of(example, self.shares, named)].append(example)
        return MappingProxyType({name: tuple(part) for name, part in parts.items()})

    def split(self, name: str) -> tuple[Example, ...]:
        """The examples of fit, tune, certify or test."""
        if name not in SPLITS:
            raise StudyError(f"a split is one of {', '.join(SPLITS)}; got {name!r}{near(name, SPLITS)}")
        return self.splits[name]

    def referred(self, finals: Mapping[str, str], reference: str) -> Task:
        """The task with another answerer's final answers (by example id) as its targets.

        Examples that it did not answer are left out, and the caution says what is measured.
        """
        answered = tuple(
            replace(example, target=finals[example.id]) for example in self.examples if example.id in finals
        )
        note = f"agreement with {reference} is measured, not correctness: there are no gold answers"
        caution = f"{self.caution}; {note}" if self.caution else note
        return replace(self, examples=answered, caution=caution, reference=reference)

    def label(self, example: Example) -> str | None:
        """The final answer that is right, as aggregate metrics compare it; None when no one answer is."""
        return self.scorer.gold(example) if example.target is not None else None

    def written(self, example: Example) -> str | None:
        """The right answer as it should be written, for demonstrations; None when none is known."""
        gold = self.label(example)
        return None if gold is None else self.reading.render(gold)


def placed(group: str, shares: Mapping[str, float]) -> str:
    """The split of a group: the place of its salted SHA-256 on the line from 0 to 1, cut by the shares.

    The same on every machine and for every set of examples; a group keeps its split as data grow.
    """
    hashed = hashlib.sha256(SALT + group.encode(errors="surrogatepass")).digest()
    place = int.from_bytes(hashed[:8], "big") / 2**64
    edge = 0.0
    names = [name for name in SPLITS if shares.get(name, 0) > 0]
    for name in names:
        edge += shares[name]
        if place < edge:
            return name
    return names[-1]


def split_of(example: Example, shares: Mapping[str, float], named: set[str]) -> str:
    """An example's split: what the data say, else by the hash of its group.

    Data that only say train and test have their train divided among the splits that they do not name.

    Raises:
        DataError: the data name a split that there is not.
    """
    said = example.placed
    if said is None:
        return placed(example.group, shares)
    said = said.lower()
    if said in SPLITS:
        return said
    if said not in OPEN_NAMES:
        listed = ", ".join((*SPLITS, *OPEN_NAMES))
        raise DataError(f"{example.place()}: the split must be one of {listed}; got {example.placed!r}")
    left = {name: shares.get(name, 0) for name in SPLITS if name not in named}
    total = sum(left.values())
    return placed(example.group, {k: v / total for k, v in left.items()}) if total > 0 else "fit"


def check_shares(shares: Mapping[str, float]) -> None:
    """Raises StudyError unless the shares are of known splits, between 0 and 1, and add up to 1."""
    for name, share in shares.items():
        if name not in SPLITS:
            raise StudyError(f"splits: must be of {', '.join(SPLITS)}; got {name!r}{near(str(name), SPLITS)}")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise StudyError(f"splits: the share of {name} must be from 0 to 1; got {share!r}")
    if not math.isclose(sum(shares.values()), 1, abs_tol=1e-6):
        raise StudyError(f"splits: the shares must add up to 1; they add up to {sum(shares.values()):g}")


def load_task(path: str | Path, models: Mapping[str, Answerer] | None = None) -> Task:
    """The task in a YAML file: the file itself, or what stands under `task:` in a study file.

    Raises:
        StudyError: no such file, no YAML, or a key that there is not.
        DataError: the data are not what the file says.
    """
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise StudyError(f"{path}: a task file must be readable YAML ({reason})") from None
    if isinstance(content, Mapping) and "task" in content:
        content = content["task"]
    if not isinstance(content, Mapping):
        raise StudyError(f"{path}: a task file must be a mapping; got {type(content).__name__}")
    return task_from({"name": path.stem, **content}, path.parent, models)


def task_from(
    mapping: Mapping[str, Any], base: str | Path = ".", models: Mapping[str, Answerer] | None = None
) -> Task:
    """A task from its description; paths start at `base`; `models` are answerers a judge may be named after.

    Raises:
        StudyError: an unknown key or option, or a combination that cannot be.
        DataError: a row is not what the description says, or its target is not what the scorer takes.
    """
    for key in mapping:
        if key not in KEYS:
            raise StudyError(f"task: {key!r} is no key; known are {', '.join(KEYS)}{near(str(key), KEYS)}")
    examples = examples_from(mapping, Path(base))
    scorer = scorer_for(mapping, examples, str(base), models)
    splits = mapping.get("splits", SHARES)
    if splits != TEST_ONLY and not isinstance(splits, Mapping):
        raise StudyError(f"splits: must be shares by name, or test for all of it; got {splits!r}")
    task = Task(
        name=str(mapping.get("name", "task")),
        examples=examples,
        scorer=scorer,
        reading=reading_for(mapping, examples, scorer),
        sampling=sampling_from(mapping.get("sampling", {})),
        shares=SHARES if splits == TEST_ONLY else splits,
        whole_test=splits == TEST_ONLY,
        caution=str(mapping.get("caution", "")),
        reference=mapping.get("reference"),
        metrics=metrics_from(mapping.get("metrics", ())),
    )
    for example in examples:
        if example.target is not None:
            scorer.gold(example)
    return task


def scorer_for(
    mapping: Mapping[str, Any],
    examples: tuple[Example, ...],
    base: str,
    models: Mapping[str, Answerer] | None,
) -> Scorer | AskingScorer:
    """The scorer of a description; a label scorer without labels takes those of the data."""
    spec = mapping.get("score", "exact")
    if not isinstance(spec, str | Mapping):
        raise StudyError(f"score: must be a scorer's name or a mapping with rule; got {spec!r}")
    scorer: Scorer | AskingScorer = scorer_from(spec, base, models)
    if isinstance(scorer, Label) and not scorer.labels:
        return Label(labels_in(examples))
    return scorer


def labels_in(examples: tuple[Example, ...]) -> tuple[str, ...]:
    """The distinct targets, sorted.

    Raises:
        StudyError: there are none, or so many that they are hardly labels.
    """
    found = {text_of(example.target) or "" for example in examples if isinstance(example.target, str | int)}
    if not 0 < len(found) <= MAX_LABELS:
        raise StudyError(
            f"score: labels taken from the targets must be 1 to {MAX_LABELS}; there are {len(found)}: "
            "list the labels, or score with exact"
        )
    return tuple(sorted(found))


def reading_for(
    mapping: Mapping[str, Any], examples: tuple[Example, ...], scorer: Scorer | AskingScorer
) -> Reading:
    """How answers are read: as the description says, with the scorer's labels, else as suits the scorer."""
    spec = mapping.get("read")
    if spec is None:
        return scorer.reading
    if not isinstance(spec, str | Mapping):
        raise StudyError(f"read: must be a rule's name or a mapping with rule; got {spec!r}")
    given: dict[str, Any] = {"rule": spec} if isinstance(spec, str) else dict(spec)
    if "label" in (given.get("rule"), given.get("then")) and "labels" not in given:
        given["labels"] = list(scorer.labels if isinstance(scorer, Label) else labels_in(examples))
    return reading_from(given)


def metrics_from(value: Any) -> tuple[Metric, ...]:
    """The names of metrics: one, or a list."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple):
        raise StudyError(f"metrics: must be a list of {', '.join(METRICS)}; got {value!r}")
    for name in names:
        if name not in METRICS:
            raise StudyError(
                f"metrics: must be of {', '.join(METRICS)}; got {name!r}{near(str(name), METRICS)}"
            )
    return tuple(names)


def sampling_from(mapping: Any) -> Sampling:
    """How tokens are drawn, from a description.

    Raises:
        StudyError: an unknown setting, or a value of the wrong type or out of range.
    """
    if not isinstance(mapping, Mapping):
        raise StudyError(f"sampling: must be a mapping; got {mapping!r}")
    known = {f.name: f.default for f in fields(Sampling)}
    given = dict(mapping)
    for key, value in given.items():
        if key not in known:
            raise StudyError(
                f"sampling: {key!r} is no setting; known are {', '.join(known)}{near(str(key), known)}"
            )
        if key == "stop":
            given[key] = (value,) if isinstance(value, str) else tuple(value or ())
            continue
        wanted = (int, float) if key in ("temperature", "top_p") else (bool,) if key == "logprobs" else (int,)
        fine = isinstance(value, wanted) and (isinstance(value, bool) == (key == "logprobs"))
        if not fine or value < 0 or (key == "max_tokens" and value < 1):
            raise StudyError(f"sampling: {key} must be a {wanted[-1].__name__}, not below 0; got {value!r}")
    return Sampling(**given)
