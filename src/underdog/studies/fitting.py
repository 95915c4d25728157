"""What levers learn before they are judged: demonstrations from fit, thresholds from tune.

Nothing here looks at certify or test.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from underdog.answerer import Answerer
from underdog.example import Example
from underdog.levers.cascade import Cascade
from underdog.levers.learner import changed, inside, learns
from underdog.studies.measure import Column, Floats
from underdog.task import Task

# More thresholds make the certificate's path longer without making it better: each is one more test.
_MOST_THRESHOLDS = 20


def fitted(answerer: Answerer, task: Task, examples: Sequence[Example]) -> Answerer:
    """The answerer with everything that has a `fit` fitted on these examples, innermost first."""

    def taught(part: Answerer) -> Answerer:
        lever: Any = part
        result: Answerer = lever.fit(examples, task.written) if hasattr(lever, "fit") else lever
        return result

    return changed(answerer, taught)


def teachable(answerer: Answerer) -> bool:
    """Whether any part of it may learn from examples or outcomes, so that it must not answer those."""
    return any(learns(part) or hasattr(part, "fit") for part in inside(answerer))


def needs_threshold(answerer: Answerer) -> bool:
    return isinstance(answerer, Cascade) and answerer.threshold is None


def thresholds(confidences: Floats) -> list[float]:
    """Candidate thresholds from safest to boldest, out of the confidences seen on tune.

    The values between which tune's answers change hands: at most 20, evenly spread over the answers.
    """
    seen = np.unique(confidences[~np.isnan(confidences)])
    if len(seen) > _MOST_THRESHOLDS:
        known = confidences[~np.isnan(confidences)]
        seen = np.unique(np.quantile(known, np.linspace(0, 1, _MOST_THRESHOLDS), method="lower"))
    return [float(value) for value in seen[::-1]]


def tuned_threshold(first: Column, large: Floats, margin: float) -> float | None:
    """The boldest threshold whose loss to the large model on tune is at most half the margin.

    A point estimate, so it promises nothing: it only ranks the cascade on the ladder until the certificate
    settles the threshold. None where even the safest loses more.
    """
    chosen = None
    for limit in thresholds(first.confidences()):
        if float(np.nanmean(cascaded(first, large, limit) - large)) < -margin / 2:
            break
        chosen = limit
    return chosen


def cascaded(first: Column, large: Floats, threshold: float) -> Floats:
    """What a cascade with this threshold scores on each example, out of its two rungs' scores."""
    readable = np.array([final is not None for final in first.finals()]).reshape(len(large), -1).all(axis=1)
    keeps = (first.confidences() >= threshold) & readable
    return np.where(keeps, first.scores(), large)
