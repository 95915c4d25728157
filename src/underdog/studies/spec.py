"""What a study is asked to do: its task, its models, its levers, its margin and its budget.

A study file (YAML) and the Python call make the same Spec. Nothing here measures anything.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from underdog.answerer import Answerer, Model, digest
from underdog.budget import Budget
from underdog.errors import StudyError
from underdog.levers.check import Check
from underdog.levers.program import Program
from underdog.levers.read import Read
from underdog.plan import dump, load
from underdog.reading import Reading
from underdog.retrieval.collection import collected
from underdog.studies.limits import Limits
from underdog.studies.makings import Making, insist_on_fit, makings_from, unmade
from underdog.studies.upfront import REQUESTS
from underdog.studies.usual import Offers, usual_levers
from underdog.studies.variants import variants
from underdog.task import Task, task_from

KEYS = (
    "name",
    "task",
    "models",
    "levers",
    "margin",
    "confidence",
    "budget",
    "repeats",
    "seed",
    "window",
    "limits",
    "documents",
    "checker",
    "requests",
    "makers",
)
# Settings of a model in a study file that are no part of which model it is.
_DECLARED = ("where", "columns", "recorded_prompts_stand", "cost")
# Names that the study itself gives to arms.
_RESERVED = ("constant", "mix", "oracle")


@dataclass(frozen=True)
class Spec:
    """One study, ready to run. `levers` are as asked for: not yet fitted.

    `named` says whether the study names them; without names the usual ones are tried, round after round, with
    what the study `offers`. `makings` are models that the study makes itself; `requests` is how many a made
    model serves, each of which bears its part of the making.
    """

    name: str
    task: Task
    models: Mapping[str, Model]
    levers: Mapping[str, Answerer]
    margin: float = 0.02
    confidence: float = 0.95
    budget: Budget = Budget()
    repeats: int = 1
    seed: int = 0
    window: int = 512
    declared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    base: Path = field(default_factory=Path.cwd)
    limits: Limits = field(default_factory=Limits)
    named: bool = True
    offers: Offers = field(default_factory=Offers)
    requests: int = REQUESTS
    makings: Mapping[str, Making] = field(default_factory=dict)

    def read(self, name: str, lenient: bool = False) -> Read:
        """A model of the study, read as the task says."""
        return read(self.models[name], self.task.reading, lenient)

    @property
    def baselines(self) -> dict[str, Answerer]:
        """Every model alone, strictly read."""
        return {name: self.read(name) for name in self.models}

    @property
    def digest(self) -> str:
        """Content hash of what is measured: models, levers, margin, and the task's examples."""
        more = {"limits": msgspec.to_builtins(self.limits)} if self.limits.any else {}
        if self.makings:
            more["makers"] = {name: one.recipe for name, one in self.makings.items()}
        if self.requests != REQUESTS:
            more["requests"] = self.requests
        return digest(
            {
                "models": {name: dump(model) for name, model in self.models.items()},
                "levers": {name: dump(lever) for name, lever in self.levers.items()},
                "margin": self.margin,
                "confidence": self.confidence,
                "seed": self.seed,
                "repeats": self.repeats,
                "examples": [example.id for example in self.task.examples],
                **more,
            }
        )


def load_study(path: str | Path) -> Spec:
    """The study in a YAML file.

    Raises:
        StudyError: not there, not YAML, or something in it is not what it must be; the message says where.
        DataError: a line of its data is not what the task says.
    """
    import yaml

    path = Path(path)
    try:
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(f"{path}: no such study file; see examples/ for one to start from") from None
    except UnicodeDecodeError as error:
        raise StudyError(f"{path}: a study file must be UTF-8; {error}") from None
    except yaml.YAMLError as error:
        raise StudyError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(body, dict):
        raise StudyError(f"{path}: a study must be a mapping with `task` and `models`; got {body!r}")
    body.setdefault("name", path.stem)
    return spec_from(body, path.parent, str(path))


