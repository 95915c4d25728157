"""Routers, one a file. Adding one is adding its file, its settings to `families`, its state to `FITTED`.

A router is a frozen dataclass of settings with `fit(seen)`; what it returns is a frozen dataclass of arrays.
"""

from __future__ import annotations

from typing import Any

from underdog.routing.routers.blend import Blend, FittedBlend
from underdog.routing.routers.category import CategoryTable, FittedCategories
from underdog.routing.routers.clusters import Clusters, FittedClusters
from underdog.routing.routers.factors import Factors, FittedFactors
from underdog.routing.routers.kernel import FittedKernel, Kernel
from underdog.routing.routers.neighbours import FittedNeighbours, Neighbours
from underdog.routing.routers.ranked_clusters import FittedRankedClusters, RankedClusters
from underdog.routing.routers.ridge import FittedLinear, Ridge
from underdog.routing.routers.universal import FittedUniversal, Universal, probe_places
from underdog.routing.routers.win_rate import FittedWinRate, WinRate
from underdog.routing.seen import Router

__all__ = [
    "FITTED",
    "Blend",
    "CategoryTable",
    "Clusters",
    "Factors",
    "FittedUniversal",
    "Kernel",
    "Neighbours",
    "RankedClusters",
    "Ridge",
    "Universal",
    "WinRate",
    "families",
    "probe_places",
]

FITTED: dict[str, type[Any]] = {
    one.__name__: one
    for one in (
        FittedBlend,
        FittedCategories,
        FittedClusters,
        FittedFactors,
        FittedKernel,
        FittedLinear,
        FittedNeighbours,
        FittedRankedClusters,
        FittedUniversal,
        FittedWinRate,
    )
}
"""The classes that a saved router may be made of."""


def families(texts: bool, categories: bool) -> dict[str, list[Router]]:
    """The routers that are tried, by name, with the settings among which cross-validation chooses.

    `texts` and `categories` say what the table has for them to go by.
    """
    made: dict[str, list[Router]] = {}
    if categories:
        made["category table"] = [CategoryTable()]
    if texts:
        made |= {
            "clusters": [Clusters()],
            "ranked clusters": [RankedClusters()],
            "kNN": [Neighbours(40, 0.0), Neighbours(80, 0.0)],
            "guarded kNN": [Neighbours(80, doubt) for doubt in (0.25, 0.5, 1.0)],
            "ridge": [Ridge(10.0)],
            "kernel": [Kernel(3.0, 3.0)],
            "factors": [Factors(8, 3.0)],
            "win rate": [WinRate(sharpness) for sharpness in (10.0, 1e4)],
            "universal": [Universal(60)],
            "blend": [Blend((Kernel(3.0, 3.0), Neighbours(80, 0.0)))],
        }
    return made
