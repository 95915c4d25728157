"""Answer-time levers, one a file. Adding one is adding its file and its name to `__all__`.

`__all__` is the one list: plans, study files, the contract tests and the docs are made from it. Levers of
other packages join through the entry-point group `underdog.levers` (name = the class).
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from underdog.levers.abstain import Abstain
from underdog.levers.agree import Agree
from underdog.levers.beam import Beam
from underdog.levers.best_of import BestOf
from underdog.levers.cascade import Cascade
from underdog.levers.cascade_route import CascadeRoute
from underdog.levers.check import Check
from underdog.levers.compute import Compute
from underdog.levers.confident import Confident
from underdog.levers.constrain import Constrain
from underdog.levers.deep_conf import DeepConf
from underdog.levers.dvts import Dvts
from underdog.levers.fallback import Fallback
from underdog.levers.few_shot import FewShot
from underdog.levers.judged import Judged
from underdog.levers.ladder import Ladder
from underdog.levers.lookahead import Lookahead
from underdog.levers.panel import Panel
from underdog.levers.prompt import Prompt
from underdog.levers.read import Read
from underdog.levers.render import Render
from underdog.levers.repair import Repair
from underdog.levers.retrieve import Retrieve
from underdog.levers.revise import Revise
from underdog.levers.reward import Reward
from underdog.levers.route import Route
from underdog.levers.scored import Scored
from underdog.levers.shortest import Shortest
from underdog.levers.solve import Solve
from underdog.levers.split import Split
from underdog.levers.sticky import Sticky
from underdog.levers.tools import Tools
from underdog.levers.vote import Vote

__all__ = [
    "Abstain",
    "Agree",
    "Beam",
    "BestOf",
    "Cascade",
    "CascadeRoute",
    "Check",
    "Compute",
    "Confident",
    "Constrain",
    "DeepConf",
    "Dvts",
    "Fallback",
    "FewShot",
    "Judged",
    "Ladder",
    "Lookahead",
    "Panel",
    "Prompt",
    "Read",
    "Render",
    "Repair",
    "Retrieve",
    "Revise",
    "Reward",
    "Route",
    "Scored",
    "Shortest",
    "Solve",
    "Split",
    "Sticky",
    "Tools",
    "Vote",
]


@cache
def known() -> dict[str, type[Any]]:
    """Every lever by its name in plans and study files: the class name in lower case."""
    found = {name.lower(): globals()[name] for name in __all__}
    for point in entry_points(group="underdog.levers"):
        found.setdefault(point.name.lower(), point.load())
    return found