def spec_from(body: Mapping[str, Any], base: Path, where: str = "study") -> Spec:
    """A Spec from the mapping of a study file; relative file names start at `base`."""
    for key in body:
        if key not in KEYS:
            close = difflib.get_close_matches(str(key), KEYS, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise StudyError(f"{where}: unknown key {key!r} (known: {', '.join(KEYS)}){hint}")
    task = _task(body.get("task"), base, where)
    models, declared = _models(body.get("models"), where)
    makings = makings_from(body.get("makers") or {}, models, where)
    insist_on_fit(task, makings, where)
    models |= unmade(makings, models)
    names: dict[str, Answerer] = {name: read(model, task.reading) for name, model in models.items()}
    offers = _offers(body, task, base, where)
    return Spec(
        name=str(body.get("name", task.name)),
        task=task,
        models=models,
        levers=_levers(body["levers"], names, where, base) if _named(body) else usual_levers(names, offers),
        margin=_share(body, "margin", 0.02, where),
        confidence=_share(body, "confidence", 0.95, where),
        budget=_budget(body.get("budget", {}), where),
        repeats=_count(body, "repeats", 1, where),
        seed=_count(body, "seed", 0, where, least=0),
        window=_count(body, "window", 512, where),
        declared=declared,
        base=base,
        limits=_limits(body.get("limits", {}), where),
        named=_named(body),
        offers=offers,
        requests=_count(body, "requests", REQUESTS, where),
        makings=makings,
    )


def read(model: Model, reading: Reading, lenient: bool = False) -> Read:
    """The model with its final answer read as the task says."""
    options = {option.name: getattr(reading, option.name) for option in fields(reading)}
    return Read(model, **{**options, "lenient": lenient or reading.lenient})


def _task(value: Any, base: Path, where: str) -> Task:
    if isinstance(value, Task):
        return value
    if isinstance(value, str) and value.startswith("tiny/"):
        return _world({"world": value}, where)
    if isinstance(value, Mapping) and "world" in value:
        return _world(value, where)
    if isinstance(value, Mapping):
        return task_from(value, base)
    raise StudyError(f"{where}: `task` must be a mapping or an embedded world like tiny/tools; got {value!r}")


def _world(value: Mapping[str, Any], where: str) -> Task:
    """An embedded world: `{world: tiny/tools, n: 1200, seed: 0}`, or its name alone."""
    if unknown := set(value) - {"world", "n", "seed"}:
        raise StudyError(f"{where}: task: a world takes world, n and seed; got {unknown.pop()!r}")
    sizes = {"n": _count(value, "n", 1200, where), "seed": _count(value, "seed", 0, where, least=0)}
    worlds = import_module("underdog.tiny.worlds")
    made: Task = worlds.task(str(value["world"]).removeprefix("tiny/"), **sizes)
    return made


def _models(value: Any, where: str) -> tuple[dict[str, Model], dict[str, dict[str, Any]]]:
    if not isinstance(value, Mapping) or not {"small", "large"} <= set(value):
        raise StudyError(f"{where}: `models` must name at least `small` and `large`; got {value!r}")
    models: dict[str, Model] = {}
    declared: dict[str, dict[str, Any]] = {}
    for name, raw in value.items():
        if name in _RESERVED:
            raise StudyError(f"{where}: {name!r} is the name of a baseline; call the model something else")
        if not isinstance(raw, str | Mapping):
            raise StudyError(
                f"{where}: models.{name} must be a model's name or a mapping with it; got {raw!r}"
            )
        settings = dict(raw) if isinstance(raw, Mapping) else {"model": raw}
        extra = {key: settings.pop(key) for key in _DECLARED if key in settings}
        model = load(settings, where=f"{where}: models.{name}")
        if not isinstance(model, Model):
            raise StudyError(
                f"{where}: models.{name} must be a model, not a lever; put levers under `levers`"
            )
        models[str(name)] = model
        if extra:
            declared[model.name] = extra
    return models, declared


def _levers(value: Any, names: Mapping[str, Answerer], where: str, base: Path) -> dict[str, Answerer]:
    if not isinstance(value, Mapping):
        raise StudyError(f"{where}: `levers` must be a mapping of names to levers; got {value!r}")
    known = dict(names)
    levers: dict[str, Answerer] = {}
    for name, raw in value.items():
        if name in names or name in _RESERVED or "~" in str(name):
            raise StudyError(f"{where}: levers.{name}: the name is taken; choose another")
        place = f"{where}: levers.{name}"
        for arm, lever in variants(str(name), raw, partial(load, names=known, where=place, base=base), place):
            # Later levers may wrap earlier ones by name.
            levers[arm] = known[arm] = lever
    return levers


def _named(body: Mapping[str, Any]) -> bool:
    return body.get("levers") is not None


def _offers(body: Mapping[str, Any], task: Task, base: Path, where: str) -> Offers:
    """What the usual levers may use: documents and a checker, which levers that are named name themselves."""
    given = [key for key in ("documents", "checker") if body.get(key) is not None]
    if given and _named(body):
        raise StudyError(
            f"{where}: `{given[0]}` is for the usual levers, and this study names its own; give it to the "
            "levers that use it, or leave `levers` out"
        )
    checker = body.get("checker")
    if checker is not None and not isinstance(checker, str):
        raise StudyError(f'{where}: `checker` must be a program like "checks.py:right"; got {checker!r}')
    return Offers(
        None if body.get("documents") is None else collected(body["documents"], base),
        None if checker is None else Check(Program.read(checker, base), task.reading),
        labelled=bool(task.reading.labels),
    )


def _share(body: Mapping[str, Any], key: str, default: float, where: str) -> float:
    value = body.get(key, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1:
        raise StudyError(f"{where}: `{key}` must be a number between 0 and 1; got {value!r}")
    return float(value)


def _count(body: Mapping[str, Any], key: str, default: int, where: str, least: int = 1) -> int:
    value = body.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise StudyError(f"{where}: `{key}` must be a whole number of at least {least}; got {value!r}")
    return value


def _limits(value: Any, where: str) -> Limits:
    known = [item.name for item in fields(Limits)]
    if not isinstance(value, Mapping) or (set(value) - set(known)):
        raise StudyError(f"{where}: `limits` must be a mapping of {', '.join(known)}; got {value!r}")
    for name, amount in value.items():
        if not isinstance(amount, int | float) or isinstance(amount, bool) or amount <= 0:
            raise StudyError(f"{where}: limits.{name} must be a number above 0; got {amount!r}")
    return Limits(**value)


def _budget(value: Any, where: str) -> Budget:
    try:
        budget = msgspec.convert(value, Budget)
    except msgspec.ValidationError as error:
        raise StudyError(f"{where}: budget: {error}; known: dollars, tokens, minutes") from None
    if isinstance(value, Mapping) and (unknown := set(value) - {"dollars", "tokens", "minutes"}):
        raise StudyError(f"{where}: budget: unknown key {unknown.pop()!r}; known: dollars, tokens, minutes")
    amounts = (budget.dollars, budget.tokens, budget.minutes)
    if any(amount is not None and amount < 0 for amount in amounts):
        raise StudyError(f"{where}: budget: amounts must not be negative; got {value!r}")
    return budget
