"""Evidence: what a diagnosis rests on, as columns of trials. Gathers nothing and concludes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from underdog.errors import ContractError
from underdog.example import Example
from underdog.levers.retrieve import Retrieve
from underdog.studies.measure import Column
from underdog.task import Task

__all__ = ["Evidence"]


@dataclass(frozen=True)
class Evidence:
    """What a diagnosis rests on: columns over the examples of one task, in the same order.

    Attributes:
        small, large: names of the two models that the study is about; keys of `greedy`.
        greedy: every model of the study, read strictly; one trial an example.
        lenient: the same calls, read leniently.
        draws: k sampled repeats per example, of the models that could be sampled.
        probes: probe name -> model -> column: the same examples asked in another way, read strictly as in
            `greedy`. Known are "gold passage", "wrong passage", "found passages" (by the study's own lever),
            "shots", "shots, labels shuffled" and "steps" (asked to write the steps before the answer).
        missing: what could not be gathered -> why, in words.
        parameters: model -> how many weights it has, where that is known.
        lenient_draws: the draws read leniently. Without them draws are compared strictly, form and all.
        retriever: the lever that found the "found passages".

    `greedy` and `lenient` hold all of the examples; draws and probes may be of fewer, in any order.

    Raises:
        ContractError: a column is about other examples, or `greedy` lacks one of the two models.
    """

    task: Task
    examples: tuple[Example, ...]
    small: str
    large: str
    greedy: Mapping[str, Column]
    lenient: Mapping[str, Column] = field(default_factory=dict)
    draws: Mapping[str, Column] = field(default_factory=dict)
    probes: Mapping[str, Mapping[str, Column]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, float] = field(default_factory=dict)
    lenient_draws: Mapping[str, Column] = field(default_factory=dict)
    retriever: Retrieve | None = None

    def __post_init__(self) -> None:
        ids = tuple(example.id for example in self.examples)
        for name in (self.small, self.large):
            if name not in self.greedy:
                raise ContractError(f"evidence: greedy must hold {name!r}; it holds {', '.join(self.greedy)}")
        for kind, columns in {"greedy": self.greedy, "lenient": self.lenient}.items():
            for model, column in columns.items():
                if tuple(column.examples) != ids or len(column.trials) != len(ids):
                    raise _other(f"{kind} of {model}", "hold one trial of each of", column, ids)
        several = {"draws": self.draws, "lenient draws": self.lenient_draws, **self.probes}
        for kind, columns in several.items():
            for model, column in columns.items():
                strange = not set(column.examples) <= set(ids)
                if strange or not column.examples or len(column.trials) % len(column.examples):
                    raise _other(f"{kind} of {model}", "hold equally many trials of some of", column, ids)


def _other(what: str, must: str, column: Column, ids: tuple[str, ...]) -> ContractError:
    came = f"{len(column.trials)} trials of {len(column.examples)} examples"
    return ContractError(f"evidence: {what} must {must} the {len(ids)} examples; it holds {came}")
