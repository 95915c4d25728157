"""What a recorded answer is declared to have cost, where the file does not say or says otherwise.

Declared in a study file under a replayed model's `cost`; how it meets the record is in `replay.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from underdog.errors import StudyError
from underdog.reading import near


@dataclass(frozen=True)
class Cost:
    """What a recorded answer is declared to have cost, where the file does not say or says otherwise.

    `input` and `output` are dollars per million tokens, `answer` dollars per answer, `calls` the model calls
    behind one recorded answer (100 for the best of 100 samples, each as long as the recorded one), and
    `parameters` the model's size, from which FLOPs are counted (2 x parameters x tokens). Tokens that were
    not recorded are then taken as one for four UTF-8 bytes.
    """

    input: float | None = None
    output: float | None = None
    answer: float | None = None
    calls: int = 1
    parameters: float | None = None

    @property
    def by_token(self) -> bool:
        return self.input is not None or self.parameters is not None


def declared_cost(file: Path, declared: Mapping[str, float]) -> Cost:
    """The Cost that a study declares for a recorded file.

    Raises:
        StudyError: an unknown name, what is no amount, or amounts that contradict each other.
    """
    known = [one.name for one in fields(Cost)]
    for name in declared:
        if name not in known:
            raise StudyError(
                f"replay of {file}: cost can name {', '.join(known)}; got {name!r}{near(name, known)}"
            )
    # YAML 1.1 reads 6e9 as a text, and 6.0e+9 as a number: both are meant.
    amounts = {name: _amount(file, name, value) for name, value in declared.items()}
    cost = Cost(**{**amounts, "calls": int(amounts.get("calls") or 1)})  # type: ignore[arg-type]
    if (cost.input is None) != (cost.output is None) or (cost.input is not None and cost.answer is not None):
        raise StudyError(
            f"replay of {file}: cost must be input and output together, or answer alone; got "
            f"{', '.join(declared)}"
        )
    return cost


def _amount(file: Path, name: str, value: Any) -> float:
    try:
        amount = float(value)
    except (TypeError, ValueError):
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise StudyError(f"replay of {file}: cost.{name} must be a number, not below 0; got {value!r}")
    return amount
