"""Promises for each subgroup, all of them at once: "in every group that is certified, not worse than ...".

A certificate over all requests says nothing about a language, a customer or a category that is rare among
them. Here every group has its own sequence of candidates, and the risk that any of the promises given is
broken stays within 1 - confidence: the risk is shared out evenly, and a group whose sequence is certified to
its end hands its share on to those still waiting (the graphical procedure of Bretz et al. 2009, Stat Med
28:586; the fixed sequences within are those of `certificate.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from underdog.statistics.certificate import Candidate, Certificate, Refusal, Test, certify
from underdog.statistics.quantiles import check_confidence


def certify_subgroups(
    candidates: Mapping[str, Sequence[Candidate]],
    margin: float,
    confidence: float = 0.95,
    test: Test = "clopper-pearson",
) -> dict[str, Certificate | Refusal]:
    """A certificate or a refusal for every group; together the certificates hold with `confidence`.

    `candidates` holds each group's own, from safest to boldest, counted on that group's examples alone. The
    `confidence` in a ruling is the stricter one that it was tested at; a refusal names the number of examples
    *of that group* that it would take there.

    Raises:
        ValueError: there is no group, a group has no candidate, or the margin is not in (0, 1).
    """
    if not candidates:
        raise ValueError("certify_subgroups needs at least one group with its candidates")
    risk = 1.0 - check_confidence(confidence)
    share = dict.fromkeys(candidates, risk / len(candidates))
    rulings: dict[str, Certificate | Refusal] = {}
    finished: set[str] = set()
    while True:
        for name in candidates:
            if name not in finished:
                rulings[name] = certify(candidates[name], margin, 1.0 - share[name], test)
        done = [n for n in candidates if n not in finished and _whole(rulings[n], candidates[n])]
        finished.update(done)
        waiting = [name for name in candidates if name not in finished]
        if not done or not waiting:
            return rulings
        freed = sum(share[name] for name in done)
        for name in waiting:
            share[name] += freed / len(waiting)


def _whole(ruling: Certificate | Refusal, candidates: Sequence[Candidate]) -> bool:
    return isinstance(ruling, Certificate) and ruling.index == len(candidates) - 1
