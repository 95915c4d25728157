"""The package itself: its names load on first use, and importing it is free."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

import underdog.statistics as statistics


def test_importing_the_package_imports_neither_numpy_nor_scipy() -> None:
    program = (
        "import sys, underdog.statistics\n"
        "assert not {'numpy', 'scipy'} & set(sys.modules), 'imported at once'\n"
        "from underdog.statistics import paired_difference\n"
        "assert 'numpy' in sys.modules and 'scipy' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_public_name_loads_and_an_unknown_one_says_so() -> None:
    for name in statistics.__all__:
        assert getattr(statistics, name) is not None
    assert sorted(statistics.__all__) == sorted(statistics._HOME_OF)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = statistics.nothing


def test_every_result_is_made_of_plain_numbers_that_json_can_hold() -> None:
    half, bits, groups = [0.5, 0.25, 1.0] * 20, [1.0, 0.0, 1.0] * 20, [i // 2 for i in range(60)]
    results = [
        statistics.mean_interval(half, groups=groups),
        statistics.wilson(3, 9),
        statistics.clopper_pearson(3, 9),
        statistics.paired_difference(bits, half, groups=groups),
        statistics.paired_difference(bits, [0.0] * 60),
        statistics.gap_closed(half, [0.0] * 60, bits),
        statistics.certify([statistics.Candidate.from_scores("t", half, half)], 0.4),
        statistics.certify([statistics.Candidate.from_scores("t", bits, half)], 0.1),
        statistics.pairs_to_tell(statistics.paired_difference(half, bits), 0.1),
        statistics.metric_interval("mcc", ["a", "b"] * 9, ["a", "b", "b"] * 6),
        statistics.auroc(half, [True, False, True] * 20),
        statistics.auroc(half, [True] + [False] * 59),
        statistics.calibration_curve(half, [True, False] * 30),
        statistics.static_mix({"a": 0.5, "b": 0.9}, {"a": 1.0, "b": 2.0}, 1.5),
    ]
    for result in results:
        json.dumps(dataclasses.asdict(result), allow_nan=False)
