"""What is said before the first call: sizes, controls, warnings, the forecast."""

from __future__ import annotations

import io

import pytest

from underdog.report.opening import opening
from underdog.report.page import page


@pytest.fixture
def opened(findings):
    def tell(forecast="", **changes):
        out = io.StringIO()
        page(file=out).print(opening(findings["proof"] | changes, forecast))
        return " ".join(out.getvalue().split())

    return tell


def test_sizes_and_controls_are_told(opened):
    assert opened().startswith("task 240 examples: fit ")
    assert "gold answers score 100.0 %, empty ones 0.0 %" in opened()
    assert "always answering" in opened() and "the bar to clear" in opened()


def test_a_control_that_could_not_be_taken_is_left_out(opened):
    assert "empty" not in opened(empty=None)
    assert "controls" not in opened(gold=None, empty=None, shuffled=None, constant=None)


def test_every_warning_is_told(opened):
    warned = {"kind": "leaks", "level": "warning", "message": "3 of 240 leak", "count": 3, "where": []}
    assert "warning 3 of 240 leak" in opened(findings=[warned])


def test_the_forecast_is_a_sentence(opened):
    assert opened("12 calls, at most $1").endswith("forecast 12 calls, at most $1.")
