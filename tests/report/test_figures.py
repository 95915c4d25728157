"""Single numbers: one way to write each, and a dash for what is unknown."""

from __future__ import annotations

import pytest

from underdog.report import figures
from underdog.studies.cost import in_words

NAN = float("nan")


def interval(estimate, low=None, high=None):
    return {"estimate": estimate, "low": low, "high": high}


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        (figures.percent(0.874), "87.4 %"),
        (figures.percent(0), "0.0 %"),
        (figures.interval(interval(0.874, 0.855, 0.891)), "87.4 % [85.5, 89.1]"),
        (figures.interval(interval(1.0, 0.962, 1.0)), "100.0 % [96.2, 100.0]"),
        (figures.interval(interval(0.5)), "50.0 % [—]"),
        (figures.plain_interval(interval(-0.1, -0.2, 0.05)), "-0.100 [-0.200, 0.050]"),
        (figures.whole_percent(0.95), "95 %"),
        (figures.whole_percent(0.995), "99.5 %"),
        (figures.margin(0.02), "2 points"),
        (figures.margin(0.01), "1 point"),
        (figures.margin(0.025), "2.5 points"),
        (figures.points(-0.007), "-0.7"),
        (figures.points(0.012), "+1.2"),
        (figures.points_interval({"difference": -0.007, "low": -0.021, "high": 0.006}), "-0.7 [-2.1, +0.6]"),
        (figures.count(1234567), "1,234,567"),
        (figures.dollars(0), "$0"),
        (figures.dollars(12.3), "$12.30"),
        (figures.dollars(1234.5), "$1,234.50"),
        (figures.dollars(0.0999), "$0.10"),
        (figures.dollars(0.05), "$0.05"),
        (figures.dollars(0.0042), "$0.0042"),
        (figures.dollars(0.004), "$0.004"),
        (figures.dollars(1.26e-6), "$0.0000013"),
        (figures.clock(7.9), "0:07"),
        (figures.clock(760), "12:40"),
        (figures.clock(7380), "2:03:00"),
        (figures.arm_title("small~lenient"), "small, leniently read"),
        (figures.arm_title("vote"), "vote"),
        (figures.model_title("openai/gpt-5-mini"), "openai/gpt-5-mini"),
        (figures.model_title("hf/Qwen/Qwen3-0.6B"), "hf/Qwen/Qwen3-0.6B"),
        (figures.model_title("hf/../here/and/there/small"), "hf/…/small"),
        (figures.model_title("replay/../data/out.jsonl.gz#gemma-2-9b"), "replay/…#gemma-2-9b"),
    ],
)
def test_numbers_are_written_for_people(written, wanted):
    assert written == wanted


@pytest.mark.parametrize("unknown", [None, NAN])
@pytest.mark.parametrize(
    "write", [figures.percent, figures.points, figures.count, figures.dollars, figures.clock]
)
def test_what_is_unknown_is_a_dash(write, unknown):
    assert write(unknown) == "—"


@pytest.mark.parametrize("write", [figures.interval, figures.plain_interval])
def test_an_interval_without_an_estimate_is_a_dash(write):
    assert write(None) == write(interval(None)) == write(interval(NAN)) == "—"


def test_a_difference_that_is_not_defined_is_a_dash():
    assert figures.points_interval({"difference": None, "low": None, "high": None}) == "—"


@pytest.mark.parametrize("unit", ["FLOPs", "tokens"])
@pytest.mark.parametrize("amount", [None, 0.0, 210.0, 3.4e9])
def test_costs_without_a_currency_are_written_as_the_studies_write_them(unit, amount):
    assert figures.cost(amount, unit) == in_words(amount, unit)


def test_a_cost_in_dollars_is_for_a_thousand_answers_and_says_so():
    assert figures.cost(0.0021, "dollars") == "$2.10"
    assert figures.cost(None, "dollars") == figures.cost(1.0, None) == "—"
    assert "1,000" in figures.cost_heading("dollars") and "1,000" not in figures.cost_heading("FLOPs")
