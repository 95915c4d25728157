"""Which of several arms to take: the rule for measured means, and the odds that more pairs would change it.

A choice claims nothing: it says where to look next. What is claimed of an arm rests on `sequential.py` and on
certificates.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

import numpy as np

from underdog.statistics.quantiles import normal_tail, normal_tails, two_sided_z
from underdog.statistics.vectors import Floats, Ints

# A local model's FLOPs depend a little on what its batch shares.
SAME_COST = 1.05
# Odds of a certificate under which they say nothing, and how much worse than the best odds is still near.
_SOME_ODDS = 0.05
_NEAR_ODDS = 0.8


def cheapest_near_best(
    scores: Mapping[str, float],
    costs: Mapping[str, float | None],
    ceiling: float | None,
    margin: float,
    odds: Mapping[str, float] | None = None,
) -> str:
    """The arm to take, by mean `scores` in [0, 1] and mean `costs` of one answer in any one unit.

    Of the arms that cost less than `ceiling`, the large model's cost (of all where costs are unknown or none
    costs less), the cheapest whose score lies within half a margin of the best of them: a dearer arm must
    earn its price. Of arms that cost the same within a twentieth, the one named first. Where a cost is
    unknown among those, the best score decides: unknown is not free.

    With `odds` (of being certified, see `certificate_odds`) an arm is only near the best when its odds are
    not worse by more than a fifth: to save a little by losing the certificate is no bargain.

    Raises:
        ValueError: there are no arms.
    """
    if not scores:
        raise ValueError("there must be at least one arm to choose from")
    names = list(scores)
    paid = [costs.get(name) for name in names]
    picked = preferred(
        np.array([[scores[name]] for name in names]),
        np.array([[np.nan if cost is None else cost] for cost in paid]),
        np.array([np.nan if ceiling is None else ceiling]),
        margin,
        None if odds is None else np.array([[odds[name]] for name in names]),
    )
    return names[int(picked[0])]


def preferred(
    scores: Floats, costs: Floats, ceiling: Floats, margin: float, odds: Floats | None = None
) -> Ints:
    """The row that `cheapest_near_best` takes, for many columns of means at once, shape (columns,).

    `scores`, `costs` and `odds` have shape (arms, columns), `ceiling` (columns,); NaN is unknown.
    """
    cheaper = costs < ceiling
    pool = (cheaper | ~cheaper.any(axis=0)) & ~np.isnan(scores)
    best = np.where(pool, scores, -np.inf).max(axis=0)
    near = pool & (scores >= best - margin / 2)
    if odds is not None:
        likeliest = np.where(near, odds, 0.0).max(axis=0)
        near &= (likeliest < _SOME_ODDS) | (odds >= _NEAR_ODDS * likeliest)
    least = np.where(near & ~np.isnan(costs), costs, np.inf).min(axis=0)
    thrifty = (near & (costs <= least * SAME_COST)).argmax(axis=0)
    unpriced = (near & np.isnan(costs)).any(axis=0)
    picks: Ints = np.where(unpriced, np.where(near, scores, -np.inf).argmax(axis=0), thrifty)
    return picks


def certificate_odds(differences: Floats, margin: float, pairs: int, confidence: float = 0.95) -> float:
    """The odds that a certificate of `margin` on `pairs` fresh pairs is given, judged by these differences.

    Differences are arm minus large, shape (n,). Normal approximation of what `certificate.py` does: the bound
    lies z (sqrt(harm) + sqrt(help)) / sqrt(pairs) beyond the mean, and the fresh mean wanders around the one
    seen as both samples do. One imagined help and harm, as in `final_odds`. 0 without differences.
    """
    n = len(differences)
    if n == 0 or pairs < 1:
        return 0.0
    helped, harmed = np.maximum(differences, 0.0), np.maximum(-differences, 0.0)
    seen = [np.array(part) for part in (differences.mean(), (helped**2).mean(), (harmed**2).mean())]
    told = odds_of_certificate(
        seen[0], seen[1], seen[2], n, margin=margin, pairs=pairs, confidence=confidence
    )
    return float(told)


def odds_of_certificate(
    gaps: Floats, helps: Floats, harms: Floats, n: int, *, margin: float, pairs: int, confidence: float
) -> Floats:
    """`certificate_odds` for many arms at once, from their means over n differences, all of one shape.

    `gaps` are mean differences, `helps` and `harms` the mean squares of their positive and negative parts.
    """
    up, down = (part * n / (n + 2) + 1.0 / (n + 2) for part in (helps, harms))
    reach = two_sided_z(confidence) * (np.sqrt(up) + np.sqrt(down)) / sqrt(pairs)
    deviation = np.sqrt(np.maximum(up + down - gaps * gaps, 1e-12) * (1.0 / pairs + 1.0 / n))
    return normal_tails((reach - margin - gaps) / deviation)


def final_odds(differences: Floats, units: int, level: float, wobble: float = 1.0) -> float:
    """The odds that the mean over all `units` will be above `level`, after the first len(differences).

    Predictive power (Spiegelhalter, Freedman and Blackburn 1986, Control Clin Trials 7:8), with a flat prior
    and the normal approximation: given n of N units drawn in random order, the mean of all N lies around the
    mean seen with variance s^2 (1/n - 1/N). Two imagined differences of plus and minus `wobble` keep s from
    being nothing when nothing has differed yet. 1 or 0 once all units are in; 0.5 before the first.
    """
    n = len(differences)
    if n == 0:
        return 0.5
    mean = float(differences.mean())
    spread = 1.0 / n - 1.0 / units
    if spread <= 0.0:
        return float(mean > level)
    variance = (float(differences @ differences) + 2 * wobble**2) / (n + 2) - mean * mean * n / (n + 2)
    deviation = sqrt(max(variance, 0.0) * spread)
    return normal_tail((level - mean) / deviation) if deviation > 0.0 else float(mean > level)


def known(values: Floats) -> float | None:
    """The mean of what is not NaN; None where all of it is."""
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if len(kept) else None
