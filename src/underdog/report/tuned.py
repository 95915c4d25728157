"""The record of a made model as a terminal page, out of its plain data (`made.json`). No statistics here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from underdog.makers.made import FILE, load_made
from underdog.report.figures import clock, count, dollars, interval, model_title, percent, points_interval
from underdog.report.page import notes, put, table, title
from underdog.studies.cost import in_words

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Record = Mapping[str, Any]
Section = list["RenderableType"]

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 48
_CURVES = {
    "loss": "loss",
    "reward": "reward",
    "rewards/right/mean": "right",
    "rewards/form/mean": "readable",
    "rewards/accuracies": "pairs told right",
    "rewards/margins": "margin of pairs",
    "kl": "KL from the start",
    "completions/mean_length": "tokens an answer",
    "held_out_score": "held-out score",
    "held_out_readable": "held-out readable",
}


def read_made(folder: Path) -> Record:
    """The mapping in `made.json` of a folder.

    Raises:
        StudyError: nothing was made there, or it cannot be read as such.
    """
    load_made(folder)
    record: Record = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return record


def summary(made: Record) -> str:
    """What came of it, in a sentence; by how much on tune, with its interval."""
    tune = made["evidence"]["tune"]
    arms, paired = tune["arms"], tune["paired"]["small"]
    return (
        f"{made['recipe']['maker']} took {model_title(made['parent']['name'])} from "
        f"{percent(arms['small']['estimate'])} to {percent(arms['tuned']['estimate'])} on {count(tune['n'])} "
        f"examples of tune: {points_interval(paired)} points (95 % interval)."
    )


def show(made: Record, folder: Path, console: Console) -> None:
    """Print the record of the model whose files lie in `folder`."""
    put(console, _sections(made, folder))


def _sections(made: Record, folder: Path) -> Iterator[Section]:
    made_of = f"{made['recipe']['maker']} of {model_title(made['parent']['name'])}"
    yield [notes([("made", made_of), *_data(made)])]
    yield _curves(made["curves"])
    yield _tries(made["evidence"].get("tries", []))
    yield _tune(made["evidence"]["tune"])
    yield [notes([*_cautions(made), *_spent(made), *_next(made, folder)])]


def _data(made: Record) -> list[tuple[str, str]]:
    data, evidence = made["data"], made["evidence"]
    if "probe" in evidence:
        return _compressed(data, evidence)
    held = evidence["held_out"]
    return [
        ("data", f"learned from {count(data['n'])}, {count(data['held_out'])} held out, all of fit"),
        (
            "kept",
            f"step {count(held['kept']['step'])} of rank {evidence['rank']} at rate {evidence['rate']:.2g}: "
            f"{percent(held['kept']['score'])} of the held-out examples, {percent(held['before']['score'])} "
            "before. They picked it, so they flatter it.",
        ),
    ]


def _compressed(data: Record, evidence: Record) -> list[tuple[str, str]]:
    before, after = evidence["bytes"]["before"], evidence["bytes"]["after"]
    size = f"{after / 1000:,.0f} kB of weights" + (f", {after / before:.0%} of before" if before else "")
    return [
        ("data", f"read {count(data['n'])} examples of fit"),
        ("size", size),
        ("probe", evidence["probe"]["said"]),
    ]


def _curves(curves: Record) -> Section:
    shown = [(word, curves[name]) for name, word in _CURVES.items() if curves.get(name)]
    if not shown:
        return []
    made = table(["first", "", "last"])
    for word, curve in shown:
        values = [value for _, value in curve]
        made.add_row("", word, f"{values[0]:.3g}", sparkline(values), f"{values[-1]:.3g}")
    return [title("CURVES", "of the training that was kept, from its first step to its last"), made]


def sparkline(values: Sequence[float], width: int = _WIDTH) -> str:
    """Values as a line of bars, averaged into at most `width` of them; flat where all are the same."""
    parts = min(width, len(values))
    edges = [len(values) * i // parts for i in range(parts + 1)]
    means = [sum(values[start:end]) / (end - start) for start, end in pairwise(edges)]
    low, high = min(means), max(means)
    if high == low:
        return _BARS[3] * parts
    return "".join(_BARS[round((len(_BARS) - 1) * (mean - low) / (high - low))] for mean in means)


def _tries(tries: Sequence[Record]) -> Section:
    if len(tries) < 2:
        return []
    made = table(["steps", "held-out score, look by look"])
    for one in tries:
        looks = one["looks"]
        scores = " ".join(f"{100 * look['score']:.0f}" for look in looks)
        made.add_row("", f"rank {one['rank']}, rate {one['rate']:.2g}", count(looks[-1]["step"]), scores)
    return [title("TRIED", "the better half went on after each rung; percent right of the held-out"), made]


def _tune(tune: Record) -> Section:
    made = table(["score [95 % interval]", "unread", "tuned is better by, in points", "better", "worse"])
    for name, values in tune["arms"].items():
        paired = tune["paired"].get(name)
        versus = [points_interval(paired), count(paired["helps"]), count(paired["harms"])] if paired else []
        made.add_row(
            "→" if name == "tuned" else "",
            name,
            interval(values),
            count(tune["outcomes"][name]["unread"]),
            *versus,
        )
    parts: Section = [
        title("TUNE", f"{count(tune['n'])} examples that nothing was trained or picked on"),
        made,
    ]
    shares = [
        (name, f"{_share(values)} of the gain of tuned over small is there with {name} too")
        for name, values in tune["share_of_gain"].items()
    ]
    return [*parts, notes(shares)] if shares else parts


def _share(values: Record) -> str:
    if values["estimate"] is None:
        return "a share that cannot be told, as the gain itself is too unsure,"
    return interval(values)


def _cautions(made: Record) -> list[tuple[str, str]]:
    return [("caution", f"{text[:1].upper()}{text[1:]}.") for text in made["cautions"]]


def _spent(made: Record) -> list[tuple[str, str]]:
    spend = made["spend"]
    told = f"{clock(spend['seconds'])} of computing, {in_words(spend['flops'], 'FLOPs')}"
    return [("took", f"{told}, {count(spend['calls'])} calls, {dollars(spend['dollars'])}")]


def _next(made: Record, folder: Path) -> list[tuple[str, str]]:
    adapter = made["model"].get("adapter")
    setting = made["model"]["name"]
    local = folder / setting.removeprefix("hf/")
    if (
        setting.startswith("hf/") and local.exists()
    ):  # a checkpoint of its own, named from its record's folder
        setting = f"hf/{local}"
    if adapter:
        setting = f"{{model: {made['parent']['name']}, adapter: {folder / adapter}}}"
    return [("files", f"{folder}/ holds the model and {FILE}"), ("next", f"under models: tuned: {setting}")]
