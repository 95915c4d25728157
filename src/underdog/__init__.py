"""underdog finds the lever that lets a small language model do a large one's job on your task.

The public names; everything else may move. Imports are lazy, so that `import underdog` costs little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Act": "answerer",
    "Answer": "answerer",
    "Ask": "answerer",
    "Failure": "answerer",
    "Model": "answerer",
    "Request": "answerer",
    "Sampling": "answerer",
    "Tool": "answerer",
    "ask": "answerer",
    "ask_all": "answerer",
    "play": "answerer",
    "Budget": "budget",
    "Driver": "drive",
    "Plan": "plan",
    "load_plan": "plan",
    "Spend": "trial",
    "Outcome": "trial",
    "Task": "task",
    "Example": "example",
    "load_task": "task",
    "Settings": "studies",
    "study": "studies",
    "load_study": "studies",
    "UnderdogError": "errors",
}

__all__ = sorted([*_HOME, "__version__"])  # pinned by tests/test_public_names.py

if TYPE_CHECKING:
    from underdog.answerer import (
        Act as Act,
    )
    from underdog.answerer import (
        Answer as Answer,
    )
    from underdog.answerer import (
        Ask as Ask,
    )
    from underdog.answerer import (
        Failure as Failure,
    )
    from underdog.answerer import (
        Model as Model,
    )
    from underdog.answerer import (
        Request as Request,
    )
    from underdog.answerer import (
        Sampling as Sampling,
    )
    from underdog.answerer import (
        Tool as Tool,
    )
    from underdog.answerer import (
        ask as ask,
    )
    from underdog.answerer import (
        ask_all as ask_all,
    )
    from underdog.answerer import (
        play as play,
    )
    from underdog.budget import Budget as Budget
    from underdog.drive import Driver as Driver
    from underdog.errors import UnderdogError as UnderdogError
    from underdog.plan import Plan as Plan
    from underdog.plan import load_plan as load_plan
    from underdog.studies import Settings as Settings
    from underdog.studies import load_study as load_study
    from underdog.studies import study as study
    from underdog.task import Example as Example
    from underdog.task import Task as Task
    from underdog.task import load_task as load_task
    from underdog.trial import Outcome as Outcome
    from underdog.trial import Spend as Spend


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'underdog' has no attribute {name!r}")
    value = getattr(import_module(f"underdog.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
