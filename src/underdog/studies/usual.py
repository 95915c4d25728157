"""The levers of a study that names none: what races first, and what is wrapped around what a race chose.

Which of them suit follows from what the study has: other models, labels, documents, a checker. A diagnosis
orders them and drops what will not pay (`rounds.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from underdog.answerer import Answerer
from underdog.levers.agree import Agree
from underdog.levers.best_of import BestOf
from underdog.levers.cascade import Cascade
from underdog.levers.check import Check
from underdog.levers.confident import Confident
from underdog.levers.constrain import Constrain
from underdog.levers.few_shot import FewShot
from underdog.levers.repair import Repair
from underdog.levers.retrieve import Retrieve
from underdog.levers.route import Route
from underdog.levers.vote import Vote
from underdog.stored import Stored

SMALL, LARGE = "small", "large"
MOST_WRAPS = 4
"""The most arms that are wrapped around one."""
_DRAWS, _MORE_DRAWS = 5, 15
_CANDIDATES = 8


@dataclass(frozen=True)
class Offers:
    """What a study has besides small and large: an index of documents, a checker, labels to be held to."""

    documents: Stored | None = None
    check: Check | None = None
    labelled: bool = False


def usual_levers(models: Mapping[str, Answerer], offers: Offers) -> dict[str, Answerer]:
    """The first round's levers over these models, small and large among them: plain ones first."""
    small, large = models[SMALL], models[LARGE]
    others = tuple(model for name, model in models.items() if name not in (SMALL, LARGE))
    levers: dict[str, Answerer] = {"shots": FewShot(small)}
    if offers.labelled:
        levers["constrained"] = Constrain(small, choices="labels")
    if offers.documents is not None:
        levers["retrieve"] = Retrieve(small, offers.documents)
    levers["vote"] = Vote(small, _DRAWS)
    if offers.check is not None:
        levers["best of 8"] = _best(small, offers.check)
        levers["repair"] = Repair(small, offers.check)
    if others:
        levers["route"] = Route((small, *others, large))
        levers["agree"] = Agree((small, *others), large)
    levers["confident"] = Cascade(Confident(small), large)
    levers["cascade"] = Cascade(levers["vote"], large)
    return levers


def wraps_of(name: str, inner: Answerer, large: Answerer, offers: Offers) -> dict[str, Answerer]:
    """The levers around an arm that does not ask the large model yet.

    A vote around it, the best of its draws where they can be checked, and cascades from it to the large
    model; around a vote, more draws.
    """
    if isinstance(inner, Vote):
        more = replace(inner, n=_MORE_DRAWS)
        return {f"{name}, {_MORE_DRAWS} draws": more, f"cascade of {name}": Cascade(inner, large)}
    vote = Vote(inner, _DRAWS)
    wraps: dict[str, Answerer] = {f"vote of {name}": vote}
    if offers.check is not None and not isinstance(inner, BestOf | Repair):
        wraps[f"best of {name}"] = _best(inner, offers.check)
    return wraps | {
        f"cascade of {name}": Cascade(vote, large),
        f"cascade of confident {name}": Cascade(Confident(inner), large),
    }


def _best(inner: Answerer, check: Check) -> BestOf:
    """Two draws at a time, and no more once one has passed: the same answers for half of the draws."""
    return BestOf(inner, _CANDIDATES, check, batch=2)
