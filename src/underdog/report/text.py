"""The report of a study as terminal pages, out of its findings as plain data (`findings.json`).

One renderer for a study that just ended and for one read back from its folder. Chooses words, columns and
an order; computes no statistic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from underdog.report import figures
from underdog.report.figures import DASH, LENIENT, count, interval, points
from underdog.report.page import entries, notes, put, table, title
from underdog.studies.verdict import Kind, Verdict

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

Findings = Mapping[str, Any]
Section = list["RenderableType"]

_COMPUTED = ("constant", "mix", "oracle")
_COLOURS = {Kind.BEATS: "green", Kind.RIVALS: "green", Kind.FALLS_SHORT: "red", Kind.CANNOT_TELL: "yellow"}


def show(findings: Findings, folder: Path, console: Console) -> None:
    """Print the report of a run whose files lie in `folder`."""
    put(console, _sections(findings, folder))


def verdict_of(findings: Findings) -> Verdict:
    """The verdict, which tells its own headline and sentence."""
    return msgspec.convert(findings["verdict"], Verdict)


def _sections(findings: Findings, folder: Path) -> Iterator[Section]:
    yield _diagnosis(findings)
    yield _ladder(findings)
    yield _races(findings)
    yield _frontier(findings)
    yield _test(findings)
    yield _readings(findings)
    yield _metrics(findings["metrics"])
    yield _against(findings)
    yield [_verdict(findings)]
    yield [notes([_promise(findings), *_facts(findings, folder)])]


def _diagnosis(findings: Findings) -> Section:
    held = findings.get("diagnosis") or {}
    about = "what holds on tune, the strongest first; it orders the levers"
    return [title("DIAGNOSIS", about), entries(list(held.items()))] if held else []


def _ladder(findings: Findings) -> Section:
    if not findings["ladder"]:
        return []
    rows = _arm_table(findings)
    arms = [arm for arm in findings["ladder"] if not arm["name"].endswith(LENIENT)]
    for arm in sorted(arms, key=lambda arm: arm["score"]["estimate"] or 0.0, reverse=True):
        _arm_row(rows, arm, findings)
    folds = findings.get("folds")
    where = f"fit and tune in {folds} folds" if folds else "tune"
    return [
        title("LADDER", f"raced on {where}: it ranks the arms and picks one (→), it proves nothing"),
        rows,
    ]


def _races(findings: Findings) -> Section:
    """How the ladder came about: how far each arm was measured and why no further."""
    rounds = findings.get("rounds") or ()
    if not rounds:
        return []
    stopped = [
        (arm["name"], f"after {count(arm['score']['n'])}: {arm['stopped']}") for arm in findings["ladder"]
    ]
    unraced = [(name, f"never measured: {why}") for name, why in (findings.get("dropped") or {}).items()]
    calls = sum(one["calls"] for one in rounds)
    grid = sum(one["grid"] for one in rounds)
    spent = f"It took {count(calls)} calls; every arm on every example would have taken {count(grid)}."
    told = [(name, text) for name, text in stopped if not text.endswith(": ")]
    ended = f"{_sentence(findings['ended'])} {spent}"
    return [title("RACE", "why each arm was measured as far as it was"), entries([*told, *unraced]), ended]


def _frontier(findings: Findings) -> Section:
    """Of the raced arms those that no other betters in both cost and score, cheapest first."""
    from rich.text import Text

    points_ = [point for point in findings.get("frontier") or () if point["best"]]
    if len(points_) < 2:
        return []
    heading = figures.cost_heading(findings["unit"])
    timed = any(point["needs"]["seconds"] is not None for point in points_)
    rows = table((heading, "score", *(["95 of 100 within"] if timed else [])))
    for point in points_:
        seconds = point["needs"]["seconds"]
        rows.add_row(
            "→" if point["arm"] == findings["winner"] else "",
            Text(point["arm"]),
            figures.cost(point["cost"], findings["unit"]),
            Text(interval(point["score"])),
            *([DASH if seconds is None else f"{seconds:.3g} s"] if timed else []),
        )
    limits = {name: value for name, value in (findings.get("limits") or {}).items() if value is not None}
    kept = ", ".join(f"{name} {value:g}" for name, value in limits.items())
    return [
        title("FRONTIER", "of the raced arms, by estimate: no other costs less and scores more"),
        rows,
        *([f"limits that a chosen arm keeps: {kept}"] if kept else []),
    ]


def _test(findings: Findings) -> Section:
    rows = _arm_table(findings)
    arms = [arm for arm in findings["test"] if not arm["name"].endswith(LENIENT)]
    for arm in sorted(arms, key=lambda arm: arm["name"] in _COMPUTED):
        _arm_row(rows, arm, findings)
    about = "looked at once: the baselines and the arm that is judged (→)"
    return [title("TEST", about), rows, *_remarks(arms)]


def _remarks(arms: Sequence[Mapping[str, Any]]) -> Section:
    """What has to be said of outcomes that are neither right nor wrong, where there are any."""
    remarks: Section = []
    if any(arm["outcomes"].get("unread") for arm in arms):
        remarks.append("unread: the answer was not in the form that the task asks for; it scores 0")
    failed = {arm["name"]: arm["outcomes"].get("failed") for arm in arms}
    if broken := ", ".join(f"{name} {count(number)}" for name, number in failed.items() if number):
        remarks.append(f"failed: no answer came ({broken}); left out of the scores, not counted as wrong")
    return remarks


def _arm_table(findings: Findings) -> Table:
    level = figures.whole_percent(findings["confidence"])
    heading = figures.cost_heading(findings["unit"])
    return table((f"score [{level} interval]", "n", heading, "unread", "failed"))


def _arm_row(rows: Table, arm: Mapping[str, Any], findings: Findings) -> None:
    from rich.text import Text

    picked = arm["name"] == findings["winner"]
    outcomes = arm["outcomes"]
    style = "bold" if picked else ""
    rows.add_row(
        "→" if picked else "",
        Text.assemble((arm["name"], style), "  ", (_about(arm), "dim")),
        Text(interval(arm["score"]), style),
        count(arm["score"]["n"]),
        figures.cost(arm["cost"], findings["unit"]),
        count(outcomes["unread"]) if outcomes else DASH,
        count(outcomes["failed"]) if outcomes else DASH,
    )


def _about(arm: Mapping[str, Any]) -> str:
    """What stands behind an arm's name: how often it asks large, what the study noted, or its model."""
    if arm.get("escalated") is not None:
        return f"asks large on {figures.percent(arm['escalated'])}"
    plan = arm["plan"] or {}
    inner = plan.get("inner")
    if not arm["note"] and plan.get("lever") == "read" and isinstance(inner, Mapping):
        return figures.model_title(str(inner.get("model", "")))
    return str(arm["note"])


