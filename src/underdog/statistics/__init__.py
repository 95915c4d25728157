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
    from underdog.statistics.calibration import (
        Calibration,
        auroc,
        auroc_difference,
        calibration_curve,
    )
    from underdog.statistics.certificate import (
        Candidate,
        Certificate,
        Refusal,
        certificate_pairs,
        certify,
        fewest_pairs,
    )
    from underdog.statistics.choice import certificate_odds, cheapest_near_best, final_odds
    from underdog.statistics.correction import bonferroni, holm
    from underdog.statistics.gap import gap_closed
    from underdog.statistics.grid import run_grid, run_race
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
    from underdog.statistics.monitor import Alarm, Watch, certified_disagreement, restored, watch
    from underdog.statistics.paired import Paired, mcnemar, paired_difference, tango
    from underdog.statistics.power import (
        More,
        noninferiority_pairs,
        pairs_to_tell,
        superiority_pairs,
    )
    from underdog.statistics.racing import Race
    from underdog.statistics.risk_control import RiskControl, control_risk
    from underdog.statistics.sequential import PairedSequence, running_intervals
    from underdog.statistics.standing import Claim, Fate, Finish, Leg, Rules, Standing
    from underdog.statistics.subgroups import certify_subgroups
    from underdog.statistics.unconditional import noninferiority_bound, noninferiority_p

_HOMES = {
    "bounded": ("bounded_mean",),
    "calibration": ("Calibration", "auroc", "auroc_difference", "calibration_curve"),
    "certificate": (
        "Candidate",
        "Certificate",
        "Refusal",
        "certificate_pairs",
        "certify",
        "fewest_pairs",
    ),
    "choice": ("certificate_odds", "cheapest_near_best", "final_odds"),
    "correction": ("bonferroni", "holm"),
    "gap": ("gap_closed",),
    "grid": ("run_grid", "run_race"),
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
    "monitor": ("Alarm", "Watch", "certified_disagreement", "restored", "watch"),
    "paired": ("Paired", "mcnemar", "paired_difference", "tango"),
    "power": (
        "More",
        "noninferiority_pairs",
        "pairs_to_tell",
        "superiority_pairs",
    ),
    "racing": ("Race",),
    "risk_control": ("RiskControl", "control_risk"),
    "sequential": ("PairedSequence", "running_intervals"),
    "subgroups": ("certify_subgroups",),
    "unconditional": ("noninferiority_bound", "noninferiority_p"),
    "standing": ("Claim", "Fate", "Finish", "Leg", "Rules", "Standing"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Alarm",
    "Calibration",
    "Candidate",
    "Certificate",
    "Claim",
    "Fate",
    "Finish",
    "Interval",
    "Leg",
    "Mix",
    "More",
    "Paired",
    "PairedSequence",
    "Race",
    "Refusal",
    "RiskControl",
    "Rules",
    "Standing",
    "Watch",
    "accuracy",
    "auroc",
    "auroc_difference",
    "bonferroni",
    "bounded_mean",
    "calibration_curve",
    "certificate_odds",
    "certificate_pairs",
    "certified_disagreement",
    "certify",
    "certify_subgroups",
    "cheapest_near_best",
    "clopper_pearson",
    "control_risk",
    "fewest_pairs",
    "final_odds",
    "gap_closed",
    "holm",
    "kappa",
    "macro_f1",
    "mcc",
    "mcnemar",
    "mean_interval",
    "metric_interval",
    "noninferiority_bound",
    "noninferiority_p",
    "noninferiority_pairs",
    "oracle",
    "paired_difference",
    "pairs_to_tell",
    "quadratic_kappa",
    "restored",
    "run_grid",
    "run_race",
    "running_intervals",
    "static_mix",
    "superiority_pairs",
    "tango",
    "watch",
    "wilson",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'underdog.statistics' has no attribute {name!r}")
    return getattr(import_module(f"underdog.statistics.{home}"), name)
