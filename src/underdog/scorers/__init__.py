"""Ways of comparing a final answer with a target, one a file.

`__all__` is the one list: a scorer's `name` is how task files call it. A scorer is a frozen dataclass with
`score(final, example)` in [0, 1], or `steps(answer, example)` when it has to ask a model; with
`gold(example)`, a final answer that deserves 1; and with `reading`, the way of reading that suits it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from underdog.answerer import Answerer, Model
from underdog.errors import StudyError
from underdog.reading import near
from underdog.scorers.contains import Contains
from underdog.scorers.exact import Exact
from underdog.scorers.json_fields import Json
from underdog.scorers.judge import Judge
from underdog.scorers.label import Label
from underdog.scorers.list_f1 import ListF1
from underdog.scorers.number import Number
from underdog.scorers.outcome import outcome_of as outcome_of
from underdog.scorers.python import Python
from underdog.scorers.regex import Regex
from underdog.scorers.scorer import AskingScorer as AskingScorer
from underdog.scorers.scorer import Scorer as Scorer
from underdog.scorers.set_f1 import SetF1
from underdog.scorers.token_f1 import TokenF1
from underdog.scorers.tool_call import ToolCalls

__all__ = [
    "Contains",
    "Exact",
    "Json",
    "Judge",
    "Label",
    "ListF1",
    "Number",
    "Python",
    "Regex",
    "SetF1",
    "TokenF1",
    "ToolCalls",
]

SCORERS: Mapping[str, type[Any]] = {globals()[cls].name: globals()[cls] for cls in __all__}
"""Scorer by its name in task files."""

TYPES: Mapping[str, tuple[type, ...]] = {
    "bool": (bool,),
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "tuple[str, ...]": (list, tuple),
}


def scorer_from(
    spec: str | Mapping[str, Any], base: str = ".", models: Mapping[str, Answerer] | None = None
) -> Any:
    """A scorer from a task file: its name, or a mapping of `rule` (the name) and its options.

    `models` are the answerers that a judge may be named after; another name is a model's own.

    Raises:
        StudyError: an unknown scorer or option, a missing option, or a value of the wrong type.
    """
    given: dict[str, Any] = {"rule": spec} if isinstance(spec, str) else dict(spec)
    name = given.pop("rule", None)
    if name not in SCORERS:
        listed = ", ".join(SCORERS)
        raise StudyError(f"score: the rule must be one of {listed}; got {name!r}{near(str(name), SCORERS)}")
    cls = SCORERS[name]
    options = {option.name: option for option in fields(cls) if option.name != "base"}
    for key, value in given.items():
        if key not in options:
            listed = ", ".join(options) or "no options"
            raise StudyError(f"score: {name} takes {listed}; got {key!r}{near(key, options)}")
        given[key] = typed(name, key, value, str(options[key].type), models or {})
    for key, option in options.items():
        if option.default is MISSING and option.default_factory is MISSING and key not in given:
            raise StudyError(f"score: {name} needs {key!r}, which was not given")
    return cls(**given, base=base) if cls is Python else cls(**given)


def typed(name: str, key: str, value: Any, wanted: str, models: Mapping[str, Answerer]) -> Any:
    """An option's value as its field holds it."""
    if wanted == "Answerer" and isinstance(value, str):
        return models.get(value, Model(value))
    right = TYPES.get(wanted)
    if right is None:
        return value
    if not isinstance(value, right) or (isinstance(value, bool) and wanted != "bool"):
        raise StudyError(f"score: {key} of {name} must be a {wanted.partition('[')[0]}; got {value!r}")
    return tuple(map(str, value)) if isinstance(value, list | tuple) else value
