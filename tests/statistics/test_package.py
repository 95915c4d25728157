"""The package itself: its names load on first use, and importing it is free."""

from __future__ import annotations

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