def _readings(findings: Findings) -> Section:
    """The models read strictly and leniently: the difference is what the form of an answer loses."""
    from rich.text import Text

    scores = {arm["name"]: arm["score"] for arm in findings["test"]}
    both = [name for name in scores if name + LENIENT in scores]
    rows = table(("as the task asks", "leniently read", "lost to format"))
    for name in both:
        strict, lenient = scores[name], scores[name + LENIENT]
        known = strict["estimate"] is not None and lenient["estimate"] is not None
        lost = f"{points(lenient['estimate'] - strict['estimate'])} points" if known else DASH
        rows.add_row("", Text(name), Text(interval(strict)), Text(interval(lenient)), lost)
    about = "what the form of the answers loses on test, not their content"
    return [title("FORMAT", about), rows] if both else []


def _metrics(metrics: Mapping[str, Mapping[str, Any]]) -> Section:
    from rich.text import Text

    names = list(dict.fromkeys(name for row in metrics.values() for name in row))
    rows = table(names)
    for arm, row in metrics.items():
        rows.add_row("", Text(arm), *(Text(figures.plain_interval(row.get(name))) for name in names))
    return [title("METRICS", "on test, over all examples together"), rows] if metrics else []


def _against(findings: Findings) -> Section:
    """Arms against each other, example by example."""
    from rich.text import Text

    pairs = findings["comparisons"]
    rows = table(("difference in points", "better", "worse", "n"))
    for one in pairs:
        paired = one["paired"]
        rows.add_row(
            "→" if one["a"] == findings["winner"] else "",
            Text(f"{one['a']} against {one['b']}"),
            Text(figures.points_interval(paired)),
            count(paired["helps"]),
            count(paired["harms"]),
            count(paired["n"]),
        )
    return [title("PAIRED", "on the same test examples"), rows] if pairs else []


def _verdict(findings: Findings) -> RenderableType:
    from rich.panel import Panel
    from rich.text import Text

    verdict = verdict_of(findings)
    colour = _COLOURS[verdict.kind]
    texts = [verdict.sentence]
    texts.extend(f"Caution: {_sentence(caution)}" for caution in findings["cautions"])
    plan = "" if verdict.kind is Kind.CANNOT_TELL else f"{verdict.plan} "
    heading = Text(f" VERDICT  {plan}{verdict.headline} ", f"bold {colour}")
    return Panel(Text("\n\n".join(texts)), title=heading, title_align="left", border_style=colour)


def _promise(findings: Findings) -> tuple[str, str]:
    """The certificate, or why there is none and what it would take."""
    ruling = findings["certificate"]
    if ruling is None:
        return "certificate", "None is needed: the plan is the large model."
    if "reason" in ruling:
        needed = count(ruling["needed"])
        return "certificate", (
            f"Refused: {ruling['reason']}. Examples needed: {needed}; there were {count(ruling['n'])}."
        )
    bolder = ruling["next_needed"]
    return "certificate", (
        f"On requests like these, {findings['winner']} is not worse than large by more than "
        f"{figures.margin(ruling['margin'])}, with {figures.whole_percent(ruling['confidence'])} confidence "
        f"({ruling['label']}: {count(ruling['helps'])} better and {count(ruling['harms'])} worse of "
        f"{count(ruling['n'])})."
        + (f" The next bolder setting takes about {count(bolder)} examples." if bolder else "")
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _facts(findings: Findings, folder: Path) -> list[tuple[str, str]]:
    dollars = findings["spend"]["dollars"]
    spent = "an unknown amount: a price is missing" if dollars is None else figures.dollars(dollars)
    sent, banked = count(findings["calls_sent"]), count(findings["calls_banked"])
    made = [(f"made {name}", sentence) for name, sentence in (findings.get("made") or {}).items()]
    return [
        *made,
        ("calls", f"{sent} sent, {banked} found in the bank; spent {spent}"),
        ("files", f"{folder}/ holds findings.json, trials.jsonl and plan.json"),
        ("next", _next(verdict_of(findings), f"underdog serve {folder}")),
    ]


def _next(verdict: Verdict, serve: str) -> str:
    """What to do with this verdict."""
    again = "then run the study again (recorded calls cost nothing)"
    if verdict.kind is Kind.FALLS_SHORT:
        return f"try other levers or another small model, {again}; to serve this plan all the same: {serve}"
    if verdict.kind is Kind.CANNOT_TELL:
        return f"see what the verdict asks for, {again}; to serve this plan meanwhile: {serve}"
    return serve
