"""Numbers in, numbers out: intervals, paired tests, certificates, sequences, power, metrics and mixes.

Nothing here knows of models, tasks or trials. Everywhere:

- a score lies in [0, 1], and None is a trial that failed: it is left out and counted, never a zero;
- a difference is plan minus large, so above zero is better;
- `confidence` is two-sided (0.95 leaves 2.5 % on each side) unless a docstring says otherwise;
- what cannot be computed is None with a `note` that says why: undefined is not zero;
- whatever draws random numbers takes a fixed seed, so the same data give the same numbers, in any row order.

Names load on first use: importing this package imports neither numpy nor scipy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from underdog.statistics.bounded import bounded_mean
    from underdog.statistics.calibration import Calibration, auroc, calibration_curve
    from underdog.statistics.certificate import (
        Candidate,
        Certificate,
        Refusal,
        certificate_pairs,
        certify,
        fewest_pairs,
    )
    from underdog.statistics.correction import bonferroni, holm
    from underdog.statistics.gap import gap_closed
    from underdog.statistics.intervals import Interval, clopper_pearson, mean_interval, wilson
    from underdog.statistics.metrics import (
        accuracy,
        kappa,
        macro_f1,
        mcc,
        metric_interval,
        quadratic_kappa,
    )
    from underdog.statistics.mix import Mix, oracle, static_mix
    from underdog.statistics.paired import Paired, mcnemar, paired_difference, tango
    from underdog.statistics.power import (
        More,
        noninferiority_pairs,
        pairs_to_tell,
        superiority_pairs,
    )
    from underdog.statistics.sequential import PairedSequence, running_intervals

_HOMES = {
    "bounded": ("bounded_mean",),
    "calibration": ("Calibration", "auroc", "calibration_curve"),
    "certificate": (
        "Candidate",
        "Certificate",
        "Refusal",
        "certificate_pairs",
        "certify",
        "fewest_pairs",
    ),
    "correction": ("bonferroni", "holm"),
    "gap": ("gap_closed",),
    "intervals": ("Interval", "clopper_pearson", "mean_interval", "wilson"),
    "metrics": (
        "accuracy",
        "kappa",
        "macro_f1",
        "mcc",
        "metric_interval",
        "quadratic_kappa",
    ),
    "mix": ("Mix", "oracle", "static_mix"),
    "paired": ("Paired", "mcnemar", "paired_difference", "tango"),
    "power": (
        "More",
        "noninferiority_pairs",
        "pairs_to_tell",
        "superiority_pairs",
    ),
    "sequential": ("PairedSequence", "running_intervals"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Calibration",
    "Candidate",
    "Certificate",
    "Interval",
    "Mix",
    "More",
    "Paired",
    "PairedSequence",
    "Refusal",
    "accuracy",
    "auroc",
    "bonferroni",
    "bounded_mean",
    "calibration_curve",
    "certificate_pairs",
    "certify",
    "clopper_pearson",
    "fewest_pairs",
    "gap_closed",
    "holm",
    "kappa",
    "macro_f1",
    "mcc",
    "mcnemar",
    "mean_interval",
    "metric_interval",
    "noninferiority_pairs",
    "oracle",
    "paired_difference",
    "pairs_to_tell",
    "quadratic_kappa",
    "running_intervals",
    "static_mix",
    "superiority_pairs",
    "tango",
    "wilson",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'underdog.statistics' has no attribute {name!r}")
    return getattr(import_module(f"underdog.statistics.{home}"), name)
