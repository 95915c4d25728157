"""Votes, verifiers and revisions on a world: arms for the small model that spend draws, all of them named.

The arms of one budget share their draws, so a bank of `DRAWS` is all that most of them need. Nothing is
measured here.
"""

from __future__ import annotations

from underdog.answerer import Answerer
from underdog.levers.best_of import BestOf
from underdog.levers.check import Check
from underdog.levers.confident import Confident
from underdog.levers.deep_conf import DeepConf
from underdog.levers.program import Program
from underdog.levers.revise import Revise
from underdog.levers.shortest import Shortest
from underdog.levers.vote import Vote

DRAWS = 16
CHECKERS = {"countdown": "underdog.tiny.worlds.countdown:check"}
"""Worlds whose answers can be checked without knowing them."""


def votes(small: Answerer) -> dict[str, Answerer]:
    """Votes over at most DRAWS draws: all of them, fewer, and those that stop by themselves."""
    return {
        "one draw": Vote(small, 1),
        **{f"vote of {n}": Vote(small, n) for n in (4, 8, DRAWS)},
        "stops when the lead is safe": Vote(small, DRAWS, batch=1, sure=1.0),
        "stops 95 % sure": Vote(small, DRAWS, batch=1, sure=0.95),
        "stops 80 % sure": Vote(small, DRAWS, batch=1, sure=0.8),
        "stops 95 % sure, four at a time": Vote(small, DRAWS, batch=4, sure=0.95),
        "stops at four of one mind": Vote(small, DRAWS, batch=4),
    }


def weighed(small: Answerer) -> dict[str, Answerer]:
    """DRAWS draws judged by what the small model itself gives away: its probabilities, its brevity."""
    sure, deep = Confident(small), DeepConf(small)
    return {
        "most likely draw": BestOf(sure, DRAWS),
        "vote by likelihood": BestOf(sure, DRAWS, by="sum"),
        "vote by DeepConf, upper half": BestOf(deep, DRAWS, by="sum", keep=0.5),
        "vote of the shortest 5": Shortest(small, DRAWS, 5),
        "4 chains of 3 revisions, plurality": Revise(small, 3, width=4),
    }


def verified(small: Answerer, world: str) -> dict[str, Answerer]:
    """Draws with the world's exact checker as verifier; nothing where it has none."""
    if world not in CHECKERS:
        return {}
    check = Check(Program.read(CHECKERS[world]))
    return {
        **{f"best of {n}, checked": BestOf(small, n, check) for n in (2, 4, 8, DRAWS)},
        f"best of {DRAWS}, checked, two at a time": BestOf(small, DRAWS, check, batch=2),
        "4 chains of 3 revisions, checked": Revise(small, 3, width=4, verifier=check, by="max"),
    }


def arms(small: Answerer, world: str) -> dict[str, Answerer]:
    """Every arm above."""
    return votes(small) | weighed(small) | verified(small, world)
