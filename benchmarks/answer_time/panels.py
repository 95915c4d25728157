"""Votes over recorded draws and recorded models, beside the figures that the data's own READMEs state.

Three draws of one model on Reasoning Gym's easy tasks; one greedy answer each of seven small models on GSM8K.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.answer_time.replay import Recordings, recorded, replayed, rg_easy, shown, versus
from benchmarks.truth.recordings import number, rows
from benchmarks.truth.table import Table

from underdog.answerer import Answerer
from underdog.levers import Agree, Panel, Vote

STATED: Mapping[str, tuple[float, float, float]] = {
    "llama-3.1-8b-instruct": (0.067, 0.109, 0.128),
    "mistral-small-3.1-24b-instruct": (0.320, 0.330, 0.397),
    "gemma-3-27b-it": (0.290, 0.307, 0.342),
    "llama-3.3-70b-instruct": (0.300, 0.343, 0.384),
    "llama-4-maverick": (0.543, 0.553, 0.625),
    "claude-3.5-sonnet": (0.549, 0.562, 0.629),
    "deepseek-r1": (0.727, 0.759, 0.812),
    "o3-mini": (0.817, 0.835, 0.871),
}
"""One draw, majority of three and oracle of three on rg_easy, as its README has them."""

SEVEN = (
    *("gemma-2-9b-it", "Yi-1.5-9B-Chat", "Meta-Llama-3.1-8B-Instruct", "Meta-Llama-3-8B-Instruct"),
    *("Qwen2-7B-Instruct", "Phi-3.5-mini-instruct", "gemma-2-2b-it"),
)
"""The models of at most 9B, the largest first: ties go to the one named first."""
LARGE = "gpt-4o-2024-08-06"


def tables() -> list[Table]:
    """Both tables."""
    return [draws(), members()]


def draws() -> Table:
    """Votes of three draws, model by model."""
    bank = rg_easy()
    table = Table(
        f"Three draws of one model: rg_easy, {len(bank.questions)} questions, percent right",
        ("model", "one draw", "vote of 3", "vote minus draw", "oracle of 3", "stated", "largest gap"),
    )
    for model in sorted(bank.models, key=lambda model: bank.mean(model).mean()):
        one, vote = bank.mean(model), bank.play(Vote(replayed(model), 3)).scores
        oracle = bank.oracle([model])
        stated = STATED.get(model)
        ours = (one.mean(), vote.mean(), oracle.mean())
        table.add(
            model,
            shown(one),
            shown(vote),
            versus(vote, one),
            shown(oracle),
            " / ".join(f"{100 * value:.1f}" for value in stated) if stated else "-",
            f"{100 * max(abs(a - b) for a, b in zip(ours, stated, strict=True)):.2f}" if stated else "-",
        )
    return table


def zeroeval() -> Recordings:
    """One greedy answer of each model on GSM8K's test set, numbers in one spelling; official scores."""
    wanted = {*SEVEN, LARGE}
    found = (row for row in rows("zeroeval_gsm8k/outputs.jsonl.gz") if row["model"] in wanted)
    return recorded(({**row, "answer": number(row["answer"])} for row in found), draws=1)


def members() -> Table:
    """Panels of different small models, and panels that hand over where they do not agree."""
    bank = zeroeval()
    seven = tuple(replayed(model) for model in SEVEN)
    large = replayed(LARGE)
    ranked = sorted(SEVEN, key=lambda model: bank.mean(model).mean(), reverse=True)
    best = tuple(map(replayed, ranked[:3]))
    arms: dict[str, tuple[Answerer, str]] = {
        "vote of seven": (Panel(seven), "92.1"),
        "best three unanimous, else gpt-4o": (Agree(best, large), "96.0 at 28.4 %"),
        "two of best three agree, else gpt-4o": (Agree(best, large, 2), "94.6 at 6.4 %"),
        "gpt-4o alone": (large, "96.2"),
    }
    table = Table(
        f"Seven models of at most 9B: zeroeval_gsm8k, {len(bank.questions)} questions, percent right",
        ("arm", "right", "minus best small", "minus gpt-4o", "small asked", "gpt-4o asked", "stated"),
    )
    small, whole = bank.mean(ranked[0]), bank.mean(LARGE)
    for name, (arm, stated) in arms.items():
        played = bank.play(arm)
        handed = played.asked[LARGE].mean()
        table.add(
            name,
            shown(played.scores),
            versus(played.scores, small),
            versus(played.scores, whole),
            f"{played.calls.mean() - handed:.2f}",
            f"{100 * handed:.1f} %",
            stated,
        )
    best_small = f"{ranked[0]} alone, the best small"
    table.add(best_small, shown(small), "-", versus(small, whole), "1.00", "0.0 %", "87.4")
    table.add("oracle of the seven", shown(bank.oracle(SEVEN)), "-", "-", "7.00", "0.0 %", "96.8")
    return table
