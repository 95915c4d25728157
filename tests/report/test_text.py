"""The report: what its pages say, for a real study and for findings changed by hand."""

from __future__ import annotations

import copy
import re

import pytest
from tests.report.tickets import CAUTION

from underdog.report.saved import FINDINGS
from underdog.report.text import show, verdict_of
from underdog.studies.findings import plain


def flat(text):
    """The words of a page, without its boxes and line ends."""
    return " ".join(re.sub(r"[│╭╮╰╯─→]", " ", text).split())


def section(text, name):
    """The lines from a section's title to the next empty line."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(name))
    return lines[start : next((i for i in range(start, len(lines)) if not lines[i].strip()), len(lines))]


def refusal(**changes):
    return {"reason": "vote harmed 9 of 90", "needed": 1450, "n": 90, "margin": 0.02, "confidence": 0.95,
            "steps": []} | changes  # fmt: skip


def test_a_report_read_back_from_its_folder_is_the_report_of_the_finished_study(result, told):
    live = told(plain(result.findings), result.folder)
    assert told(FINDINGS.read(result.folder), result.folder) == live


def test_no_line_is_longer_than_100_columns(findings, told):
    findings["task"] = "x" * 300
    findings["cautions"] = ["long words " * 40]
    assert max(map(len, told(findings).splitlines())) <= 100


def test_a_narrow_terminal_still_gets_every_number_of_the_verdict(findings, told):
    assert flat(verdict_of(findings).sentence) in flat(told(findings, width=60))


def test_nothing_is_coloured_where_nobody_sees_colours(findings, told):
    assert "\x1b" not in told(findings)


def test_a_terminal_without_colours_gets_the_same_words(findings, told, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    screen = told(findings, force_terminal=True, width=100)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", screen)
    assert re.sub(r"\x1b\[[0-9;]*m", "", screen) == told(findings)


def test_the_verdict_is_the_whole_sentence_that_the_study_came_to(result, findings, told):
    page = told(findings)
    assert f"VERDICT {result.findings.winner} {result.findings.verdict.headline}" in flat(page)
    assert flat(result.findings.verdict.sentence) in flat(page)


def test_every_score_has_its_interval_and_its_n(result, findings, told):
    for name, arms in (("LADDER", result.findings.ladder), ("TEST", result.findings.test)):
        lines = section(told(findings), name)
        for arm in arms:
            if "~" in arm.name:
                continue
            line = next(line for line in lines if re.match(rf"[→ ] +{arm.name}\b", line))
            score = arm.score
            shown = f"{100 * score.estimate:.1f} % [{100 * score.low:.1f}, {100 * score.high:.1f}]"
            assert re.search(re.escape(shown) + rf" +{score.n} ", line)


def test_the_arrow_marks_the_judged_arm_alone(result, findings, told):
    marked = [line.split()[1] for line in section(told(findings), "TEST") if line.startswith("→")]
    assert marked == [result.findings.winner]


def test_the_ladder_says_that_it_is_from_tune_and_is_ranked(result, findings, told):
    lines = section(told(findings), "LADDER")
    assert "tune" in lines[0] and "proves nothing" in lines[0]
    shown = [float(found[1]) for line in lines if (found := re.search(r"([\d.]+) % \[", line))]
    assert shown == sorted(shown, reverse=True) and len(shown) == 4


def test_every_raced_arm_says_how_far_it_came_and_why_no_further(result, findings, told):
    findings["dropped"] = {"confident": "no confidence"}
    page = flat("\n".join(section(told(findings), "RACE")))
    for arm in result.findings.ladder:
        if arm.name != "large":
            assert f"{arm.name} after {arm.score.n}: {arm.stopped}" in page
    assert "confident never measured: no confidence" in page
    [only] = findings["rounds"]
    assert f"took {only['calls']} calls; every arm on every example would have taken {only['grid']}" in page


def test_a_race_in_folds_says_so(findings, told):
    assert findings["folds"] == 5
    assert "fit and tune in 5 folds" in section(told(findings), "LADDER")[0]
    assert "raced on tune:" in section(told(findings | {"folds": 0}), "LADDER")[0]


def test_the_frontier_lists_the_best_arms_cheapest_first_with_the_limits_they_keep(findings, told):
    findings["limits"] = {"latency_seconds": 4, "dollars_per_request": None, "parameters": None}
    for point in findings["frontier"]:
        point["best"] = point["arm"] != "vote"
        point["needs"]["seconds"] = 0.25
    lines = section(told(findings), "FRONTIER")
    shown = [name for line in lines for name in ("small", "cascade", "vote", "large") if f" {name} " in line]
    expected = [point["arm"] for point in findings["frontier"] if point["arm"] != "vote"]
    assert shown == expected
    assert "95 of 100 within" in "".join(lines) and "0.25 s" in "".join(lines)
    assert "limits that a chosen arm keeps: latency_seconds 4" in lines[-1]


def test_a_study_that_fitted_nothing_has_no_ladder(findings, told):
    assert "LADDER" not in told(findings | {"ladder": []})


def test_lenient_readings_are_a_diagnosis_and_no_arms(findings, told):
    page = told(findings)
    assert "~lenient" not in page
    scores = {arm["name"]: arm["score"]["estimate"] for arm in findings["test"]}
    lost = 100 * (scores["small~lenient"] - scores["small"])
    assert lost > 10
    line = next(line for line in section(page, "FORMAT") if " small " in line)
    assert f"{lost:+.1f} points" in line


def test_what_is_unknown_is_a_dash_and_never_a_zero(findings, told):
    arm = next(arm for arm in findings["test"] if arm["name"] == "large")
    arm["score"] |= {"estimate": None, "low": None, "high": None, "n": 0, "note": "all 9 items failed"}
    arm["cost"] = None
    findings["spend"]["dollars"] = None
    page = told(findings)
    line = next(line for line in section(page, "TEST") if " large " in line)
    assert line.split()[2:] == ["—", "0", "—", str(arm["outcomes"]["unread"]), "0"]
    assert "%" not in line and "$" not in line
    assert "spent an unknown amount" in page
    assert "—" in next(line for line in section(page, "FORMAT") if " large " in line)


def test_baselines_that_nobody_asked_have_no_unread_answers(findings, told):
    line = next(line for line in section(told(findings), "TEST") if " oracle " in line)
    assert line.split()[-2:] == ["—", "—"]


def test_a_lever_that_hands_over_says_how_often(findings, told):
    arm = next(arm for arm in findings["test"] if arm["name"] == "cascade")
    arm["escalated"] = 0.342
    line = next(line for line in section(told(findings), "TEST") if " cascade " in line)
    assert "asks large on 34.2 %" in line


def test_dollars_are_for_a_thousand_answers(findings, told):
    arm = next(arm for arm in findings["test"] if arm["name"] == "large")
    findings["unit"], arm["cost"] = "dollars", 0.00123
    page = told(findings)
    assert "cost of 1,000" in page
    assert "$1.23" in next(line for line in section(page, "TEST") if " large " in line)


def test_a_certificate_states_its_promise(findings, told):
    findings["certificate"] = {
        "label": "threshold 0.8", "index": 1, "n": 300, "helps": 4, "harms": 7, "margin": 0.02,
        "confidence": 0.9, "bound": 0.01, "method": "", "steps": [], "next_needed": 2345,
    }  # fmt: skip
    words = flat(told(findings))
    assert "is not worse than large by more than 2 points, with 90 % confidence" in words
    assert "threshold 0.8: 4 better and 7 worse of 300" in words
    assert "about 2,345 examples" in words


def test_a_refused_certificate_names_the_number_that_it_takes(findings, told):
    words = flat(told(findings | {"certificate": refusal()}))
    assert "Refused: vote harmed 9 of 90. Examples needed: 1,450; there were 90." in words


def test_a_refusal_that_no_number_would_mend_shows_a_dash(findings, told):
    assert "Examples needed: —;" in flat(told(findings | {"certificate": refusal(needed=None)}))


def test_the_large_model_needs_no_certificate(findings, told):
    assert "None is needed" in told(findings | {"certificate": None, "winner": "large"})


def test_the_caution_stands_beside_the_verdict(findings, told):
    assert f"Caution: {CAUTION[0].upper()}{CAUTION[1:]}." in flat(told(findings))
    assert "Caution" not in told(findings | {"cautions": []})


def test_failed_trials_are_told_apart_from_wrong_ones(findings, told):
    assert "failed: " not in told(findings)
    arm = next(arm for arm in findings["test"] if arm["name"] == "large")
    arm["outcomes"] = arm["outcomes"] | {"failed": 7}
    said = "failed: no answer came (large 7); left out of the scores, not counted as wrong"
    assert said in flat(told(findings))


def test_unread_answers_are_explained_where_there_are_any(findings, told):
    assert "unread: the answer was not in the form" in told(findings)
    for arm in findings["test"]:
        arm["outcomes"] = arm["outcomes"] and arm["outcomes"] | {"unread": 0}
    assert "unread: " not in told(findings)


def test_aggregate_metrics_have_a_table_of_their_own(findings, told):
    value = {"estimate": 0.8123, "low": 0.7, "high": 0.9, "n": 90, "confidence": 0.95}
    unknown = value | {"estimate": None, "low": None, "high": None}
    page = told(findings | {"metrics": {"small": {"macro_f1": value}, "large": {"macro_f1": unknown}}})
    lines = section(page, "METRICS")
    assert any("small" in line and "0.812 [0.700, 0.900]" in line for line in lines)
    assert any("large" in line and line.rstrip().endswith("—") for line in lines)
    assert "METRICS" not in told(findings)


def test_the_winner_is_set_against_the_random_mix_of_equal_cost(findings, told):
    mixed = next(one for one in findings["comparisons"] if one["b"] == "mix")
    line = next(line for line in section(told(findings), "PAIRED") if "against mix" in line)
    assert f"{100 * mixed['paired']['difference']:+.1f} [" in line
    assert line.startswith("→")


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("beats", "next underdog serve runs/tickets"),
        ("rivals", "next underdog serve runs/tickets"),
        ("falls short", "next try other levers or another small model"),
        ("cannot tell", "next see what the verdict asks for"),
    ],
)
def test_what_to_do_next_follows_from_the_verdict(findings, told, kind, wanted):
    findings["verdict"]["kind"] = kind
    assert wanted in flat(told(findings))


def test_names_that_look_like_markup_are_printed_as_they_are(findings, told):
    changed = copy.deepcopy(findings)
    for arm in changed["test"]:
        if arm["name"] == "oracle":
            arm["note"] = "[bold]x[/bold]"
    assert "[bold]x[/bold]" in flat(told(changed))


def test_the_page_names_the_folder_and_its_files(result, screen):
    show(plain(result.findings), result.folder, screen)
    for name in ("findings.json", "trials.jsonl", "plan.json"):
        assert (result.folder / name).is_file()
        assert name in screen.file.getvalue()
