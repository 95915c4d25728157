"""What a running study shows: counts that are true at any moment, lines for logs, a table for terminals."""

from __future__ import annotations

import asyncio
import re

import pytest
from tests.report.tickets import engine_of, study_of

from underdog.budget import Budget, Purse
from underdog.report.live import Lines, LiveTable, Watch
from underdog.studies.run import run
from underdog.studies.session import Settings
from underdog.studies.spec import spec_from
from underdog.terms import Tally
from underdog.trial import Outcome, Spend, Trial


class Clock:
    """Time that passes when it is told to."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


def trial(arm="small", outcome=Outcome.RIGHT, score=1.0):
    return Trial(arm, "e1", 0, outcome, score, "x", None, Spend())


def test_a_failed_trial_is_done_but_has_no_score():
    watch = Watch()
    watch.stage("test", ["small", "large"], 8)
    for one in (trial(), trial(outcome=Outcome.UNREAD, score=0.0), trial(outcome=Outcome.FAILED, score=None)):
        watch.trial(one)
    arm = watch.arms["small"]
    assert (arm.done, arm.total, arm.scored, arm.unread, arm.failed, arm.score) == (3, 4, 2, 1, 1, 0.5)
    assert watch.arms["large"].score is None
    assert (watch.done, watch.total) == (3, 8)


def test_calls_are_not_told_before_the_run_begins():
    watch = Watch()
    assert watch.calls_sent is None
    assert "calls" not in watch.spend_line()


def test_calls_money_and_what_is_left_of_each_limit_are_told_as_they_stand():
    clock = Clock()
    watch = Watch(clock)
    budget, before = Budget(dollars=2.0, tokens=1000, minutes=5), Spend(tokens_in=100, dollars=0.5)
    tally, purse = Tally(), Purse(budget, before)
    watch.begin(tally, purse)
    tally.sent, tally.banked, tally.spend = 1234, 56, Spend(dollars=0.25)
    clock.seconds = 61
    assert watch.spend_line() == (
        "1,234 calls sent, 56 from the bank · spent $0.25 · elapsed 1:01 · left $1.50, 900 tokens, 3:59"
    )


def test_a_budget_without_limits_has_nothing_left_to_tell():
    watch = Watch(Clock())
    watch.begin(Tally(), Purse(Budget()))
    assert "left" not in watch.spend_line()


def test_unknown_spending_is_a_dash():
    watch = Watch(Clock())
    watch.begin(Tally(spend=Spend(dollars=None)), Purse(Budget(dollars=1), Spend(dollars=None)))
    assert "spent —" in watch.spend_line() and watch.spend_line().endswith("left —")


def test_a_log_gets_a_line_every_five_seconds_and_one_at_the_end_of_a_stage():
    clock, said = Clock(), []
    with Lines(said.append, clock) as lines:
        lines.stage("tune", ["small"], 10)
        for second in range(10):
            clock.seconds = float(second)
            lines.trial(trial())
        assert [line.split(" in ")[0] for line in said] == ["tune, 6 of 10 trials"]
        lines.stage("test", ["small"], 5)
        assert said[-1].startswith("tune, 10 of 10 trials in 0:09")
        lines.note("something worth a line")
    assert said[-2:] == ["something worth a line", "test, 0 of 5 trials in 0:00 · elapsed 0:09"]


def test_failed_trials_are_named_in_the_log():
    said = []
    with Lines(said.append, Clock()) as lines:
        lines.stage("tune", ["small"], 2)
        lines.trial(trial(outcome=Outcome.FAILED, score=None))
    assert "1 of 2 trials, 1 failed" in said[-1]


def test_the_table_shows_every_arm_and_a_dash_where_nothing_is_scored_yet(screen):
    table = LiveTable(screen)
    Watch.stage(table, "tune", ["small", "small~lenient"], 8)
    table.trial(trial())
    screen.print(table.table())
    shown = re.sub(r"\x1b\[[0-9;]*m", "", screen.file.getvalue())
    rows = [" ".join(line.split()) for line in shown.splitlines()]
    assert "small 1/4 100.0 % 1 0 0" in rows
    assert "small, leniently read 0/4 — 0 0 0" in rows
    assert "tune, 1 of 8 trials" in shown and "elapsed" in shown


def test_each_finished_stage_leaves_one_line_on_the_terminal_and_an_error_ends_the_drawing(screen):
    with pytest.raises(RuntimeError), LiveTable(screen) as table:
        table.stage("tune", ["small"], 1)
        table.trial(trial())
        table.stage("test", ["small"], 3)
        raise RuntimeError("the model is on fire")
    assert "tune, 1 of 1 trials" in screen.file.getvalue()
    assert "test, 0 of 3 trials" in screen.file.getvalue()
    assert screen.file.getvalue().endswith("\n") and screen._live_stack == []


def test_a_real_study_is_watched_from_its_first_stage_to_its_last(tmp_path):
    said = []
    with Lines(said.append) as lines:
        settings = Settings(store=tmp_path / "store.sqlite", bind=engine_of, progress=lines)
        asyncio.run(run(spec_from(study_of(tmp_path), tmp_path), settings))
        sent = lines.calls_sent
    ended = [found for line in said if (found := re.match(r"(.+), ([\d,]+) of ([\d,]+) trials in", line))]
    last = {found[1].partition(":")[0]: found for found in ended}
    assert len(last) >= 3 and all(found[2] == found[3] for found in last.values())
    assert ended[-1][1].startswith("test")
    assert sent and f"{sent:,} calls sent" in said[-1]


def test_the_legs_of_a_race_are_one_stage():
    """Arms that were stopped keep their counts; the next race starts anew."""
    said = []
    lines = Lines(said.append, clock=lambda: 0.0)
    lines.stage("race 1: 30 of 1,240", ["small", "vote"], 60)
    lines.trial(trial("vote"))
    lines.stage("race 1: 48 of 1,240", ["small"], 18)
    assert said == [] and lines.arms["small"].total == 48
    assert lines.arms["vote"].done == 1 and lines.total == 78
    lines.stage("race 2: 30 of 1,240", ["cascade"], 30)
    assert len(said) == 1 and said[0].startswith("race 1: 48 of 1,240, 1 of 78 trials")
    assert list(lines.arms) == ["cascade"]
