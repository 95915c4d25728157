"""Routing and cascades over recorded outcomes: questions x answerers in, a policy or a "do not" out.

    from underdog.routing import read_outcomes, route
    advice = route(read_outcomes("outcomes.parquet"), default="gpt-4o")
    print(advice)                      # Route: ... | Do not route: ... | Cannot tell: ...

Arms are plans, not only models: small, small with votes, small tuned, large are four columns. Names load on
first use: importing this package imports neither numpy nor scipy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from underdog.routing.advice import Options as Options
    from underdog.routing.advice import route as route
    from underdog.routing.policy import Policy as Policy
    from underdog.routing.policy import load_policy as load_policy
    from underdog.routing.reading import read_outcomes as read_outcomes
    from underdog.routing.ruling import Advice as Advice
    from underdog.routing.table import OutcomeTable as OutcomeTable

_HOME_OF = {
    "Advice": "ruling",
    "Options": "advice",
    "OutcomeTable": "table",
    "Policy": "policy",
    "load_policy": "policy",
    "read_outcomes": "reading",
    "route": "advice",
}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'underdog.routing' has no attribute {name!r}")
    return getattr(import_module(f"underdog.routing.{home}"), name)
